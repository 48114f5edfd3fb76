"""Who writes the KubeVirt CR, and where each owner takes the settings from."""
