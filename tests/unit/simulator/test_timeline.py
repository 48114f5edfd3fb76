"""Tests the timeline of a simulated cluster: events at a given time or in a migration phase."""

from __future__ import annotations

import pytest
from support.simulated import Rig

from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

MARK = {
    "path": "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm",
    "body": {"metadata": {"labels": {"marked": "yes"}}},
}


def world(*entries, **changes):
    return {
        "apiVersion": "simulator/v1alpha1",
        "kind": "World",
        "vms": [{"name": "vm", "guest": "1Gi"}],
        "timeline": list(entries),
        **changes,
    }


def marked_at(entry, **changes):
    """Returns the time of the timeline event, and the phases of the migrations at that time."""
    simulator = Simulator(worlds.parse(world(entry, **changes)), clock=SimClock(scale=None))
    run = Rig(simulator)
    for _ in range(600):
        [vm] = simulator.store.list("virtualmachines.kubevirt.io")
        if vm["metadata"].get("labels", {}).get("marked"):
            migrations = simulator.store.list("virtualmachineinstancemigrations.kubevirt.io")
            return simulator.clock.monotonic(), [each["status"]["phase"] for each in migrations]
        run.clock.sleep(0.05)
    return None


def test_scenario_timeline_entry_without_a_migration_phase_runs_at_its_time():
    assert marked_at({"at": "3s", "request": MARK}) == (pytest.approx(3.0, abs=0.1), [])


@pytest.mark.parametrize("phase", ["Scheduling", "PreparingTarget", "Running"])
def test_scenario_timeline_entry_with_a_migration_phase_runs_when_a_migration_enters_the_phase(
    phase,
):
    by_hand = [{"vmi": "vm"}]
    entry = {"when": {"vm": "vm", "phase": phase}, "request": MARK}
    assert marked_at(entry, migrations=by_hand)[1] == [phase]
    later = marked_at(entry | {"at": "20s"}, migrations=by_hand)
    assert later[1] == ["Succeeded"]
    assert later[0] > 20.0


def test_scenario_timeline_entry_with_a_migration_phase_never_runs_without_a_migration():
    assert marked_at({"when": {"vm": "vm", "phase": "Running"}, "request": MARK}) is None


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"request": MARK}, "the time of this entry is missing"),
        ({"when": {"vm": "vm"}, "request": MARK}, "set both fields"),
        ({"when": {"phase": "Running"}, "request": MARK}, "set both fields"),
        ({"when": {"vm": "vm", "phase": "Sleeping"}, "request": MARK}, "Sleeping"),
        ({"when": {"vm": "vm", "phase": "Running", "for": "1s"}, "request": MARK}, "for"),
    ],
)
def test_incomplete_timeline_entry_of_a_scenario_is_rejected(entry, says):
    with pytest.raises(worlds.WorldError, match=says):
        worlds.parse(world(entry))
