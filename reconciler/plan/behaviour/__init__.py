"""Models how KubeVirt behaves, depending on its version and configuration."""
