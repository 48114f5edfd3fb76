"""``reconciler demo``: runs the real commands on a simulated cluster."""
