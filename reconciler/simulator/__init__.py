"""An embedded cluster with KubeVirt: the demonstration's stage and the tests' oracle.

It imports nothing of the rest of the package, so that no mistake is shared with what it checks.
`worlds.load` reads a world file; `simulator.Simulator` runs it.
"""
