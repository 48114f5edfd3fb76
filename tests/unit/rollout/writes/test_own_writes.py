"""Tests how snapshots are completed with writes of the run that they do not show yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    VM,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    want,
)
from support.fake_ports import FakeClock

from reconciler.model.run.write_result import Written
from reconciler.rollout.writes.own_writes import CREATED_S, OwnWrites

LIVE = make_live(make_vm(), vmis=(make_vmi(),))
(ACTION,) = plan_of(make_desired(want("2Gi")), LIVE).decisions[0].actions
ANSWER = make_vm(guest="2Gi", generation=2)


def written(clock=None, action=ACTION, **answer) -> OwnWrites:
    own = OwnWrites(clock or FakeClock())
    own.add(action, Written(status=200, **answer))
    return own


def test_write_response_replaces_the_older_state_of_a_vm_in_the_snapshot():
    assert written(vm=ANSWER).overlay(LIVE).vms[VM] is ANSWER


@pytest.mark.parametrize(
    "seen",
    [make_vm(generation=2), make_vm(generation=3), make_vm(uid="another")],
    ids=["same generation", "newer generation", "another VM"],
)
def test_write_response_is_ignored_if_the_snapshot_is_newer_or_the_vm_was_recreated(seen):
    own = written(vm=ANSWER)
    assert own.overlay(make_live(seen)).vms[VM] is seen
    assert own.overlay(LIVE) is LIVE


def test_deleted_vm_stays_deleted_in_snapshots_despite_an_earlier_write_response():
    assert VM not in written(vm=ANSWER).overlay(make_live()).vms


def test_created_vm_is_assumed_to_exist_for_a_limited_time_until_a_snapshot_contains_the_vm():
    clock = FakeClock()
    own = written(clock, action=replace(ACTION, uid=None), vm=ANSWER)
    clock.sleep(CREATED_S - 1)
    assert own.overlay(make_live()).vms[VM] is ANSWER
    clock.sleep(1)
    assert VM not in own.overlay(make_live()).vms


def test_write_response_from_before_a_restart_is_ignored():
    own = written(vm=ANSWER)
    own.add(ACTION, Written(status=202))
    assert own.overlay(LIVE) is LIVE


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (make_kubevirt(generation=2), True),
        (make_kubevirt(generation=1), False),
        (make_kubevirt(generation=2, uid="another"), False),
    ],
)
def test_write_response_replaces_the_older_state_of_the_kubevirt_cr_in_the_snapshot(answer, shown):
    own = written(kubevirt=answer)
    assert (own.overlay(LIVE).kubevirt is answer) is shown
    assert (own.overlay(LIVE).kubevirt is answer) is shown
