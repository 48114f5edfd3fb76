"""Simulates kube-apiserver, which answers requests and serves watches."""
