"""Simulates kube-apiserver, which turns a request into a response or a watch."""
