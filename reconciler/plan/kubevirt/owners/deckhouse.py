"""Recognises Deckhouse virtualization, whose KubeVirt is configured by a ModuleConfig.

Deckhouse serves KubeVirt's kinds in its own API group, so this program usually finds no KubeVirt
CR in such a cluster.

Source: deckhouse/virtualization v1.10 (ModuleConfig virtualization).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.behaviour.platform import DECKHOUSE_NAMESPACE
from reconciler.plan.kubevirt.owners.closed import ClosedOwner

if TYPE_CHECKING:
    from reconciler.model.desired.config import HyperConvergedPolicy
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Change

GROUP = "internal.virtualization.deckhouse.io"
HINT = (
    "set spec.settings.featureGates and spec.settings.liveMigration in the ModuleConfig "
    "virtualization; set a VM's memory in spec.memory.size of its VirtualMachine in the API "
    "group virtualization.deckhouse.io"
)


def owns(live: LiveState) -> bool:
    """Return whether Deckhouse installed a KubeVirt CR."""
    return live.kubevirt.ref.namespace == DECKHOUSE_NAMESPACE


def owner(live: LiveState, _policy: HyperConvergedPolicy) -> ClosedOwner:
    """Create the ``ClosedOwner`` for a KubeVirt CR that Deckhouse installed."""
    return ClosedOwner(
        name="Deckhouse",
        reason=Reason.OWNED_BY_DECKHOUSE,
        why=f"Deckhouse's module virtualization manages {live.kubevirt.ref} and overwrites direct "
        "changes",
        hint=_hint,
    )


def _hint(_changes: tuple[Change, ...]) -> str:
    return HINT
