"""Tests which VM changes reserve capacity because the pod list does not show them yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    VM,
    make_desired,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
)
from support.capacity_builders import capacity as make_capacity
from support.capacity_builders import launcher, node
from support.fake_ports import FakePorts

from reconciler.cluster.lease.lease_times import LeaseTimes
from reconciler.errors import UnavailableError
from reconciler.model.explanation import Explanation
from reconciler.model.live.aware_quota import GATE
from reconciler.model.live.capacity import AwareQuotas, Capacity, Launcher, Quota, ResourceUse
from reconciler.model.quantity import GIB
from reconciler.model.references import vm_ref
from reconciler.model.run.outcome import Result
from reconciler.model.run.progress import Step
from reconciler.rollout.limits.remaining_capacity import (
    MAX_AGE_SHORT_S,
    NOT_LISTED,
    WAIT_S,
    RemainingCapacity,
    grows_still,
    is_hidden,
    is_stalled,
)
from reconciler.rollout.tracking.tracked_object import FinalResult, TrackedObject


def at(seconds: float):
    return NOW + timedelta(seconds=seconds)


def tracked(patched: float | None, ended: float | None) -> TrackedObject:
    state = make_live(make_vm(), vmis=(make_vmi(),))
    (decision,) = plan_of(make_desired(want("2Gi", VM)), state).decisions
    found = TrackedObject(planned=decision, latest=decision)
    if patched is not None:
        found.sent(decision.actions[0], at(patched))
        found.accepted(at(patched))
    if ended is not None:
        why = Explanation(reason="converged", message="it has 2Gi")
        found.ended(FinalResult(result=Result.DONE, why=why), at(ended))
    return found


def capacity(read: float, pods: int) -> Capacity:
    pod = Launcher(namespace="db", node="node01", requests=ResourceUse(memory=1))
    return Capacity(
        observed_at=NOW + timedelta(seconds=read), launchers={"vmi-pg-0": (pod,) * pods}
    )


# In seconds: (patched, migrated, ended), then the time of the capacity read; then its pods.
TIMES = [
    pytest.param((None, None, None), 0, 1, False, id="not written"),
    pytest.param((10, None, None), 5, 1, True, id="read before the patch"),
    pytest.param((10, None, None), 5, 2, True, id="two pods of an earlier migration"),
    pytest.param((10, None, None), 10, 1, True, id="read at the patch"),
    pytest.param((10, None, None), 12, 1, True, id="no target pod yet"),
    pytest.param((10, None, None), 15, 2, False, id="target pod exists"),
    pytest.param((10, 30, None), 20, 1, True, id="migrated since capacity was read"),
    pytest.param((10, 30, None), 40, 1, False, id="migrated when capacity was read"),
    pytest.param((10, 5, None), 40, 1, True, id="an earlier migration"),
    pytest.param((10, 30, 31), 5, 1, True, id="done, and read before the patch"),
    pytest.param((10, 30, 31), 20, 2, True, id="done since capacity was read"),
    pytest.param((10, 30, 31), 40, 1, False, id="done when capacity was read"),
]


@pytest.mark.parametrize(("times", "read", "pods", "hidden"), TIMES)
def test_capacity_for_a_memory_change_is_reserved_until_the_pod_list_shows_the_change(
    times, read, pods, hidden
):
    patched, migrated, ended = times
    vmi = replace(make_vmi(), migration_ended_at=None if migrated is None else at(migrated))
    assert is_hidden(tracked(patched, ended), vmi, capacity(read, pods)) is hidden


@pytest.mark.parametrize(
    ("patched", "ended", "read", "expected"),
    [
        (None, None, 0, False),
        (10, None, 5, True),
        (10, None, 40, True),
        (10, 30, 20, True),
        (10, 30, 40, False),
    ],
)
def test_in_place_resize_counts_as_incomplete_until_pods_are_listed_after_the_end_of_the_resize(
    patched, ended, read, expected
):
    assert grows_still(tracked(patched, ended), capacity(read, 1)) is expected


@pytest.mark.parametrize(
    ("patched", "ended", "phase", "expected"),
    [
        (10, None, "Pending", True),
        (10, None, "Scheduling", True),
        (11, None, "Pending", False),
        (10, None, "Scheduled", False),
        (10, None, "Running", False),
        (10, None, "Failed", False),
        (10, 60, "Pending", False),
        (None, None, "Pending", False),
    ],
)
def test_migration_is_stalled_if_its_pod_has_no_node_a_minute_after_the_patch(
    patched, ended, phase, expected
):
    # Recorded on all tested versions: only a finished migration names its target node.
    migration = make_migration(phase=phase, target_node="")
    live = make_live(make_vm(), vmis=(make_vmi(),), migrations=(migration,))
    assert is_stalled(tracked(patched, ended), live, at(70)) is expected


def written(decision, seconds):
    found = TrackedObject(planned=decision, latest=decision)
    found.sent(decision.actions[0], at(seconds))
    found.accepted(at(seconds))
    return found


SHOWN = {
    "no target pod": (launcher("node01"),),
    "gated target pod": (launcher("node01"), replace(launcher(""), gates=(GATE,))),
    "counted target pod": (launcher("node01"), launcher("node02")),
}


@pytest.mark.parametrize("calculator", ["DedicatedVirtualResources", "VirtualResources"])
@pytest.mark.parametrize(
    ("pods", "migrated", "read", "fits"),
    [
        ("no target pod", False, 5, False),
        ("no target pod", False, 15, False),
        ("no target pod", True, 5, False),
        ("gated target pod", False, 15, False),
        ("counted target pod", False, 15, True),
    ],
)
def test_memory_growth_stays_reserved_until_an_application_aware_quota_counts_the_growth(
    calculator, pods, migrated, read, fits
):
    """The quota has 1Gi left. The first VM has grown by 1Gi, 10 s after the first list of pods."""
    key = {"DedicatedVirtualResources": "requests.memory/vmi"}.get(calculator, "requests.memory")
    team = Quota(name="team", hard={key: 3 * GIB}, used={key: 2 * GIB})
    aware = AwareQuotas(calculator=calculator, by_namespace={"db": (team,)})
    one, two = vm_ref("db", "one"), vm_ref("db", "two")
    before = {"vmi-one": (launcher("node01"),), "vmi-two": (launcher("node01"),)}
    known = replace(make_capacity(launchers=before), aware=aware)
    live = make_live(
        make_vm(one),
        make_vm(two),
        vmis=(make_vmi(one), make_vmi(two)),
        nodes=(node("node01"), node("node02")),
        capacity=known,
    )
    plan = plan_of(make_desired(want("2Gi", one), want("2Gi", two)), live)
    decisions = {each.ref: each for each in plan.decisions}
    remaining = RemainingCapacity(FakePorts().context)
    assert not remaining.shortage(live, {}, decisions)(one)

    after = replace(
        known,
        observed_at=at(read),
        launchers={**before, "vmi-one": SHOWN[pods]},
    )
    vmis = dict(live.vmis)
    if migrated:
        size = {"guest": q("2Gi"), "guest_requested": q("2Gi"), "guest_current": q("2Gi")}
        vmis[one] = replace(vmis[one], migration_ended_at=at(12), **size)
    later = replace(live, vmis=vmis, capacity=after)
    lack = remaining.shortage(later, {one: written(decisions[one], 10)}, decisions)(two)
    assert (lack == "") is fits


@pytest.mark.parametrize("listed", [False, True], ids=["not requested", "forbidden"])
def test_vm_without_known_capacity_is_patched_only_if_pods_cannot_be_listed(listed):
    live, waiting = make_live(make_vm(), vmis=(make_vmi(),)), (tracked(None, None),)
    remaining = RemainingCapacity(FakePorts().context)
    if listed:
        assert remaining.overlay(live, waiting) is live
    lack = remaining.shortage(live, {}, {VM: waiting[0].planned})(VM)
    assert lack == ("" if listed else NOT_LISTED)


class SlowPods:
    """An informer whose lists of pods and quotas take longer than a run waits for them."""

    def __init__(self, newest: Capacity | None) -> None:
        self.newest, self.waits = newest, []

    def refresh_capacity(self, wait_s):
        self.waits.append(wait_s)
        if self.newest is None:
            raise UnavailableError("pods and quotas were never read")
        return self.newest


@pytest.mark.parametrize("known", [None, capacity(-90, 1)], ids=["never read", "read long ago"])
def test_run_continues_if_pods_and_quotas_cannot_be_read_within_a_few_seconds(known):
    ports, slow = FakePorts(), SlowPods(known)
    remaining = RemainingCapacity(replace(ports.context, informer=slow))
    live = replace(make_live(make_vm(), vmis=(make_vmi(),)), capacity=known)
    waiting = (tracked(None, None),)
    for _ in range(3):
        assert remaining.overlay(live, waiting) is live
    assert slow.waits == [WAIT_S], "one request until the next attempt"
    assert [each.step for each in ports.progress] == [Step.FOLLOWING]
    assert LeaseTimes().duration_s - LeaseTimes().margin_s - LeaseTimes().renew_s > WAIT_S
    changes = {VM: waiting[0].planned}
    lack = remaining.shortage(live, {}, changes)(VM)
    assert lack == (NOT_LISTED if known is None else ""), "no VM is patched without the check"
    ports.clock.sleep(MAX_AGE_SHORT_S)
    slow.newest = capacity(5, 1)
    assert remaining.overlay(live, waiting).capacity is slow.newest
