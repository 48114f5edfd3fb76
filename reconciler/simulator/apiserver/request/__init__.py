"""A request and its checks: body, schema, names, admission; and the errors that it gets."""
