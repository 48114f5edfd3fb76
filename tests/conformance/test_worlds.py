"""Each example world with what Git asks of it: the plan, the run, and the run of a defied plan."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml
from support.builders import q
from support.forced import forced, hasty, instances
from support.happened import effects_of_change
from support.simulated import WORLDS, simulator

from reconciler.errors import ClusterError
from reconciler.model.plan import Effect

ROWS = yaml.load(
    (Path(__file__).parent / "worlds.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
RUNS = {name: row for name, row in ROWS.items() if "error" not in row}
BEGINS_S = 15.0
"""When the plan is made, as by ``demo --world``: after what a world's timeline has set up."""
DEADLINE_S = 1200.0


def rig(name):
    return hasty(simulator(name), begins_s=BEGINS_S)


@cache
def desired(name):
    """The manifests that belong to the world; `demo --world` commits the same."""
    single, folder = WORLDS / "desired" / f"{name}.yaml", WORLDS.parent / name
    files = [single] if single.exists() else sorted(folder.rglob("[!.]*.yaml"))
    return "\n---\n".join(path.read_text(encoding="utf-8") for path in files)


@cache
def played(name):
    """The finished run, what it has left behind, and the instances that there were before."""
    run = rig(name)
    before = {each["metadata"]["uid"] for each in instances(run)}
    return run, before, run.apply(desired(name), deadline_s=DEADLINE_S)


def said(thing, reason):
    return f"{thing.value} {reason}"


def test_every_world_has_its_row_and_its_manifests():
    names = {path.stem for path in WORLDS.glob("*.yaml")}
    assert set(ROWS) == names
    assert {path.stem for path in (WORLDS / "desired").glob("*.yaml")} <= names
    assert [name for name in names if not desired(name)] == []


@pytest.mark.parametrize("name", [name for name in ROWS if name not in RUNS])
def test_a_cluster_that_cannot_be_planned_for_is_an_error(name):
    with pytest.raises(ClusterError, match=ROWS[name]["error"]):
        rig(name).plan(desired(name))


@pytest.mark.parametrize("name", RUNS)
def test_the_plan_says_of_each_object_what_the_world_is_an_example_of(name):
    _, _, report = played(name)
    decisions = report.plan.decisions
    found = {each.ref.name: said(each.effect, each.reason.value) for each in decisions}
    assert found == RUNS[name]["plan"]
    warned = {each.ref.name: " ".join(each.warnings) for each in decisions}
    for ref, words in RUNS[name].get("warns", {}).items():
        assert words in warned[ref]


@pytest.mark.parametrize("name", RUNS)
def test_the_run_ends_as_the_world_has_it(name):
    _, _, report = played(name)
    found = {each.ref.name: said(each.result, each.reason) for each in report.outcomes}
    assert found == RUNS[name]["ends"]
    assert report.exit.name.lower() == RUNS[name]["exit"]


@pytest.mark.parametrize("name", RUNS)
def test_what_is_done_is_in_the_guest_and_nothing_was_restarted(name):
    run, before, report = played(name)
    targets = {each.ref: each.target for each in report.plan.decisions}
    after = instances(run)
    for outcome in report.outcomes:
        if outcome.result == "done" and outcome.reason == "converged":
            vmi = run.vmi(outcome.ref.namespace, outcome.ref.name)
            assert q(vmi["status"]["memory"]["guestCurrent"]) == targets[outcome.ref]
    assert {each["metadata"]["uid"] for each in after} <= before
    assert all(each["status"]["phase"] == "Running" for each in after)


@pytest.mark.parametrize("name", RUNS)
def test_what_is_held_is_not_touched(name):
    run, _, report = played(name)
    written = {path.rpartition("/")[2] for path in run.patches()}
    held = {each.ref.name for each in report.outcomes if each.result == "held"}
    assert written & held == set()


OUR_OWN = {"not-found", "being-deleted", "suspended", "unreadable"}
"""Reasons that claim nothing about what KubeVirt would do."""


def defied():
    """The VMs that a plan leaves alone, where it does not count on a change of the CR."""
    for name, row in RUNS.items():
        if row["plan"].get("kubevirt", "none").startswith("config"):
            continue
        for vm, what in row["plan"].items():
            effect, reason = what.split()
            held = effect in {"restart", "blocked", "wait"} and vm != "kubevirt"
            if held and reason not in OUR_OWN and reason != "restart-pending":
                yield pytest.param(name, vm, id=f"{name}-{vm}")


@pytest.mark.parametrize(("name", "vm"), tuple(defied()))
def test_a_patch_against_the_plan_ends_as_the_plan_says(name, vm):
    """Nothing is held back that would have worked."""
    run = rig(name)
    [decision] = [each for each in run.plan(desired(name)).decisions if each.ref.name == vm]
    facts, wants, had = forced(run, decision)
    true = effects_of_change(facts, wants=wants, had=had)
    if decision.effect is Effect.WAIT:
        # KubeVirt queues such a change; the plan waits, and both come to the same.
        assert true <= {"wait", "live"}, facts
    else:
        assert true == {decision.effect.value}, facts
