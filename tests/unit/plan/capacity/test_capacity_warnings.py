"""Tests the warnings about changes that together need more capacity than the cluster has.

All VMs are on node01; each test sets the size of the other nodes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.builders import (
    VM,
    make_desired,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    want,
    with_settings,
)
from support.capacity_builders import NEED, USED, capacity, launcher, node, use

from reconciler.model.fields import NameSet
from reconciler.model.live.capacity import Quota
from reconciler.model.quantity import GIB
from reconciler.model.references import vm_ref
from reconciler.plan.capacity.capacity_warnings import capacity_warnings, migrates

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveNode


def fleet_refs(n: int):
    return [vm_ref("db", f"vm-{i}") for i in range(n)]


def fleet_state(n: int, *others: LiveNode, quotas=(), nodes=None):
    refs = fleet_refs(n)
    return make_live(
        *(make_vm(ref) for ref in refs),
        vmis=tuple(make_vmi(ref) for ref in refs),
        nodes=(node("node01"), *others),
        capacity=capacity(
            nodes={"node01": use(n * USED), **(nodes or {})},
            quotas=quotas,
            launchers={f"vmi-{ref.name}": (launcher("node01"),) for ref in refs},
        ),
    )


def fleet(n: int, *others: LiveNode, **more):
    state = fleet_state(n, *others, **more)
    return plan_of(make_desired(*(want("2Gi", ref) for ref in fleet_refs(n))), state)


def growing(n: int, size: str, *others: LiveNode, **more):
    """Return a plan that grows VMs in place from 1Gi to 2Gi on node01, which has *size* memory."""
    state = fleet_state(n, *others, **more)
    gate = NameSet.of(("InPlaceHotplug",))
    nodes = (node("node01", size), *state.nodes[1:])
    state = replace(state, nodes=nodes, kubevirt=with_settings(state.kubevirt, featureGates=gate))
    return plan_of(make_desired(*(want("2Gi", ref) for ref in fleet_refs(n))), state)


def codes(plan) -> list[str]:
    return [each.code for each in plan.diagnostics]


def test_plan_has_no_capacity_warning_if_capacity_suffices_for_all_changes():
    plan = fleet(3, node("node02", "16Gi"))
    assert codes(plan) == []
    assert plan.summary == {"live": 3}


def test_node_with_capacity_for_only_one_of_three_changing_vms_causes_a_warning():
    plan = fleet(3, node("node02", "3Gi"))
    assert plan.summary == {"live": 3}
    assert codes(plan) == ["room-not-for-all"]
    assert "db/vm-1, db/vm-2" in plan.diagnostics[0].message


def test_concurrent_changes_that_together_exceed_a_quota_cause_a_warning():
    quota = Quota(
        name="team",
        hard={"requests.memory": 3 * USED + 2 * GIB},
        used={"requests.memory": 2 * USED},
    )
    plan = fleet(2, node("node02", "16Gi"), quotas=[quota])
    assert codes(plan) == ["room-one-after-another"]
    assert "db/vm-1" in plan.diagnostics[0].message
    assert plan.summary == {"live": 2}


def test_vm_that_fits_on_no_node_does_not_block_changes_to_other_vms():
    refs = [vm_ref("db", "big"), VM]
    state = make_live(
        *(make_vm(ref) for ref in refs),
        vmis=tuple(make_vmi(ref, max_guest="64Gi") for ref in refs),
        nodes=(node("node01"), node("node02", "4Gi")),
        capacity=capacity(),
    )
    desired = make_desired(want("16Gi", refs[0]), want("2Gi", VM))
    assert plan_of(desired, state).summary == {"live": 1, "blocked": 1}


def test_quota_warning_considers_only_migrations_that_run_at_the_same_time():
    # KubeVirt migrates five VMs at a time; the other five use what the first five release.
    quota = Quota(
        name="team",
        hard={"requests.memory": 10 * USED + 5 * GIB + 5 * NEED},
        used={"requests.memory": 10 * USED},
    )
    assert codes(fleet(10, node("node02", "64Gi"), quotas=[quota])) == []


def test_node_gains_capacity_after_another_vm_has_migrated_to_a_different_node():
    # Node02 has capacity for one VM; node01 has capacity once the first VM has left it.
    first, second = vm_ref("db", "first"), vm_ref("db", "second")
    state = make_live(
        make_vm(first),
        make_vm(second),
        vmis=(make_vmi(first), make_vmi(second, node="node03")),
        nodes=(node("node01", "3Gi"), node("node02", "3Gi"), node("node03", "2Gi")),
        capacity=capacity(
            nodes={"node01": use(USED), "node03": use(USED)},
            launchers={"vmi-first": (launcher("node01"),), "vmi-second": (launcher("node03"),)},
        ),
    )
    plan = plan_of(make_desired(want("2Gi", first), want("2Gi", second)), state)
    assert plan.summary == {"live": 2}
    assert codes(plan) == ["room-one-after-another"]
    assert "db/second" in plan.diagnostics[0].message


def test_planned_vm_change_causes_a_migration_only_if_the_running_guests_memory_changes():
    back = make_live(make_vm(guest="2Gi"), vmis=(make_vmi(),))
    stopped = make_live(make_vm())
    change = make_live(make_vm(), vmis=(make_vmi(),))
    found = {
        name: migrates(plan_of(make_desired(want(size)), live).decisions[0])
        for name, size, live in (
            ("back to the running size", "1Gi", back),
            ("stopped", "2Gi", stopped),
            ("hotplug", "2Gi", change),
        )
    }
    assert found == {"back to the running size": False, "stopped": False, "hotplug": True}


@pytest.mark.parametrize(("at_once", "expected"), [(1, []), (2, ["room-one-after-another"])])
def test_capacity_warning_disappears_if_fewer_migrations_run_concurrently(at_once, expected):
    # The quota has capacity for a second target pod only once the first source pod has ended.
    quota = Quota(
        name="team",
        hard={"requests.memory": 2 * USED + NEED + GIB},
        used={"requests.memory": 2 * USED},
    )
    state = fleet_state(2, node("node02", "16Gi"), quotas=[quota])
    plan = plan_of(make_desired(*(want("2Gi", ref) for ref in fleet_refs(2))), state)
    found = capacity_warnings(plan.decisions, plan.waves, state, at_once)
    assert [each.code for each in found] == expected


@pytest.mark.parametrize(("left", "named"), [(3 * GIB, ""), (3 * GIB - 1, "db/vm-2")])
def test_vms_that_are_resized_in_place_share_the_free_memory_of_their_node(left, named):
    plan = growing(3, str(3 * USED + left), node("node02", "64Gi"))
    assert plan.summary == {"live": 3}
    assert codes(plan) == ["room-not-for-all"] * bool(named)
    if named:
        assert plan.diagnostics[0].message.startswith("1 VM cannot grow in place, because earlier")
        assert named in plan.diagnostics[0].message


@pytest.mark.parametrize(("left", "expected"), [(2 * GIB, 0), (2 * GIB - 1, 1)])
def test_vms_that_are_resized_in_place_share_the_quota_of_their_namespace(left, expected):
    used = {"requests.memory": 2 * USED, "pods": 2}
    hard = {"requests.memory": 2 * USED + left, "pods": 2}
    plan = growing(2, "64Gi", quotas=[Quota(name="team", hard=hard, used=used)])
    # No second pod starts, so the quota for pods does not matter.
    assert plan.summary == {"live": 2}
    assert codes(plan) == ["room-not-for-all"] * expected
