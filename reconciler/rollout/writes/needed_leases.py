"""``touches_config`` and ``touches_memory``: decide which leases a run needs."""

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
    """Return whether a run that applies a plan might write to the KubeVirt CR."""
    return shard.has_config and _touches(plan, KUBEVIRT)


def touches_memory(plan: Plan) -> bool:
    """Return whether a run that applies a plan might write to a VM."""
    return _touches(plan, VM)


def _touches(plan: Plan, kind: str) -> bool:
    return any(
        each.ref.kind == kind and (each.actions or each.effect is Effect.WAIT)
        for each in plan.decisions
    )


class NoLease:
    """A placeholder for a lease that a run does not need."""

    def held(self) -> bool:
        """Return True, because a run that does not write needs no lease."""
        return True

    def valid_s(self) -> float:
        """Return infinity, because no lease limits the requests of this run."""
        return math.inf

    def annotations(self) -> Mapping[str, str]:
        """Return no annotations, because no lease exists to read."""
        return {}

    def annotate(self, _annotations: Mapping[str, str | None]) -> bool:
        """Store nothing, and return False, because no lease exists."""
        return False

    def annotate_later(self, _annotations: Mapping[str, str | None]) -> None:
        """Store nothing, because no lease exists."""

    def abandon(self) -> None:
        """Do nothing, because no lease exists to release."""
