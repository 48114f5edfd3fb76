"""Runs rollouts on a simulated cluster, and checks the rules that every run must obey."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from functools import cache

from faults.stage import DEFAULT, GATED, VMS, conditions, desired_of, size, stage_of

from reconciler.model.run.outcome import ExitCode

DEADLINE_S = 400.0
"""Longer than a guest or a pod can delay a migration, which is 300 seconds."""
CRON_S = (60.0, 60.0, 300.0, 900.0, 3700.0, 3700.0, 60.0)
"""The pauses between runs in seconds; some exceed an hour, so that stored data expires."""
COMES_FIRST = {ExitCode.FAILED, ExitCode.LEASE_HELD, ExitCode.STALE}
GUEST_S = 300.0
KUBEVIRTS = {"default": DEFAULT, "gated": GATED}


def begun(control):
    """Create a simulated cluster, and store its KubeVirt CR's spec before any write."""
    stage = stage_of(KUBEVIRTS[control])
    stage.first_spec = json.loads(json.dumps(stage.kubevirt()["spec"]))
    return stage


@cache
def undisturbed(control):
    """Return the final state of the objects after a rollout without faults."""
    stage = begun(control)
    done = pass_of(stage, desired_of(KUBEVIRTS[control]))
    assert done.code == "DONE", done.error
    assert stage.problems == []
    assert patched_too_often(stage) == {}
    return stage.end_state()


def pass_of(stage, text):
    """Run ``reconcile`` once; store a problem if its report omits a failure in the cluster."""
    done = stage.run_pass(text, max_concurrent=1, deadline_s=DEADLINE_S)
    if done.report is None:
        return done
    told = {each.ref.name: each.result.value for each in done.report.outcomes}
    for name, why in shown_failures(stage).items():
        if told.get(name) != "failed" or done.report.exit not in COMES_FIRST:
            stage.problems.append(
                f"{stage.holder} ends {done.code} and reports {told.get(name)} for {name}: {why}"
            )
    return done


def passes_until(stage, text, expected, *, leaves=(), pauses_s=CRON_S):
    """Run ``reconcile`` until all objects, except those in *leaves*, have the expected state."""
    done = None
    for pause_s in pauses_s:
        stage.clock.sleep(pause_s)
        before = stage.end_state()
        done = pass_of(stage, text)
        arrived = all(before[name] == has for name, has in expected.items() if name not in leaves)
        if done.report and arrived and stage.end_state() == before and stage.settled():
            return done
    return done


def patched_too_often(stage):
    """Return writes of the same size or spec that took effect more often than allowed.

    A later run can repeat a write that another client has reverted, but the same run must not.
    """
    allowed = Counter(stage.taken_back)
    landed = Counter(stage.landed)
    often = {write: times for write, times in landed.items() if times > 1 + allowed[write[0]]}
    return often | {write: times for write, times in stage.landed_in.items() if times > 1}


def shown_failures(stage):
    """Return the VMs whose resize has visibly failed in the cluster, and why it failed."""
    vmis = {each["metadata"]["name"]: each for each in stage.vmis()}
    found = {name: _shown(stage, name, vmis[name]) for name in VMS if name in vmis}
    return {name: why for name, why in found.items() if why}


def _shown(stage, name, vmi):
    hotplug = conditions(vmi).get("HotMemoryChange")
    if hotplug == "False":
        return "the hotplug was rejected"
    phases = [each.get("status", {}).get("phase") for each in stage.migrations(name)]
    failed = phases.count("Failed")
    if failed >= 3 and "Succeeded" not in phases and hotplug == "True":
        return f"{failed} migrations failed"
    memory = vmi["status"].get("memory") or {}
    ended = (vmi["status"].get("migrationState") or {}).get("endTimestamp")
    if not ended or size(memory.get("guestRequested")) == size(memory.get("guestCurrent")):
        return ""
    waited_s = (stage.clock.now() - datetime.fromisoformat(ended)).total_seconds()
    return (
        f"the guest has not accepted the memory for {waited_s:.0f} s"
        if waited_s > GUEST_S + 5
        else ""
    )
