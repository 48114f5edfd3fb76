"""``owner_of``: recognises the operator that manages a cluster's KubeVirt CR.

HyperConverged is recognised by its owner reference, label or field manager on the CR. The other
platforms are recognised by the CR's namespace and name. If two platforms claim the CR, every
change to the CR is blocked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.desired.config import HyperConvergedPolicy
from reconciler.model.diagnostic import OWNER_UNREADABLE, Severity
from reconciler.model.live.live_owner import HARVESTER_SETTING
from reconciler.model.plan.plan import Reason
from reconciler.model.references import HYPERCONVERGED
from reconciler.plan.behaviour.platform import is_harvester
from reconciler.plan.kubevirt.owners import cozystack, deckhouse, hyperconverged
from reconciler.plan.kubevirt.owners.closed import ClosedOwner
from reconciler.plan.kubevirt.owners.harvester import HarvesterOwner
from reconciler.plan.kubevirt.owners.hyperconverged import HyperConvergedOwner
from reconciler.plan.kubevirt.owners.kubevirt import DirectOwner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.live.live_owner import LiveOwner
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Change
    from reconciler.plan.kubevirt.owners.settings_owner import SettingsOwner


def owner_of(
    live: LiveState, policy: HyperConvergedPolicy = HyperConvergedPolicy.BLOCK
) -> SettingsOwner:
    """Return the operator that manages the KubeVirt CR of a cluster."""
    found = list(_owners(live, policy))
    if not found:
        return DirectOwner(kubevirt=live.kubevirt)
    if len(found) == 1:
        return found[0]
    names = " and ".join(each.name for each in found)
    return ClosedOwner(
        name=names,
        reason=Reason.TWO_OWNERS,
        why=f"{names} both claim {live.kubevirt.ref}, and each overwrites the other",
        hint=lambda _changes: "leave the CR to one of them",
    )


def _owners(live: LiveState, policy: HyperConvergedPolicy) -> Iterator[SettingsOwner]:
    kubevirt = live.kubevirt
    if hyperconverged.owns(kubevirt):
        held = _of_kind(live, HYPERCONVERGED, kubevirt.ref.namespace)
        if len(held) == 1:
            yield HyperConvergedOwner.of(held[0], kubevirt, policy)
        else:
            yield _unreadable(live, len(held))
    if is_harvester(live):
        settings = _of_kind(live, HARVESTER_SETTING, "")
        yield HarvesterOwner(held=settings[0] if settings else None, failure=_failure(live))
    if cozystack.owns(kubevirt):
        yield cozystack.owner(kubevirt)
    if deckhouse.owns(kubevirt):
        yield deckhouse.owner(kubevirt)


def _of_kind(live: LiveState, kind: str, namespace: str) -> tuple[LiveOwner, ...]:
    return tuple(
        each for each in live.owners if (each.ref.kind, each.ref.namespace) == (kind, namespace)
    )


def _unreadable(live: LiveState, n_objects: int) -> ClosedOwner:
    namespace = live.kubevirt.ref.namespace
    found = "cannot be read" if n_objects == 0 else f"exists {n_objects} times in {namespace}"

    def hint(_changes: tuple[Change, ...]) -> str:
        if n_objects:
            return "delete every HyperConverged except the one that the operator uses"
        return _failure(live) or (
            "grant permission to list and patch hyperconvergeds in the API group hco.kubevirt.io "
            "(examples/deploy/overlays/hyperconverged), or make the change in the HyperConverged "
            "resource"
        )

    return ClosedOwner(
        name=HYPERCONVERGED,
        reason=Reason.OWNED_BY_HYPERCONVERGED,
        why=f"HyperConverged writes {live.kubevirt.ref} and reverts direct changes, and the "
        f"HyperConverged object {found}",
        hint=hint,
    )


def _failure(live: LiveState) -> str:
    """Return what the user can do if the managing operator's object could not be read.

    The result is empty if the object was read, or if only the permission to read it is missing.
    """
    return next(
        (
            each.hint
            for each in live.diagnostics
            if each.code == OWNER_UNREADABLE and each.severity is Severity.WARNING
        ),
        "",
    )
