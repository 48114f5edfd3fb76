"""From YAML documents to the objects that Git names."""
