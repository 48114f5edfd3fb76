"""``reconciler demo``: plays whole stories on a simulated cluster."""
