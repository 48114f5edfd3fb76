"""What a change does to a VM while it happens, and how long that may take; pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Verb
from reconciler.plan.timing.attempt_bound import START_TIMEOUT_S, attempt_bound_s

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision
    from reconciler.plan.behaviour.effective_config import EffectiveConfig


class Disruption(StrEnum):
    """What a change does to the VM while it happens."""

    NONE = "none"
    """It is stopped, new, or only takes note of a size for later."""
    MIGRATION = "migration"
    RESTART = "restart"


def disruption_of(decision: Decision) -> Disruption:
    """What carrying *decision* out does to the VM."""
    if any(each.verb is Verb.RESTART for each in decision.actions):
        return Disruption.RESTART
    return Disruption.MIGRATION if decision.effect is Effect.LIVE else Disruption.NONE


def window_need_s(decision: Decision, live: LiveState, config: EffectiveConfig) -> float:
    """Seconds that a window must have left for *decision* to begin; infinity for no bound.

    Args:
        decision: Of a VM.
        live: The snapshot from which it was made.
        config: KubeVirt's settings, as they are when the change is made.
    """
    match disruption_of(decision):
        case Disruption.RESTART:
            return START_TIMEOUT_S
        case Disruption.MIGRATION:
            vmi = live.vmis.get(decision.ref)
            if vmi is None or decision.target is None:
                return 0.0
            return attempt_bound_s(vmi, decision.target, live, config)
        case _:
            return 0.0
