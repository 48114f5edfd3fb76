"""Tests that a new leader of ``serve`` knows since when VMs wait for a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, make_desired, make_live, make_vm, make_vmi, want
from support.fake_ports import FakeClock, FakeLease
from support.serving.service_view import make_view

from reconciler.model.annotations import RESTART_WAITS
from reconciler.serve.loop import history
from reconciler.serve.loop.restart_wait_keeper import (
    MOST_WAITS,
    STORED_EVERY,
    RestartWaitKeeper,
    decoded,
    encoded,
)

WAITING = make_view(make_desired(want("64Gi")), make_live(make_vm(), vmis=(make_vmi(),)))
QUIET = make_view()


class LeaderLease(FakeLease):
    def __init__(self) -> None:
        super().__init__()
        self.leading = True

    def leads(self) -> bool:
        return self.leading


class Process:
    """The parts of a ``serve`` process that know the waits."""

    def __init__(self, lease: LeaderLease, clock: FakeClock) -> None:
        self.view, self.clock = replace(WAITING, plan=None), clock
        self.keeper = RestartWaitKeeper(lease, lambda: self.view, clock)

    def plans(self, view):
        """Use a plan, let the Lease thread work, and return the starts of the waits."""
        found = history.restart_since(
            self.view.restart_since, view.plan, self.clock.now(), self.keeper.take()
        )
        self.view = replace(view, restart_since=found)
        self.keeper.step()
        return list(found.values())

    def stores(self) -> None:
        self.clock.sleep(STORED_EVERY.total_seconds())
        self.keeper.step()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def lease() -> LeaderLease:
    return LeaderLease()


@pytest.fixture
def stored(lease, clock) -> LeaderLease:
    """The Lease of a process that ended while a VM was waiting for a restart."""
    process = Process(lease, clock)
    assert process.plans(WAITING) == [NOW]
    assert process.plans(WAITING) == [NOW]
    process.stores()
    assert RESTART_WAITS in lease.kept
    clock.sleep(3600)
    return lease


def test_new_leader_still_shows_since_when_a_vm_has_waited_for_its_restart(stored, clock):
    process = Process(stored, clock)
    assert process.plans(WAITING) == [clock.now()], "the Lease has not been read yet"
    assert process.plans(WAITING) == [NOW]
    assert process.plans(WAITING) == [NOW]


def test_restart_wait_that_begins_again_under_a_new_leader_has_a_new_start_time(stored, clock):
    process = Process(stored, clock)
    process.plans(QUIET)
    assert process.plans(QUIET) == []
    assert process.plans(WAITING) == [clock.now()]


def test_restart_waits_are_written_only_when_they_have_changed(stored, clock):
    writes, process = stored.writes, Process(stored, clock)
    for _ in range(2):
        process.plans(WAITING)
    process.stores()
    assert stored.writes == writes
    process.plans(QUIET)
    assert stored.writes == writes
    process.stores()
    assert RESTART_WAITS not in stored.kept


def test_standby_replica_does_not_use_or_write_restart_waits(stored, clock):
    stored.leading, writes = False, stored.writes
    process = Process(stored, clock)
    for _ in range(2):
        assert process.plans(WAITING) == [clock.now()]
    process.stores()
    assert stored.writes == writes
    stored.leading = True
    process.keeper.step()
    assert process.plans(WAITING) == [NOW]


def test_new_leader_without_a_plan_keeps_the_stored_restart_waits(stored, clock):
    before, process = dict(stored.kept), Process(stored, clock)
    process.keeper.step()
    process.stores()
    assert stored.kept == before


@pytest.mark.parametrize(
    "text", ["{}", "0123456789abcdef", "0123456789abcdef:-1", "0123456789abcdef:123456789", "é:1"]
)
def test_malformed_restart_wait_is_ignored(text):
    found = decoded(f"{text} 0123456789abcdef:1")
    assert list(found) == ["0123456789abcdef"]


def test_lease_stores_only_the_longest_restart_waits_up_to_a_maximum_number():
    waits = {f"{n:016x}": NOW - timedelta(minutes=n) for n in range(MOST_WAITS + 5)}
    text = encoded(waits)
    assert len(text) < 30_000
    found = decoded(text)
    assert found == {each: waits[each] for each in found}
    assert (len(found), min(found)) == (MOST_WAITS, f"{5:016x}")
