"""Simulates a Kubernetes cluster with KubeVirt, for the demo and for the tests.

The simulator imports nothing from the rest of the package, so that the planner and the simulator
cannot share a mistake. The tests compare the results of the planner and the simulator.
`worlds.loads` reads a YAML file that describes a cluster; `simulator.Simulator` simulates the
cluster.
"""
