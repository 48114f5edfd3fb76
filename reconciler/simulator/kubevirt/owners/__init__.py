"""Simulates the operators that manage the KubeVirt CR, such as HCO and Harvester."""
