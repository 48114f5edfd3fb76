"""Tests that a run needs only the leases for the objects that the run might write."""

from __future__ import annotations

import dataclasses
import math

import pytest
from support.builders import make_desired, make_live, make_vm, make_vmi, plan_of, want

from reconciler.model.plan.plan import Effect
from reconciler.model.references import kubevirt_ref, vm_ref
from reconciler.model.shard import Shard
from reconciler.rollout.writes.needed_leases import NoLease, touches_config, touches_memory

KUBEVIRT = kubevirt_ref("kubevirt", "kubevirt")
VM = vm_ref("db", "pg-0")


def plan_with(ref, effect, *, actions):
    """Build a plan with a single decision."""
    live = make_live(make_vm(), vmis=(make_vmi(),))
    plan = plan_of(make_desired(want("2Gi")), live)
    (decision,) = [each for each in plan.decisions if each.ref.kind == "VirtualMachine"]
    assert decision.actions
    changed = dataclasses.replace(
        decision, ref=ref, effect=effect, actions=decision.actions if actions else ()
    )
    return dataclasses.replace(plan, decisions=(changed,))


@pytest.mark.parametrize(
    ("ref", "config", "memory"), [(KUBEVIRT, True, False), (VM, False, True)], ids=["CR", "VM"]
)
@pytest.mark.parametrize(
    ("effect", "actions", "may_write"),
    [
        (Effect.LIVE, True, True),
        (Effect.WAIT, False, True),
        (Effect.BLOCKED, False, False),
        (Effect.RESTART, False, False),
        (Effect.NONE, False, False),
    ],
)
def test_run_acquires_a_lease_if_objects_have_planned_changes_or_are_waiting(
    ref, config, memory, effect, actions, may_write
):
    plan = plan_with(ref, effect, actions=actions)
    assert touches_config(plan, Shard()) is (config and may_write)
    assert not touches_config(plan, Shard(index=1, total=2))
    assert touches_memory(plan) is (memory and may_write)


def test_placeholder_for_an_unneeded_lease_counts_as_held_and_stores_no_annotation():
    lease = NoLease()
    assert lease.held()
    assert lease.valid_s() == math.inf
    assert not lease.annotate({"memory.reconciler.dev/rollout": "{}"})
    assert lease.annotations() == {}
