"""A VM whose instance is on its way up: worth waiting for, but not for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Reason
from reconciler.plan.finding import Finding, blocked, wait

if TYPE_CHECKING:
    from reconciler.plan.vm.rules.situation import RunningVM

START_TIMEOUT_S = 900.0
"""How long a start is waited for; no claim about KubeVirt, which waits without end."""


def coming_up(running: RunningVM, reason: Reason, message: str, hint: str = "") -> Finding:
    """*message* as something to wait for; as blocked once the instance is too old for that."""
    created = running.vmi.created_at
    age_s = (running.situation.now - created).total_seconds() if created else 0.0
    if age_s < START_TIMEOUT_S:
        return wait(reason, message, hint)
    return blocked(
        Reason.NOT_STARTING,
        f"{message}, {age_s / 60:.0f} min after its instance was created",
        "look at the VM's events and its launcher pod",
    )
