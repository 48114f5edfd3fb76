"""One request and its checks: body, schema, names, admission, refusals."""
