"""The simulated kube-apiserver: it turns a request into a response or a watch."""
