"""A request, its checks (body, schema, names, admission), and the errors that result."""
