"""Simulates a Kubernetes cluster with KubeVirt, for the demo and as the oracle of the tests.

The simulator imports nothing from the rest of the package, so that a mistake in the planner cannot
hide in the simulator as well.
`worlds.load` reads a world file; `simulator.Simulator` runs it.
"""
