"""``owner_of``: recognises the operator that manages a cluster's KubeVirt CR.

If two operators claim the CR, every change to the CR is blocked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.desired.config import HyperConvergedPolicy
from reconciler.model.plan.plan import Reason
from reconciler.plan.kubevirt.owners import owner_table
from reconciler.plan.kubevirt.owners.closed import ClosedOwner
from reconciler.plan.kubevirt.owners.kubevirt import DirectOwner

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState
    from reconciler.plan.kubevirt.owners.settings_owner import SettingsOwner


def owner_of(
    live: LiveState, policy: HyperConvergedPolicy = HyperConvergedPolicy.BLOCK
) -> SettingsOwner:
    """Return the operator that manages the KubeVirt CR of a cluster."""
    found = [each.create(live, policy) for each in owner_table.OWNERS if each.claims(live)]
    if not found:
        return DirectOwner(kubevirt=live.kubevirt)
    if len(found) == 1:
        return found[0]
    names = " and ".join(each.name for each in found)
    return ClosedOwner(
        name=names,
        reason=Reason.TWO_OWNERS,
        why=f"{names} both manage {live.kubevirt.ref}, and each overwrites the changes of the "
        "other",
        hint=lambda _changes: "let only one of these platforms manage the KubeVirt CR",
    )
