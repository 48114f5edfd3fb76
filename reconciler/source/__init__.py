"""Git to desired state: repositories, YAML with places, manifests and configuration."""
