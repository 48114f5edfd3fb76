"""``Calculator``: how Application-Aware Quota (AAQ) counts VMs instead of pods.

Source: kubevirt/application-aware-quota v1.8.0.
"""

from __future__ import annotations

from enum import StrEnum

GATE = "ApplicationAwareQuotaGate"
"""The scheduling gate of a pod that waits for an Application-Aware Quota (AAQ)."""
MEMORY_KEY = "requests.memory/vmi"
VMI_KEYS = frozenset({MEMORY_KEY, "requests.cpu/vmi", "requests.instances/vmi"})
"""The quota resources that AAQ's calculator DedicatedVirtualResources counts for VMs."""


class Calculator(StrEnum):
    """How Application-Aware Quota counts a VM (``vmiCalculatorConfiguration.configName``)."""

    POD_USAGE = "VmiPodUsage"
    VIRTUAL = "VirtualResources"
    DEDICATED = "DedicatedVirtualResources"
    IGNORED = "IgnoreVmiCalculator"
    EFFECTIVE = "GuestEffectiveResources"


DEFAULT_CALCULATOR = Calculator.DEDICATED
