"""Tests which target pods a LimitRange rejects, so that the memory change is blocked.

Source of the expectations: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
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
from support.capacity_builders import NEED, USED, capacity, launcher, node

from reconciler.model.live.capacity import LimitBound, LimitRange
from reconciler.model.quantity import GIB

LIVE = ("live", "hotplug")
REJECTED = ("blocked", "limit-range-would-refuse")


def bound(kind="Container", resource="memory", **more):
    return {"bounds": (LimitBound(kind=kind, resource=resource, **more),)}


def state(found: LimitRange, *, limit=0, request=USED, namespace="db", cpu=(100, 0), guest="1Gi"):
    pod = replace(
        launcher("node01", limit=limit, guest=q(guest).n_bytes),
        guest_request=request,
        guest_limit=limit,
        guest_cpu_request=cpu[0],
        guest_cpu_limit=cpu[1],
        cpu_limit=cpu[1],
    )
    pod = replace(pod, requests=replace(pod.requests, others={"cpu": cpu[0] + 20}))
    cluster = replace(capacity(launchers={"vmi-pg-0": (pod,)}), limit_ranges={namespace: (found,)})
    nodes = (node("node01"), node("node02", others={"cpu": 4000, "pods": 9}))
    vmi = make_vmi(guest=guest, guest_at_boot=q("1Gi"))
    return make_live(make_vm(guest=guest), vmis=(vmi,), nodes=nodes, capacity=cluster)


@pytest.mark.parametrize(
    ("limits", "limit", "effect"),
    [
        (bound(maximum=NEED), 0, LIVE),
        (bound(maximum=NEED - 1), 0, REJECTED),
        (bound("Pod", maximum=NEED), 0, LIVE),
        (bound("Pod", maximum=NEED - 1), 0, REJECTED),
        # The pod got the default limit when it started.
        ({"default": NEED}, NEED, LIVE),
        ({"default": 2 * GIB}, 2 * GIB, REJECTED),
        # KubeVirt has set twice the request because of a quota.
        (bound(maximum=2 * NEED), 2 * USED, LIVE),
        (bound(maximum=2 * NEED - 1), 2 * USED, REJECTED),
        # The LimitRange is newer than the pod.
        ({"default": NEED - 1}, 0, REJECTED),
        # The ratio of limit and request; a limit is necessary.
        (bound(ratio=2000), 2 * USED, LIVE),
        (bound(ratio=1999), 2 * USED, REJECTED),
        (bound("Pod", ratio=1999), 2 * USED, REJECTED),
        (bound(ratio=2000), 0, REJECTED),
        (bound("Pod", minimum=NEED), 0, LIVE),
        (bound("Pod", minimum=NEED + 1), 0, REJECTED),
    ],
)
def test_change_is_blocked_if_a_limit_range_rejects_the_target_pod(limits, limit, effect):
    found = LimitRange(name="sizes", **limits)
    assert effect_of(make_desired(want("2Gi")), state(found, limit=limit)) == effect


@pytest.mark.parametrize(
    ("limits", "cpu", "effect"),
    [
        (bound(resource="cpu", maximum=500), (100, 500), LIVE),
        (bound(resource="cpu", maximum=499), (100, 500), REJECTED),
        (bound(resource="cpu", minimum=101), (100, 500), REJECTED),
        (bound("Pod", "cpu", minimum=120), (100, 500), LIVE),
        (bound("Pod", "cpu", minimum=121), (100, 500), REJECTED),
        (bound(resource="cpu", ratio=5000), (100, 500), LIVE),
        (bound(resource="cpu", ratio=4999), (100, 500), REJECTED),
        ({**bound(resource="cpu", ratio=5000), "default_cpu": 400}, (100, 0), LIVE),
        # The CPUs of a pod in an old snapshot are not known.
        (bound(resource="cpu", minimum=101), (0, 0), LIVE),
    ],
)
def test_change_is_blocked_if_a_limit_range_rejects_the_cpus_of_the_target_pod(
    limits, cpu, effect
):
    found = LimitRange(name="sizes", **limits)
    assert effect_of(make_desired(want("2Gi")), state(found, cpu=cpu)) == effect


@pytest.mark.parametrize(
    ("minimum", "effect"), [(USED, ("live", "hotunplug")), (USED + 1, REJECTED)]
)
def test_memory_reduction_is_blocked_if_the_target_pod_is_below_a_limit_range_minimum(
    minimum, effect
):
    found = LimitRange(name="sizes", **bound(minimum=minimum))
    live = state(found, guest="2Gi", request=NEED)
    assert effect_of(make_desired(want("1Gi")), live) == effect


@pytest.mark.parametrize(
    ("limits", "limit", "words"),
    [
        (
            bound(maximum=2 * GIB),
            0,
            (
                "a container can have at most 2048Mi, but the container that runs the guest needs "
                "2316Mi"
            ),
        ),
        (
            bound("Pod", "cpu", minimum=500),
            0,
            "a pod must have at least 0.5 CPUs, but the pod has 0.12 CPUs",
        ),
        (
            bound(ratio=1500),
            2 * USED,
            (
                "the memory limit of a container can be at most 1.5 times its request, but the "
                "container that runs the guest requests 2316Mi with a limit of 4632Mi"
            ),
        ),
        (
            bound(ratio=1500),
            0,
            (
                "a container must have a memory limit, but the container that runs the guest has "
                "none"
            ),
        ),
    ],
)
def test_message_about_a_limit_range_violation_contains_the_name_and_the_amounts(
    limits, limit, words
):
    found = LimitRange(name="sizes", **limits)
    (decision,) = plan_of(make_desired(want("2Gi")), state(found, limit=limit)).decisions
    assert decision.why.message == (
        f"the LimitRange sizes of the namespace db rejects the target pod: {words}"
    )


def test_limit_range_of_another_namespace_is_ignored():
    found = LimitRange(name="sizes", **bound(maximum=1))
    assert effect_of(make_desired(want("2Gi")), state(found, namespace="web")) == LIVE


@pytest.mark.parametrize(
    ("phase", "maximum", "expected"),
    [
        ("Pending", NEED - 1, ("blocked", "limit-range-refused")),
        ("Pending", 2 * NEED, ("wait", "in-flight")),
        ("Scheduling", NEED - 1, ("wait", "in-flight")),
    ],
)
def test_change_in_flight_is_blocked_if_a_newer_limit_range_rejects_its_target_pod(
    phase, maximum, expected
):
    live = state(LimitRange(name="later", **bound("Pod", maximum=maximum)))
    conditions = {"LiveMigratable": condition("True"), "HotMemoryChange": condition("True")}
    vmi = make_vmi(guest="2Gi", guest_requested=q("1Gi"), guest_current=q("1Gi"))
    waiting = make_migration(phase=phase, target_node="", started_at=None)
    changing = make_live(
        make_vm(guest="2Gi"),
        vmis=(replace(vmi, conditions=conditions),),
        migrations=(waiting,),
        nodes=live.nodes,
        capacity=live.capacity,
    )
    assert effect_of(make_desired(want("2Gi")), changing) == expected
    # Until the change in flight has ended, KubeVirt rejects another size.
    other = ("blocked", "hotplug-stuck") if expected[0] == "blocked" else expected
    assert effect_of(make_desired(want("3Gi")), changing)[0] == other[0]
