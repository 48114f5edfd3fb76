"""What a change does to a VM while it happens, and how long that may take; pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect, Verb
from reconciler.plan.timing.attempt_bound import attempt_bound_s, restart_bound_s

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.plan.plan import Decision
    from reconciler.plan.behaviour.effective_config import EffectiveConfig


class Disturbance(StrEnum):
    """What a change does to the VM while it happens."""

    NONE = "none"
    """It is stopped, new, or only takes note of a size for later."""
    MIGRATION = "migration"
    RESTART = "restart"


def disturbance(decision: Decision) -> Disturbance:
    """What carrying *decision* out does to the VM."""
    if any(each.verb is Verb.RESTART for each in decision.actions):
        return Disturbance.RESTART
    return Disturbance.MIGRATION if decision.effect is Effect.LIVE else Disturbance.NONE


def need_s(decision: Decision, live: LiveState, regime: EffectiveConfig) -> float:
    """Seconds that a window must have left for *decision* to begin; infinity for no bound.

    Args:
        decision: Of a VM.
        live: The snapshot from which it was made.
        regime: KubeVirt's settings, as they are when the change is made.
    """
    match disturbance(decision):
        case Disturbance.RESTART:
            return restart_bound_s()
        case Disturbance.MIGRATION:
            vmi = live.vmis.get(decision.ref)
            if vmi is None or decision.target is None:
                return 0.0
            return attempt_bound_s(vmi, decision.target, live, regime)
        case _:
            return 0.0
