"""Recognises cozystack, whose HelmRelease installs the KubeVirt CR but cannot set its fields.

Source: cozystack v1.5.4 and v1.6.2 packages/system/kubevirt (values.yaml, templates).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.kubevirt.owners.closed import ClosedOwner

if TYPE_CHECKING:
    from reconciler.model.desired.config import HyperConvergedPolicy
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Change

NAMESPACE = "cozy-kubevirt"


def owns(live: LiveState) -> bool:
    """Return whether cozystack installed a KubeVirt CR."""
    return live.kubevirt.ref.namespace == NAMESPACE


def owner(live: LiveState, _policy: HyperConvergedPolicy) -> ClosedOwner:
    """Create the ``ClosedOwner`` for a KubeVirt CR that cozystack installed."""
    return ClosedOwner(
        name="cozystack",
        reason=Reason.OWNED_BY_COZYSTACK,
        why=f"Flux installs {live.kubevirt.ref} from cozystack's package system/kubevirt and "
        "overwrites direct changes; the package has no value for these settings",
        hint=_hint,
    )


def _hint(_changes: tuple[Change, ...]) -> str:
    return (
        "remove the settings from Git; cozystack itself sets LiveUpdate, LiveMigrate and Evict, "
        "and its package has values only for cpuAllocationRatio, extraFeatureGates, "
        "permittedHostDevices and mediatedDevicesConfiguration"
    )
