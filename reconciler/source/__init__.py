"""Reads the desired state from Git: repositories, configuration, manifests and YAML."""
