"""Plans many VMs, for tests that measure the size and the cost of a plan's HTML page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from support.builders import decide, make_desired, make_live, make_vm, make_vmi, q

from reconciler.model.desired.config import Canary
from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.quantity import Duration
from reconciler.model.references import vm_ref
from reconciler.model.selector import Selector
from reconciler.plan.plan_policy import PlanPolicy

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Plan

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SIZES = ("4Gi", "4Gi", "4Gi", "8Gi", "48Gi", "2Gi", "1Gi")
NODES = 40


def fleet_plan(count: int, *, per_namespace: int = 50) -> Plan:
    """Plan *count* VMs on 40 nodes: most change live, in a canary and two batches."""
    refs = [vm_ref(f"team-{n // per_namespace:03}", f"pg-{n:05}") for n in range(count)]
    live = make_live(
        *(make_vm(ref) for ref in refs),
        vmis=tuple(
            make_vmi(ref, max_guest="16Gi", node=f"node{n % NODES:02}")
            for n, ref in enumerate(refs)
        ),
        observed_at=NOW,
    )
    desired = make_desired(
        *(
            DesiredVM(
                ref=ref,
                guest=q(SIZES[n % len(SIZES)]),
                labels={"canary": "true"}
                if n % 50 == 0
                else {"stage": "test" if n % 3 == 0 else "prod"},
            )
            for n, ref in enumerate(refs)
        )
    )
    policy = PlanPolicy(
        max_per_node=1,
        batches=(Selector.parse("stage=test"),),
        canary=Canary(selector=Selector.parse("canary=true"), soak=Duration.parse("30m")),
    )
    return decide(desired, live, policy, NOW)
