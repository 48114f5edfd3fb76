"""``Approval``: the approved changes of a plan, each identified by a digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Effect
from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedAction:
    """A planned change (action) that the user has approved."""

    wave: WaveName
    digest: str
    effect: Effect
    reason: str
    change: str = ""
    """The changed fields with their values, such as ``guest 8Gi -> 12Gi``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The planned changes that the user has approved."""

    cluster: str
    """The uid of the cluster's namespace kube-system; empty if the plan does not contain it."""
    revision: str
    dirty: bool = False
    """Whether the plan was made from files that differ from the commit *revision*."""
    digest: str
    """The digest of the whole plan."""
    actions: Mapping[ObjectRef, tuple[ApprovedAction, ...]] = field(default_factory=dict)
    """The approved changes by object, in the order of the plan's waves."""

    def of(self, ref: ObjectRef, wave: WaveName) -> ApprovedAction | None:
        """Return the approved change to an object in a wave, or None without such a change."""
        return next((each for each in self.actions.get(ref, ()) if each.wave is wave), None)
