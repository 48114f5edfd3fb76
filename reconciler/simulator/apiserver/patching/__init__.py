"""PATCH and its four formats.

Server-side apply is there for kubectl on the demo cluster; the product does not use it.
"""
