"""``reconciler demo``: runs whole scenarios on a simulated cluster."""
