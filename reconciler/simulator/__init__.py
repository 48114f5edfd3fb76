"""An embedded cluster with KubeVirt, for the demo and as the oracle of the tests.

It imports nothing from the rest of the package, so that it shares no mistake with what it checks.
`worlds.load` reads a world file; `simulator.Simulator` runs it.
"""
