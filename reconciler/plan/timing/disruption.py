"""``Disruption``: how a change affects a VM while the change is in progress, and for how long."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Reason, Verb
from reconciler.plan.timing.longest_attempt import START_TIMEOUT_S, longest_attempt_s

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision
    from reconciler.plan.behaviour.effective_config import EffectiveConfig


class Disruption(StrEnum):
    """How a change affects a VM while the change is in progress."""

    NONE = "none"
    """No disruption: the VM is stopped or new, is resized in place, or only its spec changes."""
    MIGRATION = "migration"
    RESTART = "restart"


def disruption_of(decision: Decision) -> Disruption:
    """Return how a planned change affects the VM while the change is in progress."""
    if any(each.verb is Verb.RESTART for each in decision.actions):
        return Disruption.RESTART
    if decision.reason is Reason.IN_PLACE:
        return Disruption.NONE
    return Disruption.MIGRATION if decision.effect is Effect.LIVE else Disruption.NONE


def window_need_s(decision: Decision, live: LiveState, config: EffectiveConfig) -> float:
    """Return for how many seconds a maintenance window must stay open for a change."""
    match disruption_of(decision):
        case Disruption.RESTART:
            return START_TIMEOUT_S
        case Disruption.MIGRATION:
            vmi = live.vmis.get(decision.ref)
            if vmi is None or decision.target is None:
                return 0.0
            return longest_attempt_s(vmi, decision.target, live, config)
        case _:
            return 0.0
