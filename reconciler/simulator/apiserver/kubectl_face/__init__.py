"""What only kubectl asks for: discovery, OpenAPI, tables and printer columns.

This serves kubectl on the demo cluster; the product needs none of it. So do the protobuf encoding
(`encoding.protobuf`) and server-side apply (`patching.server_side_apply`).
"""
