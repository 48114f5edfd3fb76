"""How KubeVirt behaves, by version and configuration; knows no single plan."""
