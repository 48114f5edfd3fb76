"""Simulates a Kubernetes cluster with KubeVirt, for the demo and for the product's tests.

The simulator imports nothing from the rest of the package, so that the planner and the simulator
cannot share a mistake. The tests compare both. `worlds.loads` reads a world file, which describes
a cluster; `simulator.Simulator` simulates the cluster.
"""
