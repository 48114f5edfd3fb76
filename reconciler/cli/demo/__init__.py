"""``reconciler demo``: the whole story on an embedded cluster."""
