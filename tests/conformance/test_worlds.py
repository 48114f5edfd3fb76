"""Plans and applies every example cluster, and patches the VMs that its plan does not change."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from support.builders import q
from support.observed.manual_changes import instances, patch_by_hand, rig_at
from support.observed.observed_changes import effects_of_change
from support.simulated import WORLDS, simulator

from reconciler.errors import ClusterError
from reconciler.model.desired.config import Config
from reconciler.model.plan.plan import Effect
from reconciler.plan.plan_policy import plan_policy
from reconciler.source.config_file import parse_config
from reconciler.source.manifests.manifest_objects import SourceFile

ROWS = yaml.load(
    (Path(__file__).parent / "worlds.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
RUNS = {name: row for name, row in ROWS.items() if "error" not in row}
BEGINS_S = 15.0
"""The simulated seconds before the plan, in which a cluster's first events happen."""
DEADLINE_S = 1200.0
VMIS = "virtualmachineinstances.kubevirt.io"


def rig(name):
    return rig_at(simulator(name), begins_s=BEGINS_S)


def folder_of(name):
    """Return the directory with an example's manifests, or None if they are in a single file."""
    folders = (WORLDS / "desired" / name, WORLDS.parent / name)
    return next((each for each in folders if each.is_dir()), None)


@cache
def desired(name):
    """Return the manifests of an example, which `demo --world` commits to Git."""
    folder = folder_of(name)
    single = WORLDS / "desired" / f"{name}.yaml"
    files = sorted(folder.rglob("[!.]*.yaml")) if folder else [single]
    return "\n---\n".join(path.read_text(encoding="utf-8") for path in files)


@cache
def config(name):
    """Return the configuration in the directory with an example's manifests."""
    folder = folder_of(name)
    file = folder and folder / ".reconciler.yaml"
    if not file or not file.is_file():
        return Config()
    read = parse_config(SourceFile(path=file.name), file.read_bytes())
    assert read.diagnostics == ()
    return read.config


def planned(run, name):
    choices = plan_policy(config(name))
    return run.plan(
        desired(name), **{each.name: getattr(choices, each.name) for each in fields(choices)}
    )


class Overlaps:
    """Records which pairs of VMs have changes in progress at the same time."""

    def __init__(self, store):
        self.seen = set()
        self._in_flight = set()
        store.subscribe(self._note)

    def _note(self, event):
        if event.key.resource == VMIS:
            hot = event.type != "DELETED" and b'"HotMemoryChange"' in event.body
            (self._in_flight.add if hot else self._in_flight.discard)(event.key.name)
            self.seen |= {frozenset(pair) for pair in combinations(self._in_flight, 2)}


def pairs_apart(name):
    """Return the pairs of VMs whose changes must never overlap."""
    return {frozenset(pair) for pair in combinations(RUNS[name].get("apart", ()), 2)}


def played(name):
    """Apply an example's manifests; return the run, its report, and the VMIs before the run."""
    run = rig(name)
    run.changes = Overlaps(run.sim.store)
    before = {each["metadata"]["uid"]: each["metadata"]["name"] for each in instances(run)}
    report = run.apply(
        desired(name),
        choices=plan_policy(config(name)),
        failure_budget=config(name).failure_budget,
        annotate=config(name).annotate,
        deadline_s=DEADLINE_S,
    )
    return run, before, report


def said(thing, reason):
    return f"{thing.value} {reason}"


def test_every_example_cluster_has_expected_results_and_desired_manifests():
    names = {path.stem for path in WORLDS.glob("*.yaml")}
    assert set(ROWS) == names
    assert {path.stem for path in (WORLDS / "desired").iterdir()} <= names
    assert [name for name in names if not desired(name)] == []


@pytest.mark.parametrize("name", [name for name in ROWS if name not in RUNS])
def test_cluster_without_exactly_one_kubevirt_cr_is_an_error(name):
    with pytest.raises(ClusterError, match=ROWS[name]["error"]) as caught:
        planned(rig(name), name)
    assert ROWS[name]["hint"] in caught.value.hint


def assert_plan_shows_the_situation(name, run, before, report):
    decisions = report.plan.decisions
    found = {each.ref.name: said(each.effect, each.reason.value) for each in decisions}
    assert found == RUNS[name]["plan"]
    warned = {each.ref.name: " ".join(each.warnings) for each in decisions}
    for ref, words in RUNS[name].get("warns", {}).items():
        assert words in warned[ref]


def assert_run_ends_as_listed(name, run, before, report):
    found = {each.ref.name: said(each.result, each.reason) for each in report.outcomes}
    assert found == RUNS[name]["ends"]
    assert report.exit.name.lower() == RUNS[name]["exit"]


def assert_done_changes_are_in_the_guest(name, run, before, report):
    targets = {each.ref: each.target for each in report.plan.decisions}
    after = instances(run)
    # From the store, because the simulated cluster may inject faults into requests.
    vmis = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in after}
    for outcome in report.outcomes:
        if outcome.result == "done" and outcome.reason == "converged":
            vmi = vmis[outcome.ref.namespace, outcome.ref.name]
            target = targets[outcome.ref] or run.desired(desired(name)).vms[outcome.ref].guest
            assert q(vmi["status"]["memory"]["guestCurrent"]) == target
    new = [each for each in after if each["metadata"]["uid"] not in before]
    assert [each["metadata"]["name"] for each in new] == RUNS[name].get("started", [])
    assert all(each["status"]["phase"] == "Running" for each in after)


def assert_held_vms_are_not_changed(name, run, before, report):
    written = {path.rpartition("/")[2] for path in run.patches()}
    held = {each.ref.name for each in report.outcomes if each.result == "held"}
    assert written & held == set(RUNS[name].get("staged", []))


def assert_changes_are_kept_apart(name, run, before, report):
    assert pairs_apart(name) & run.changes.seen == set()


@pytest.mark.parametrize("name", RUNS)
def test_rollout_in_each_example_cluster_has_the_expected_results(name):
    run = played(name)
    assert_plan_shows_the_situation(name, *run)
    assert_run_ends_as_listed(name, *run)
    assert_done_changes_are_in_the_guest(name, *run)
    assert_held_vms_are_not_changed(name, *run)
    assert_changes_are_kept_apart(name, *run)


@pytest.mark.parametrize("name", [name for name, row in RUNS.items() if "apart" in row])
def test_vm_changes_of_the_examples_overlap_if_the_configuration_does_not_keep_them_apart(name):
    run = rig(name)
    changes = Overlaps(run.sim.store)
    assert run.apply(desired(name), choices=plan_policy(Config())).exit.name == "DONE"
    assert pairs_apart(name) - changes.seen == set()


OUR_OWN = {
    "not-found",
    "being-deleted",
    "suspended",
    "owned-by-pool",
    "unreadable",
    "owned-by-controller",
}
"""The reason codes that depend only on this program and predict nothing about KubeVirt."""


WRITTEN = {"restart-pending", "ineffective-migrations"}
"""The reason codes of VMs whose spec already equals Git, so that nothing is left to patch."""


KUBEVIRT_CRS = {"kubevirt", "kubevirt-kubevirt-hyperconverged"}


def defied():
    """Yield VMs that a plan does not patch, except those that wait for a KubeVirt CR change."""
    for name, row in RUNS.items():
        if row["plan"].get("kubevirt", "none").startswith("config"):
            continue
        for vm, what in row["plan"].items():
            effect, reason = what.split()
            held = effect in {"restart", "blocked", "wait"} and vm not in KUBEVIRT_CRS
            if held and reason not in OUR_OWN | WRITTEN:
                yield pytest.param(name, vm, id=f"{name}-{vm}")


@pytest.mark.parametrize(("name", "vm"), tuple(defied()))
def test_manual_patch_of_a_vm_that_the_plan_does_not_change_has_the_predicted_effect(name, vm):
    """Patch a VM that the plan does not change, and compare the result with the plan."""
    run = rig(name)
    [decision] = [each for each in planned(run, name).decisions if each.ref.name == vm]
    facts, wants, had = patch_by_hand(run, decision)
    true = effects_of_change(facts, wants=wants, had=had)
    if decision.effect is Effect.WAIT:
        # KubeVirt queues such a change, and the plan waits: the result is the same.
        assert true <= {"wait", "live"}, facts
    else:
        assert true == {decision.effect.value}, facts
