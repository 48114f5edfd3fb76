"""A LimitRange rejects a target pod that is larger than it permits.

Source of the expectations: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import effect_of, make_desired, make_live, make_vm, make_vmi, plan_of, want
from support.capacity_builders import NEED, USED, capacity, launcher, node

from reconciler.model.live.capacity import LimitRange
from reconciler.model.quantity import GIB

LIVE = ("live", "hotplug")
REJECTED = ("blocked", "limit-range-would-refuse")


def state(found: LimitRange, *, limit=0, request=USED, namespace="db"):
    pod = replace(launcher("node01", limit=limit), guest_request=request, guest_limit=limit)
    cluster = replace(capacity(launchers={"vmi-pg-0": (pod,)}), limit_ranges={namespace: (found,)})
    nodes = (node("node01"), node("node02"))
    return make_live(make_vm(), vmis=(make_vmi(),), nodes=nodes, capacity=cluster)


@pytest.mark.parametrize(
    ("limits", "limit", "effect"),
    [
        ({"container_max": NEED}, 0, LIVE),
        ({"container_max": NEED - 1}, 0, REJECTED),
        ({"pod_max": NEED}, 0, LIVE),
        ({"pod_max": NEED - 1}, 0, REJECTED),
        # The pod got the default limit when it started.
        ({"default": NEED}, NEED, LIVE),
        ({"default": 2 * GIB}, 2 * GIB, REJECTED),
        # KubeVirt has set twice the request because of a quota.
        ({"container_max": 2 * NEED}, 2 * USED, LIVE),
        ({"container_max": 2 * NEED - 1}, 2 * USED, REJECTED),
        # The LimitRange is newer than the pod.
        ({"default": NEED - 1}, 0, REJECTED),
    ],
)
def test_change_is_blocked_if_a_limit_range_rejects_the_target_pod(limits, limit, effect):
    found = LimitRange(name="sizes", **limits)
    assert effect_of(make_desired(want("2Gi")), state(found, limit=limit)) == effect


def test_message_about_a_limit_range_has_its_name_and_the_amounts():
    found = LimitRange(name="sizes", container_max=2 * GIB)
    (decision,) = plan_of(make_desired(want("2Gi")), state(found)).decisions
    assert decision.why.message == (
        "the LimitRange sizes of namespace db rejects the target pod: a container may have "
        "2048Mi, and the container of the guest needs 2316Mi"
    )


def test_limit_range_of_another_namespace_is_ignored():
    found = LimitRange(name="sizes", container_max=1)
    assert effect_of(make_desired(want("2Gi")), state(found, namespace="web")) == LIVE
