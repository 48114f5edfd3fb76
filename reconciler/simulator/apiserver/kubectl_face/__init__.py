"""What kubectl asks for beyond objects: discovery, OpenAPI and tables."""
