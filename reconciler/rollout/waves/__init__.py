"""The waves of one run: the KubeVirt CR, then memory."""
