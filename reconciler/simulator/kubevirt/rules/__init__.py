"""KubeVirt's rules as functions of objects, configuration and version."""
