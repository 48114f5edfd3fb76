"""Decides which evictions of launcher pods virt-api denies, and which cause migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt.object_fields import LIVE_MIGRATABLE, condition_status

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.object_fields import Json

LIVE_MIGRATE: Final = "LiveMigrate"
IF_POSSIBLE: Final = "LiveMigrateIfPossible"
EXTERNAL: Final = "External"


def denial(vmi: Json) -> str | None:
    """Returns why virt-api denies the eviction of a launcher pod, or None if virt-api allows it.

    The eviction strategy of a VMI comes from its VM or, by default, from the KubeVirt CR at the
    time when the VMI started. With the strategy External, another controller has to migrate the
    VMI; the simulated cluster does not have such a controller.

    Source: v1.9.0
    pkg/virt-api/webhooks/validating-webhook/admitters/pod-eviction-admitter.go:127-183.
    """
    meta, strategy = vmi["metadata"], vmi["spec"].get("evictionStrategy")
    if strategy == LIVE_MIGRATE and not _migratable(vmi):
        name = meta["name"]
        return f"VMI {name} is configured with an eviction strategy but is not live-migratable"
    if strategy == EXTERNAL or evacuates(vmi):
        return f'Eviction triggered evacuation of VMI "{meta["namespace"]}/{meta["name"]}"'
    return None


def evacuates(vmi: Json) -> bool:
    """Returns whether KubeVirt migrates a VMI instead of evicting its launcher pod."""
    return vmi["spec"].get("evictionStrategy") in {LIVE_MIGRATE, IF_POSSIBLE} and _migratable(vmi)


def _migratable(vmi: Json) -> bool:
    return condition_status(vmi, LIVE_MIGRATABLE) == "True"
