"""``with_capacity_age``: warns in a plan if its data about pods and quotas is too old."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import warning
from reconciler.model.phrases import plural

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.live.capacity import Capacity
    from reconciler.model.plan.plan import Plan

CODE = "capacity-age"


def with_capacity_age(plan: Plan, capacity: Capacity, now: datetime, max_age_s: float) -> Plan:
    """Return the plan, with a warning if its data about pods and quotas is too old.

    Args:
        plan: A plan with decisions that depend on capacity.
        capacity: The data about pods and quotas from which the plan was made.
        now: The current time.
        max_age_s: The age in seconds up to which no warning is needed.
    """
    age_s = (now - capacity.observed_at).total_seconds()
    if age_s <= max_age_s:
        return plan
    found = warning(
        CODE,
        "the plan uses pods and quotas that were read at "
        f"{capacity.observed_at.astimezone(UTC):%H:%M:%S} UTC, "
        f"{plural(int(age_s // 60), 'minute')} ago, because later requests to the API server "
        "failed",
        "if this lasts, check the connection to the API server; the next plan tries to read pods "
        "and quotas again",
    )
    return replace(plan, diagnostics=(*plan.diagnostics, found))
