"""Which change takes room that the pods, as they were read, do not show yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, VM, make_desired, make_live, make_vm, make_vmi, plan_of, want

from reconciler.model.live.capacity import Capacity, Launcher, MemoryUse
from reconciler.model.run.outcome import Actuation, Result
from reconciler.rollout.limits.remaining_capacity import _hidden
from reconciler.rollout.tracking.tracked_object import TrackedObject


def at(seconds: float | None):
    return None if seconds is None else NOW + timedelta(seconds=seconds)


def course(patched: float | None, ended: float | None) -> TrackedObject:
    state = make_live(make_vm(), vmis=(make_vmi(),))
    (decision,) = plan_of(make_desired(want("2Gi", VM)), state).decisions
    return TrackedObject(
        planned=decision,
        latest=decision,
        action=decision.actions[0],
        actuation=Actuation.PENDING if patched is None else Actuation.SUCCEEDED,
        patched_at=at(patched),
        ended_at=at(ended),
        result=None if ended is None else Result.DONE,
    )


def capacity(read: float, pods: int) -> Capacity:
    pod = Launcher(namespace="db", node="node01", requests=MemoryUse(memory=1))
    return Capacity(
        observed_at=NOW + timedelta(seconds=read), launchers={"vmi-pg-0": (pod,) * pods}
    )


# Seconds: (patched, migrated, ended), when the room was read and how many pods it showed.
TIMES = [
    pytest.param((None, None, None), 0, 1, False, id="not written"),
    pytest.param((10, None, None), 5, 1, True, id="read before the patch"),
    pytest.param((10, None, None), 5, 2, True, id="two pods of an earlier migration"),
    pytest.param((10, None, None), 10, 1, True, id="read at the patch"),
    pytest.param((10, None, None), 12, 1, True, id="no target pod yet"),
    pytest.param((10, None, None), 15, 2, False, id="the target pod is there"),
    pytest.param((10, 30, None), 20, 1, True, id="migrated since the room was read"),
    pytest.param((10, 30, None), 40, 1, False, id="migrated when the room was read"),
    pytest.param((10, 5, None), 40, 1, True, id="an earlier migration"),
    pytest.param((10, 30, 31), 5, 1, True, id="done, and read before the patch"),
    pytest.param((10, 30, 31), 20, 2, True, id="done since the room was read"),
    pytest.param((10, 30, 31), 40, 1, False, id="done when the room was read"),
]


@pytest.mark.parametrize(("times", "read", "pods", "hidden"), TIMES)
def test_room_is_held_until_pods_show_it(times, read, pods, hidden):
    patched, migrated, ended = times
    vmi = replace(make_vmi(), migration_ended_at=at(migrated))
    assert _hidden(course(patched, ended), vmi, capacity(read, pods)) is hidden
