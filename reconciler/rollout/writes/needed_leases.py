"""Which leases a run of a plan needs, and what stands where it needs none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reconciler.model.plan.plan import Effect
from reconciler.model.references import KUBEVIRT, VM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.plan.plan import Plan
    from reconciler.model.shard import Shard


def touches_config(plan: Plan, shard: Shard) -> bool:
    """Whether a run of *plan* may write to the KubeVirt CR."""
    return shard.has_config and _touches(plan, KUBEVIRT)


def touches_memory(plan: Plan) -> bool:
    """Whether a run of *plan* may write to a VM."""
    return _touches(plan, VM)


def _touches(plan: Plan, kind: str) -> bool:
    return any(
        each.ref.kind == kind and (each.actions or each.effect is Effect.WAIT)
        for each in plan.decisions
    )


class NoLease:
    """Stands in for a lease over objects to which the run writes nothing."""

    def held(self) -> bool:
        """Nothing is written, so nothing has to be held."""
        return True

    def spare_s(self) -> float:
        """No request has to wait less for it."""
        return math.inf

    def notes(self) -> Mapping[str, str]:
        """None are kept."""
        return {}

    def note(self, _notes: Mapping[str, str | None]) -> bool:
        """Nothing is kept."""
        return False

    def abandon(self) -> None:
        """Nothing is given back anyway."""
