"""Plans and applies changes in random simulated clusters, and compares results and plans."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from support.builders import q
from support.observed.manual_changes import (
    change_kubevirt_by_hand,
    instances,
    patch_by_hand,
    rig_at,
)
from support.observed.observed_changes import condition, effects_of_change
from support.random_worlds.random_vm_fields import STRICT, type_of
from support.random_worlds.random_worlds import CASES, LASTING

from reconciler.model.plan.plan import Effect
from reconciler.simulator.clock import SimClock
from reconciler.simulator.kubevirt.vm_faults import NO_FAULTS
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
pytestmark = pytest.mark.timeout(0 if THOROUGH else 120)
SETTINGS = settings(
    max_examples=500 if THOROUGH else 25,
    derandomize=not THOROUGH,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    print_blob=THOROUGH,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
DEADLINE_S = 1800.0
SOON_S = 5.0
"""Seconds within which a run sends all writes that it is allowed to send concurrently."""
HELD = {Effect.RESTART, Effect.BLOCKED}
FOR_LACK_OF_ROOM = {"no-node-with-room", "quota-would-refuse", "waits-for-room"}
NEVER_LIVE = {"booted-before-live-update"}
UNFINISHED = {"running", "not-started"}


def rig(case):
    """Create a new copy of the simulated cluster."""
    sim = Simulator(worlds.parse(case.world), clock=SimClock(scale=None))
    return rig_at(sim, begins_s=case.begins_s)


def patched(run):
    """Return the name of the written VM for each write request."""
    return [path.rpartition("/")[2] for path in run.patches() if "/virtualmachines/" in path]


def uids(run):
    return {each["metadata"]["uid"] for each in instances(run)}


def fault_of(case, name):
    return case.vms[name].get("faults", {})


def recovers(fault):
    """Return whether a VM with the given simulated fault gets its memory after some attempts."""
    [times] = fault.values() or [0]
    return not fault.keys() - {"migrationFails", "targetUnschedulable"} and times not in LASTING


class Traffic:
    """Records the number of concurrent changes at each write of a running VM's size."""

    def __init__(self, run):
        self.peak = 0
        self._vms, self._vmis, self._moving = {}, {}, set()
        self._keep = {"virtualmachines": self._vms, "virtualmachineinstances": self._vmis}
        for plural, kept in self._keep.items():
            for each in run.sim.store.list(f"{plural}.kubevirt.io"):
                kept[each["metadata"]["name"]] = each
        for each in run.sim.store.list("virtualmachineinstancemigrations.kubevirt.io"):
            self._migration(each)
        run.sim.store.subscribe(self._note)

    def _note(self, event):
        found, plural = json.loads(event.body), event.key.resource.partition(".")[0]
        if plural == "virtualmachineinstancemigrations":
            self._migration(found)
        if plural not in self._keep:
            return
        name = found["metadata"]["name"]
        before, self._keep[plural][name] = self._keep[plural].get(name, found), found
        if plural == "virtualmachines" and size(before) != size(found) and self._begins(name):
            self.peak = max(self.peak, len(self._busy() | {name}))

    def _migration(self, found):
        name, phase = found["spec"]["vmiName"], found.get("status", {}).get("phase")
        self._moving.discard(name)
        if phase not in {"Succeeded", "Failed"}:
            self._moving.add(name)

    def _begins(self, name):
        vmi = self._vmis.get(name)
        return vmi is not None and wants(self._vms[name]) != wants(vmi)

    def _busy(self):
        changing = {
            name
            for name, each in self._vmis.items()
            if condition(each, "HotMemoryChange").get("status") == "True"
        }
        return changing | self._moving


def size(vm):
    """Return the size in a VM's spec: a memory quantity, or the name of an instancetype."""
    memory = vm["spec"]["template"]["spec"]["domain"].get("memory", {})
    return memory.get("guest") or vm["spec"]["instancetype"]["name"]


def wants(found):
    """Return the memory size that the spec of a VM or VM instance requests."""
    if "template" not in found["spec"]:
        return q(found["spec"]["domain"]["memory"]["guest"])
    said = size(found)
    return q(type_of(said)["guest"] if "instancetype" in found["spec"] else said)


def limit_of(case):
    configuration = case.world["kubevirt"]["spec"]["configuration"]
    own = configuration.get("migrations", {}).get("parallelMigrationsPerCluster", 5)
    return min(own, case.max_concurrent or own)


@SETTINGS
@given(CASES)
def test_rollout_in_a_random_simulated_cluster_has_the_planned_effects(case):
    run = rig(case)
    before, traffic, busy_before = uids(run), Traffic(run), len(in_the_way(run))
    report = run.apply(case.desired, deadline_s=DEADLINE_S, max_concurrent=case.max_concurrent)
    planned = {d.ref.name: d for d in report.plan.decisions if d.ref.kind == "VirtualMachine"}
    ends = {o.ref.name: o for o in report.outcomes if o.ref.kind == "VirtualMachine"}

    # No VM that the plan does not change was restarted, evicted or written.
    assert uids(run) == before
    assert all(each["status"]["phase"] == "Running" for each in instances(run))
    assert not {name for name in patched(run) if planned[name].effect in HELD}
    assert len(patched(run)) == len(set(patched(run)))
    assert traffic.peak <= max(limit_of(case), busy_before)

    for name, outcome in ends.items():
        reached(run, planned[name], outcome)
        if outcome.result == "failed":
            stuck = outcome.reason == "hotplug-stuck" and name in in_the_way(run)
            assert stuck or is_true(case, name, outcome.reason), outcome
        if outcome.reason == "failure-budget":
            assert sum(each.result == "failed" for each in ends.values()) >= 3
        elif outcome.result in UNFINISHED:
            assert "deadline" in report.message
        elif planned[name].effect is Effect.LIVE and recovers(fault_of(case, name)):
            held = outcome.result == "held" and outcome.reason in FOR_LACK_OF_ROOM
            lacking = outcome.reason in {"target-unschedulable", "quota-refused"}
            # The VM waits for a slot that another change still uses.
            behind = outcome.reason == "waits-for-place" and in_the_way(run) - {name}
            assert outcome.result == "done" or held or lacking or behind, outcome

    again_offers_only_what_is_left(case, run, planned, ends)


def reached(run, decision, outcome):
    """Check that the guest has the planned memory if the run reports success."""
    if outcome.result == "done" and outcome.reason == "converged":
        vmi = run.vmi(outcome.ref.namespace, outcome.ref.name)
        assert q(vmi["status"]["memory"]["guestCurrent"]) == decision.target


def is_true(case, name, reason):
    """Return whether the simulated cluster has the fault that the reported reason describes."""
    fault = fault_of(case, name)
    again = "plugRefused" in fault and case.world["kubevirt"]["version"] in STRICT
    small = int(case.world["nodeMemory"]) < 64 * 2**30
    return {
        "plug-refused": "plugRefused" in fault,
        # Old KubeVirt versions retry a rejected hotplug, but do not report the rejection.
        "migration-failing": "migrationFails" in fault or again,
        # A change in progress fails so often that the run gives up; it may still succeed later.
        "hotplug-stuck": fault.get("migrationFails") in LASTING,
        "guest-silent": "guestSilent" in fault or "guestKeeps" in fault,
        "target-unschedulable": "targetUnschedulable" in fault or small,
        "quota-refused": "quotas" in case.world,
    }.get(reason, False)


def again_offers_only_what_is_left(case, run, planned, ends):
    again = run.plan(case.desired)
    open_before = {
        name
        for name, each in planned.items()
        if each.actions or each.effect is Effect.WAIT or each.reason in FOR_LACK_OF_ROOM
    }
    done = {name for name, each in ends.items() if each.result == "done"}
    offered = {d.ref.name for d in again.decisions if d.actions and d.ref.kind != "KubeVirt"}
    assert offered <= open_before - done
    sent = len(patched(run))
    run.apply(case.desired, deadline_s=SOON_S, max_concurrent=case.max_concurrent)
    assert not set(patched(run)[sent:]) - offered


@SETTINGS
@given(CASES)
def test_manual_memory_change_has_the_effect_that_the_plan_predicts(case):
    """Make each blocked or delayed change manually in a copy of the simulated cluster.

    The copy has no faults. If the plan changes the KubeVirt CR, the CR is changed first.
    """
    plan = rig(case).plan(case.desired)
    for ref in [d.ref for d in plan.decisions if d.effect in {*HELD, Effect.WAIT} and d.changes]:
        if ref.kind == "KubeVirt":
            continue
        run = rig(case)
        again = run.plan(case.desired)
        [decision] = [each for each in again.decisions if each.ref == ref]
        if decision.reason == "suspended":
            continue
        moving = in_the_way(run)
        run.sim.faults.inject(ref.namespace, ref.name, NO_FAULTS)
        if any(each.effect is Effect.CONFIG for each in again.decisions):
            change_kubevirt_by_hand(run, again)
        facts, wanted, had = patch_by_hand(run, decision)
        if "refused" in facts and ref.name in moving & in_the_way(run):
            # A change in progress does not end, so the new size cannot be tested.
            checked_later = "has ended" in decision.why.message
            held = decision.effect in {Effect.WAIT, Effect.BLOCKED}
            assert held or checked_later or decision.reason in NEVER_LIVE, (decision, facts)
            continue
        true = effects_of_change(facts, wants=wanted, had=had)
        if decision.effect is Effect.WAIT:
            # KubeVirt queues or rejects the change, or the change in progress never ends.
            capacity = decision.reason == "waits-for-room"
            backup = decision.reason == "backup-running"
            assert ref.name in moving or (capacity and moving) or backup, decision
            assert true <= {"wait", "live", "blocked"}, (decision, facts)
        elif decision.reason in NEVER_LIVE:
            # v1.2.2 starts a hotplug that never succeeds: only a restart changes the memory.
            assert true <= {"restart", "blocked"}, (decision, facts)
        else:
            assert true == {decision.effect.value}, (decision, facts)


def in_the_way(run):
    """Return the VMs with a running memory change or migration."""
    changing = {
        each["metadata"]["name"]
        for each in instances(run)
        if condition(each, "HotMemoryChange").get("status") == "True"
    }
    return changing | {
        each["spec"]["vmiName"]
        for each in run.sim.store.list("virtualmachineinstancemigrations.kubevirt.io")
        if each.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
    }
