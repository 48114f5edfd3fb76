"""Tests how many VM changes can start, given the limits of KubeVirt, the user and groups."""

from __future__ import annotations

import pytest
from support.builders import (
    condition,
    make_desired,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    want,
)

from reconciler.model.references import vm_ref
from reconciler.model.shard import Shard
from reconciler.plan.behaviour.effective_config import effective_config_of
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.rollout.limits.pacing import coming_up, disturbed, may_start

REFS = [vm_ref("db", f"vm-{n}") for n in range(8)]
NODES = [f"node0{n % 3 + 1}" for n in range(8)]


def live(**overrides):
    vms = [make_vm(ref) for ref in REFS]
    vmis = tuple(make_vmi(ref, node=node) for ref, node in zip(REFS, NODES, strict=True))
    return make_live(*vms, **({"vmis": vmis} | overrides))


def started(state, policy=None, *, busy=(), candidates=REFS, **questions):
    """Return the VMs whose changes can start, and the reason why each of the other VMs waits."""
    plan = plan_of(make_desired(*(want("2Gi", ref) for ref in REFS)), live())
    decisions = [each for each in plan.decisions if each.ref in candidates]
    waits = {}
    chosen = may_start(
        decisions,
        state,
        effective_config_of(state.kubevirt),
        policy or PlanPolicy(),
        busy=busy,
        waits=waits,
        **questions,
    )
    assert {each.ref for each in chosen} | waits.keys() == set(candidates)
    return [each.ref.name for each in chosen], {ref.name: why for ref, why in waits.items()}


def test_kubevirt_migration_limit_applies_if_the_user_configures_no_limit():
    names, waits = started(live())
    assert names == ["vm-0", "vm-1", "vm-2", "vm-3", "vm-4"]
    assert set(waits.values()) == {"the limit of 5 simultaneous changes is reached"}


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (3, 3), (9, 5)])
def test_lower_of_the_configured_limit_and_the_kubevirt_migration_limit_applies(limit, count):
    names, _ = started(live(), PlanPolicy(max_concurrent=limit))
    assert len(names) == count


def test_concurrency_limit_per_node_counts_vms_by_source_node():
    names, waits = started(live(), PlanPolicy(max_per_node=1))
    assert names == ["vm-0", "vm-1", "vm-2"]
    assert waits["vm-3"] == "the limit of 1 simultaneous changes from the node node01 is reached"


@pytest.mark.parametrize(
    "taken",
    [
        {"migrations": (make_migration(REFS[0]), make_migration(REFS[1]))},
        {
            "vmis": tuple(
                make_vmi(ref, conditions={"HotMemoryChange": condition("True")})
                for ref in REFS[:2]
            )
        },
        {"vms": {ref: make_vm(ref, restart_asked=True) for ref in REFS[:2]}},
    ],
    ids=["migrations", "memory changes", "restarts"],
)
def test_memory_changes_by_other_clients_count_against_the_concurrency_limit(taken):
    names, _ = started(live(**taken), PlanPolicy(max_per_node=9), candidates=REFS[2:])
    assert len(names) == 3


def test_concurrency_limit_counts_changes_that_the_snapshot_does_not_show_yet():
    names, _ = started(live(), busy=REFS[:4], candidates=REFS[4:])
    assert len(names) == 1


def test_finished_migration_does_not_count_against_the_concurrency_limit():
    done = make_migration(REFS[0], phase="Succeeded")
    assert disturbed(live(migrations=(done,))) == set()


def test_run_for_one_shard_uses_only_its_share_of_the_concurrency_limit():
    shard = next(
        each
        for each in (Shard(index=n, total=2) for n in range(2))
        if each.holds(REFS[0].namespace)
    )
    names, _ = started(live(), PlanPolicy(max_concurrent=4, shard=shard))
    assert len(names) == shard.share(4) == 2


def test_change_to_a_stopped_vm_starts_despite_the_concurrency_limit():
    stopped = live(vmis=())
    plan = plan_of(make_desired(*(want("2Gi", ref) for ref in REFS)), stopped)
    waits = {}
    chosen = may_start(
        plan.decisions,
        stopped,
        effective_config_of(stopped.kubevirt),
        PlanPolicy(max_concurrent=1),
        busy=REFS,
        waits=waits,
    )
    assert len(chosen) == len(REFS)
    assert waits == {}


def test_anti_affinity_group_changes_one_vm_at_a_time():
    def group(ref):
        return frozenset({("db", "app", "pg")}) if ref in REFS[:3] else frozenset()

    names, waits = started(live(), groups_of=group)
    assert names == ["vm-0", "vm-3", "vm-4", "vm-5", "vm-7"]
    assert waits["vm-1"] == "another VM with app=pg is being changed or is not running"


def test_anti_affinity_group_waits_for_a_member_that_is_starting():
    vmis = (make_vmi(REFS[0], phase="Scheduling"), *(make_vmi(ref) for ref in REFS[1:]))
    assert coming_up(live(vmis=vmis)) == {REFS[0]}
    names, _ = started(
        live(vmis=vmis), candidates=REFS[1:2], groups_of=lambda _ref: frozenset({("db", "a", "b")})
    )
    assert names == []


def test_vm_whose_vmi_is_being_deleted_counts_as_restarting():
    assert coming_up(live(vmis=(make_vmi(REFS[0], deleting=True),))) == {REFS[0]}


def test_node_capacity_is_checked_only_for_vms_that_the_concurrency_limit_allows_to_start():
    asked = []

    def shortage(ref):
        asked.append(ref.name)
        return "no capacity" if ref.name == "vm-0" else ""

    names, waits = started(live(), PlanPolicy(max_concurrent=2), shortage=shortage)
    assert asked == ["vm-0", "vm-1", "vm-2"]
    assert names == ["vm-1", "vm-2"]
    assert waits["vm-0"] == "no capacity"
