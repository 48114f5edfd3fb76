"""Tests which part of a migration's target pod Application-Aware Quota (AAQ) counts.

Source of the expectations: kubevirt/application-aware-quota v1.8.0, and a later version of its
directory pkg/aaq-controller/built-in-usage-calculators.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    condition,
    effect_of,
    make_desired,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
)
from support.capacity_builders import OVERHEAD, capacity, launcher, node

from reconciler.model.live.capacity import PRIORITY_CLASS, AwareQuotas, Quota
from reconciler.model.live.placement import Requirement
from reconciler.model.quantity import GIB

LIVE = ("live", "hotplug")
HELD = ("blocked", "aaq-would-hold")
DEDICATED = "requests.memory/vmi"


def judged(calculator, resource, hard, *, used=GIB, guest="3Gi", moving=0, priority=(), **more):
    quota = Quota(
        name="team",
        hard={resource: hard},
        used={resource: used},
        moving={resource: moving},
        priority=priority,
    )
    aware = AwareQuotas(calculator=calculator, by_namespace={"db": (quota,)})
    found = replace(capacity(**more), aware=aware)
    state = make_live(
        make_vm(), vmis=(make_vmi(),), nodes=(node("node01"), node("node02")), capacity=found
    )
    return effect_of(make_desired(want(guest)), state)


@pytest.mark.parametrize(
    ("calculator", "resource"),
    [
        ("DedicatedVirtualResources", DEDICATED),
        ("VirtualResources", "requests.memory"),
        ("VirtualResources", "limits.memory"),
    ],
)
@pytest.mark.parametrize(("hard", "effect"), [(3 * GIB, LIVE), (3 * GIB - 1, HELD)])
def test_application_aware_quota_counts_only_the_guest_memory_growth_of_a_migration(
    calculator, resource, hard, effect
):
    assert judged(calculator, resource, hard) == effect


@pytest.mark.parametrize(
    ("calculator", "resource"),
    [
        ("DedicatedVirtualResources", "requests.memory"),
        ("VirtualResources", DEDICATED),
        ("IgnoreVmiCalculator", DEDICATED),
    ],
)
def test_application_aware_quota_ignores_resources_that_its_calculator_does_not_count(
    calculator, resource
):
    assert judged(calculator, resource, 0) == LIVE


@pytest.mark.parametrize("calculator", ["VmiPodUsage", "GuestEffectiveResources"])
@pytest.mark.parametrize("resource", ["requests.memory", "limits.memory", "pods"])
def test_application_aware_quota_computed_from_the_target_pod_alone_does_not_delay_a_migration(
    calculator, resource
):
    assert judged(calculator, resource, 1, used=1) == LIVE


def test_application_aware_quota_without_a_calculator_counts_the_whole_target_pod():
    assert judged("IgnoreVmiCalculator", "pods", 1, used=1) == HELD
    assert judged("IgnoreVmiCalculator", "requests.memory", 4 * GIB) == HELD
    assert judged("IgnoreVmiCalculator", "requests.memory", 5 * GIB) == LIVE


@pytest.mark.parametrize(
    ("moving", "effect"), [(GIB, ("wait", "waits-for-room")), (GIB - 1, HELD), (0, HELD)]
)
def test_change_waits_until_running_migrations_release_the_needed_application_aware_quota(
    moving, effect
):
    needed = 3 * GIB + OVERHEAD
    used = 2 * GIB
    found = judged(
        "IgnoreVmiCalculator", "requests.memory", needed + GIB, used=used, moving=moving
    )
    assert found == effect


@pytest.mark.parametrize(("value", "effect"), [("high", HELD), ("low", LIVE)])
def test_application_aware_quota_limits_only_the_priority_classes_in_its_scope(value, effect):
    pod = replace(launcher("node01"), priority_class="high")
    scope = (Requirement(key=PRIORITY_CLASS, operator="In", values=(value,)),)
    found = judged(
        "DedicatedVirtualResources", DEDICATED, 0, priority=scope, launchers={"vmi-pg-0": (pod,)}
    )
    assert found == effect


def test_change_is_blocked_if_application_aware_quota_gates_the_scheduling_of_its_target_pod():
    gated = replace(launcher(""), gates=("ApplicationAwareQuotaGate",))
    found = capacity(launchers={"vmi-pg-0": (launcher("node01"), gated)})
    changing = {"LiveMigratable": condition("True"), "HotMemoryChange": condition("True")}
    vmi = make_vmi(conditions=changing)
    vmi = replace(vmi, guest=q("2Gi"))
    state = make_live(
        make_vm(), vmis=(vmi,), nodes=(node("node01"), node("node02")), capacity=found
    )
    effect, reason = effect_of(make_desired(want("3Gi")), state)
    assert (effect, reason) == ("blocked", "hotplug-stuck")


def in_flight(hard, *, age_s=60, changing="True", phase="Scheduling", moving=0):
    """Return the decision for a change from 1Gi to 2Gi whose target pod has AAQ's gate."""
    created = NOW - timedelta(seconds=age_s)
    gated = replace(launcher(""), gates=("ApplicationAwareQuotaGate",), created_at=created)
    calculator, key = "DedicatedVirtualResources", DEDICATED
    if moving:
        calculator, key = "IgnoreVmiCalculator", "pods"
    quota = Quota(name="team", hard={key: hard or 0}, used={key: moving}, moving={key: moving})
    quotas = {} if hard is None else {"db": (quota,)}
    found = capacity(launchers={"vmi-pg-0": (launcher("node01"), gated)})
    found = replace(found, aware=AwareQuotas(calculator=calculator, by_namespace=quotas))
    conditions = {"LiveMigratable": condition("True"), "HotMemoryChange": condition(changing)}
    vmi = make_vmi(guest="2Gi", guest_requested=q("1Gi"), guest_current=q("1Gi"))
    state = make_live(
        make_vm(guest="2Gi"),
        vmis=(replace(vmi, conditions=conditions),),
        migrations=(make_migration(phase=phase, target_node="", started_at=None),),
        nodes=(node("node01"), node("node02")),
        capacity=found,
    )
    (decision,) = plan_of(make_desired(want("2Gi")), state).decisions
    return decision


@pytest.mark.parametrize(
    ("hard", "word"),
    [
        (GIB - 1, "in the quota team are in use, and the change needs 1024Mi more"),
        (GIB, "every quota has enough left; the aaq-controller is probably not running"),
        (None, "the snapshot contains no quota of Application-Aware Quota"),
    ],
)
def test_started_change_whose_target_pod_keeps_its_scheduling_gate_is_blocked_with_the_cause(
    hard, word
):
    found = in_flight(hard)
    assert (found.effect.value, found.reason.value) == ("blocked", "aaq-holds")
    assert word in found.why.message


@pytest.mark.parametrize(
    "state", [{"age_s": 59}, {"changing": "False", "phase": "Pending"}], ids=["new pod", "other"]
)
def test_scheduling_gate_of_a_new_pod_or_unrelated_migration_does_not_block_a_change(state):
    assert in_flight(0, **state).reason.value != "aaq-holds"


@pytest.mark.parametrize(("hard", "blocked"), [(1, False), (0, True)])
def test_scheduling_gate_that_the_end_of_another_migration_will_remove_does_not_block_a_change(
    hard, blocked
):
    assert (in_flight(hard, moving=1).reason.value == "aaq-holds") is blocked
