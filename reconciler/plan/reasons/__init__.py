"""Tables of the reasons, by effect; ``reason_catalogue`` joins them.

Each entry lists the evidence, the meaning, and what the user should do.
"""
