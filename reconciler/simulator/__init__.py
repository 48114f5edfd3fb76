"""Simulates a Kubernetes cluster with KubeVirt, for the demo and for the product's tests.

The simulator imports nothing from the rest of the package, so that a mistake in the planner cannot
exist in the simulator as well. The tests compare both.
`worlds.load` reads a world file; `simulator.Simulator` runs it.
"""
