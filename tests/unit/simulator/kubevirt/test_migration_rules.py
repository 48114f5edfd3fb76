"""Tests migration priorities, back-off and clean-up, and the order of scheduled functions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.simulator.clock import SimClock
from reconciler.simulator.engine import Engine
from reconciler.simulator.kubevirt.inventory import MigrationFacts
from reconciler.simulator.kubevirt.migration import migration_rules
from reconciler.simulator.store.history import Key
from reconciler.simulator.store.store import Store
from reconciler.simulator.work_queue import WorkQueue


def migration(number, phase, ended="2026-01-01T00:00:00Z"):
    return MigrationFacts(
        key=Key("virtualmachineinstancemigrations.kubevirt.io", "ns", f"m{number}"),
        uid=str(number),
        vmi=("ns", "vm"),
        phase=phase,
        priority="",
        created="2026-01-01T00:00:00Z",
        revision=number,
        ended=ended if phase in {"Failed", "Succeeded"} else "",
    )


@pytest.mark.parametrize(
    ("phases", "seconds"),
    [
        # v1.9.0 pkg/virt-controller/watch/migration/migration.go:1049-1112, recorded up to 160 s
        (["Failed"], 20),
        (["Failed"] * 2, 40),
        (["Failed"] * 3, 80),
        (["Failed"] * 4, 160),
        (["Failed"] * 5, 320),
        (["Failed", "Succeeded", "Failed"], 20),
    ],
)
def test_migration_backoff_doubles_with_each_failure_in_a_row(phases, seconds):
    end = migration_rules.backoff_end([migration(n, p) for n, p in enumerate(phases)])
    assert (end - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() == seconds


@pytest.mark.parametrize("phases", [[], ["Succeeded"], ["Failed", "Succeeded"], ["Running"]])
def test_migration_backoff_applies_only_if_a_migration_failed_after_the_last_success(phases):
    assert migration_rules.backoff_end([migration(n, p) for n, p in enumerate(phases)]) is None


def test_finished_migrations_other_than_the_five_newest_are_deleted():
    finished = [migration(n, "Failed") for n in range(8)]
    surplus = migration_rules.surplus([*reversed(finished), migration(9, "Running")])
    assert [m.uid for m in surplus] == ["0", "1", "2"]


def test_five_finished_migrations_are_not_deleted():
    assert migration_rules.surplus([migration(n, "Succeeded") for n in range(5)]) == ()


def test_migration_priorities_have_the_same_order_as_in_kubevirt():
    # v1.9.0 pkg/util/migrations/migrations.go:19-23
    names = ["", "system-maintenance", "user-triggered", "system-critical"]
    assert sorted(names, key=migration_rules.rank) == names


@pytest.mark.parametrize(
    ("priority", "queue", "seconds"),
    [("system-critical", True, 1), ("user-triggered", True, 3), ("", True, 5), ("", False, 5)],
)
def test_migration_that_waits_for_a_slot_checks_the_migration_limits_at_regular_intervals(
    priority, queue, seconds
):
    # v1.9.0 pkg/virt-controller/watch/migration/migration.go:1369-1389; v1.6.0: always 5 s
    assert migration_rules.poll_s(priority, queue=queue) == seconds


@pytest.fixture
def engine():
    clock = SimClock(scale=None)
    return Engine(clock, Store(clock), seed=7)


def test_simulation_engine_runs_functions_by_due_time_and_then_in_scheduling_order(engine):
    done = []
    for name, delay in (("late", 2.0), ("first", 1.0), ("second", 1.0)):
        engine.at(delay, lambda name=name: done.append((engine.clock.monotonic(), name)))
    engine.run_until(5.0)
    assert done == [(1.0, "first"), (1.0, "second"), (2.0, "late")]
    assert engine.clock.monotonic() == 5.0


def test_simulation_engine_also_runs_functions_that_become_due_during_a_run(engine):
    done = []
    engine.at(1.0, lambda: engine.at(1.0, lambda: done.append(engine.clock.monotonic())))
    engine.run_until(1.9)
    assert done == []
    engine.run_until(2.0)
    assert done == [2.0]


def test_work_queue_processes_a_key_once_at_the_earlier_of_two_due_times(engine):
    done = []
    queue = WorkQueue(
        engine, lambda key: done.append((engine.clock.monotonic(), key)), latency_s=(0, 0)
    )
    queue.add_after("a", 5.0)
    queue.add_after("a", 2.0)
    queue.add_after("a", 9.0)
    engine.run_until(20.0)
    assert done == [(2.0, "a")]


def test_simulation_engine_calls_a_callback_when_a_new_function_is_due_before_all_others(engine):
    calls = []
    engine.on_earlier = lambda: calls.append(engine.next_due())
    engine.at(5.0, lambda: None)
    engine.at(9.0, lambda: None)
    engine.at(1.0, lambda: None)
    assert calls == [5.0, 1.0]


def test_simulation_engine_can_run_due_functions_in_batches(engine):
    for _ in range(5):
        engine.at(0.0, lambda: None)
    assert [engine.run_due(limit=2) for _ in range(4)] == [2, 2, 1, 0]
