"""What somebody has approved: the actions of a plan, each by its digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Effect
from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedAction:
    """One action as it was approved."""

    wave: WaveName
    digest: str
    effect: Effect
    reason: str
    change: str = ""
    """The fields with their values, for people: ``guest 8Gi -> 12Gi``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One plan as it was approved."""

    cluster: str
    """The uid of the namespace kube-system; empty where the plan did not know it."""
    revision: str
    dirty: bool = False
    """Whether files that were read differed from the commit *revision*."""
    digest: str
    """Of the whole plan."""
    actions: Mapping[ObjectRef, tuple[ApprovedAction, ...]] = field(default_factory=dict)
    """By object, in wave order; an object without actions is absent."""

    def of(self, ref: ObjectRef, wave: WaveName) -> ApprovedAction | None:
        """The action on *ref* in *wave*, if one was approved."""
        return next((each for each in self.actions.get(ref, ()) if each.wave is wave), None)
