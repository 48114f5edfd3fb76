"""Serves what only kubectl requests: discovery, OpenAPI, tables and printer columns.

The product does not need these responses; they let kubectl work with the demo cluster. The
protobuf encoding (`encoding.protobuf`) and server-side apply (`patching.server_side_apply`) are
also only for kubectl.
"""
