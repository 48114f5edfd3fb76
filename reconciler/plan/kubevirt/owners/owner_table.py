"""``OWNERS``: describes each operator that can manage a KubeVirt CR by one record.

A record contains everything that differs between operators. The readers, the informer, the
decoder, the writer and the checks of responses iterate over the records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.live.live_state import LiveState
from reconciler.model.plan.plan import Reason
from reconciler.plan.behaviour.platform import is_harvester
from reconciler.plan.kubevirt.owners import cozystack, deckhouse, harvester, hyperconverged
from reconciler.plan.kubevirt.owners.hyperconverged_fields import HYPERCONVERGED_OBJECT
from reconciler.plan.kubevirt.owners.owner_object import OwnerObject

if TYPE_CHECKING:
    from reconciler.model.desired.config import HyperConvergedPolicy
    from reconciler.plan.kubevirt.owners.settings_owner import SettingsOwner

Creates: TypeAlias = "Callable[[LiveState, HyperConvergedPolicy], SettingsOwner]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An operator that can manage a KubeVirt CR."""

    name: str
    """The operator's name; an overlay in examples/deploy has this name in lower case."""
    claims: Callable[[LiveState], bool]
    """Returns whether the operator manages the KubeVirt CR of a cluster."""
    create: Creates
    """Creates the ``SettingsOwner``, which decides where and how a setting is written."""
    group: str = ""
    """The API group that shows that the operator is installed; empty if it has none."""
    reads: OwnerObject | None = None
    """The object from which the operator writes the CR; None if no setting can be written."""
    unread: Reason | None = None
    """The reason why changes are blocked while the object cannot be read."""


OWNERS: tuple[Owner, ...] = (
    Owner(
        name="HyperConverged",
        claims=lambda live: hyperconverged.owns(live.kubevirt),
        create=hyperconverged.owner,
        group=HYPERCONVERGED_OBJECT.group,
        reads=HYPERCONVERGED_OBJECT,
        unread=Reason.OWNED_BY_HYPERCONVERGED,
    ),
    Owner(
        name="Harvester",
        claims=is_harvester,
        create=harvester.owner,
        group=harvester.SETTING.group,
        reads=harvester.SETTING,
        unread=Reason.OWNED_BY_HARVESTER,
    ),
    Owner(
        name="cozystack",
        claims=cozystack.owns,
        create=cozystack.owner,
    ),
    Owner(
        name="Deckhouse",
        claims=deckhouse.owns,
        create=deckhouse.owner,
        group=deckhouse.GROUP,
    ),
)
"""The operators that can manage a KubeVirt CR, in the order in which messages name them."""


def owner_objects() -> tuple[OwnerObject, ...]:
    """Return the kinds of objects from which operators write the KubeVirt CR."""
    return tuple(each.reads for each in OWNERS if each.reads is not None)


def object_of(kind: str) -> OwnerObject:
    """Return the description of a kind of object from which an operator writes the KubeVirt CR.

    Raises:
        KeyError: No operator reads its settings from this kind.
    """
    return {each.kind: each for each in owner_objects()}[kind]
