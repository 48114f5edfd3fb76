"""Decides which memory changes resize the launcher pod in place, without a migration.

Source: inferred from the KubeVirt proposal VEP 45 (kubevirt/enhancements PR 46, "Decision Tree");
no KubeVirt release does this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import Json, dig

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.cluster_config import ClusterConfig

ANNOTATION: Final = "kubevirt.io/in-place-resize-in-progress"
"""The VMI annotation that prevents the workload updater from migrating the VMI."""
IN_PROGRESS: Final = "PodResourceResizeInProgress"
INFEASIBLE: Final = "ResizeInfeasible"


def fits(domain: Json, *, wanted: int, present: int, config: ClusterConfig) -> bool:
    """Returns whether KubeVirt makes a memory change by resizing the launcher pod in place."""
    dedicated = dig(domain, "cpu", "dedicatedCpuPlacement")
    huge = dig(domain, "memory", "hugepages")
    return config.in_place and wanted > present and not dedicated and not huge


def is_marked(vmi: Json) -> bool:
    """Returns whether an in-place resize is in progress for a VMI."""
    return ANNOTATION in (dig(vmi, "metadata", "annotations") or {})
