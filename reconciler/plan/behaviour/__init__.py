"""How KubeVirt behaves, by version and configuration."""
