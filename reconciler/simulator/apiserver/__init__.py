"""Simulates kube-apiserver, which responds to API requests and serves watches."""
