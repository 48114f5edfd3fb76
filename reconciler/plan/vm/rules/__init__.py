"""What decides the effect on a VM: pure rules, tried in order; the first that speaks wins."""
