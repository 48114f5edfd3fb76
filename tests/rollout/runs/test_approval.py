"""Rollouts with approvals make only approved changes, and report stale approvals."""

from __future__ import annotations

import pytest
from support.simulated import Rig, rig, vm_yaml

from reconciler.model.run.outcome import ExitCode
from reconciler.plan.approval_summary import approval_of

KUBEVIRT = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  configuration:
    developerConfiguration: {featureGates: [VMLiveUpdateFeatures]}
    vmRolloutStrategy: LiveUpdate
  workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}
"""
CR = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"
VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
ASK_2GI = vm_yaml("default", "vm", "2Gi")
BOTH = ASK_2GI + vm_yaml("default", "other", "2Gi")
TWO = [{"name": "vm", "guest": "1Gi"}, {"name": "other", "guest": "1Gi"}]


def approved(run: Rig, text: str):
    return approval_of(run.plan(text))


def by_hand(run: Rig, guest: str, name: str = "vm") -> None:
    """Set a different memory size on the VM, as a user does with kubectl."""
    memory = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": guest}}}}}}
    assert run.merge(f"{VMS}/{name}", memory, agent="kubectl") == 200


def ends(report) -> dict[str, tuple[str, str]]:
    return {each.ref.name: (each.result.value, each.reason) for each in report.outcomes}


def outcome_of(report, name: str):
    return next(each for each in report.outcomes if each.ref.name == name)


def patched(run: Rig) -> list[str]:
    return [each.rpartition("/")[2] for each in run.patches()]


def test_approved_change_is_made_if_the_approval_still_matches_the_plan():
    run = rig()
    report = run.apply(ASK_2GI, approval=approved(run, ASK_2GI))
    assert (report.exit, ends(report)) == (ExitCode.DONE, {"vm": ("done", "converged")})


def test_approval_of_a_completed_change_is_not_stale():
    """A second run of the same CI job finds the approved sizes in the cluster."""
    run = rig()
    approval = approved(run, ASK_2GI)
    run.apply(ASK_2GI, approval=approval)
    again = run.apply(ASK_2GI, approval=approval)
    assert (again.exit, again.outcomes) == (ExitCode.DONE, ())
    assert patched(run) == ["vm"]


def test_second_run_completes_an_interrupted_rollout_with_the_same_approval():
    run = rig("slow")
    approval = approved(run, ASK_2GI)
    assert run.apply(ASK_2GI, approval=approval, deadline_s=8).exit is ExitCode.DEADLINE
    report = run.apply(ASK_2GI, approval=approval)
    assert (report.exit, ends(report)) == (ExitCode.DONE, {"vm": ("done", "converged")})
    assert patched(run) == ["vm"]


@pytest.mark.parametrize("guest", ["1536Mi", "3Gi"])
def test_approval_is_stale_when_the_live_size_has_changed(guest):
    run = rig()
    approval = approved(run, ASK_2GI)
    by_hand(run, guest)
    run.clock.sleep(120.0)
    report = run.apply(ASK_2GI, approval=approval)
    stale = outcome_of(report, "vm")
    assert (report.exit, stale.result) == (ExitCode.STALE, "stale")
    before, after = stale.why.message.split("; now: ")
    assert before.startswith("approved: live (hotplug)")
    assert "guest 1Gi -> 2Gi" in before
    assert after
    assert patched(run) == []


def test_approval_of_a_recreated_vm_is_stale():
    run = rig()
    approval = approved(run, ASK_2GI)
    assert run.sim.request("DELETE", f"{VMS}/vm").status == 200
    run.clock.sleep(60.0)
    run.create_vm("default", "vm", "1Gi")
    report = run.apply(ASK_2GI, approval=approval)
    assert (report.exit, outcome_of(report, "vm").result) == (ExitCode.STALE, "stale")
    assert patched(run) == []


def test_approval_is_stale_when_git_sets_a_different_memory_size():
    run = rig()
    approval = approved(run, ASK_2GI)
    report = run.apply(vm_yaml("default", "vm", "3Gi"), approval=approval)
    stale = outcome_of(report, "vm")
    assert (report.exit, stale.result) == (ExitCode.STALE, "stale")
    assert "guest 1Gi -> 2Gi" in stale.why.message
    assert patched(run) == []


def test_hotplug_approval_is_stale_when_the_change_now_needs_a_restart():
    """The patch is the same as in the approved plan, but the VM would now have to restart."""
    run = rig()
    approval = approved(run, ASK_2GI)
    stage = {"spec": {"configuration": {"vmRolloutStrategy": "Stage"}}}
    assert run.merge(CR, stage, agent="kubectl") == 200
    run.clock.sleep(60.0)
    report = run.apply(ASK_2GI, approval=approval)
    stale = outcome_of(report, "vm")
    assert (report.exit, stale.result) == (ExitCode.STALE, "stale")
    assert "now: restart (strategy-stage)" in stale.why.message
    assert patched(run) == []


def test_stale_approval_of_one_vm_does_not_stop_changes_to_other_vms():
    run = rig(vms=TWO)
    approval = approved(run, BOTH)
    by_hand(run, "1536Mi")
    run.clock.sleep(120.0)
    report = run.apply(BOTH, approval=approval)
    assert report.exit is ExitCode.STALE
    assert {name: result for name, (result, _) in ends(report).items()} == {
        "vm": "stale",
        "other": "done",
    }
    assert patched(run) == ["other"]


def test_change_whose_approval_becomes_stale_during_the_run_is_not_made():
    run = rig(vms=TWO)
    approval = approved(run, BOTH)
    first, second = (action.ref.name for action in run.plan(BOTH).waves[0].actions)
    run.sim.engine.at(3.0, lambda: by_hand(run, "1536Mi", second))
    report = run.apply(BOTH, approval=approval, max_concurrent=1)
    assert report.exit is ExitCode.STALE
    assert (ends(report)[first][0], ends(report)[second][0]) == ("done", "stale")
    assert patched(run) == [first]


def test_unapproved_change_is_not_made():
    run = rig(vms=TWO)
    report = run.apply(BOTH, approval=approved(run, ASK_2GI))
    assert report.exit is ExitCode.BLOCKED
    assert ends(report) == {"vm": ("done", "converged"), "other": ("held", "not-approved")}
    assert patched(run) == ["vm"]


def test_vm_that_needed_no_change_in_the_approved_plan_is_not_changed():
    run = rig(vms=TWO)
    as_it_is = vm_yaml("default", "other", "1Gi")
    approval = approved(run, ASK_2GI + as_it_is)
    by_hand(run, "1536Mi", "other")
    run.clock.sleep(120.0)
    report = run.apply(ASK_2GI + as_it_is, approval=approval)
    assert ends(report)["vm"] == ("done", "converged")
    assert ends(report)["other"][0] == "held"
    assert patched(run) == ["vm"]


def test_approval_is_not_stale_if_another_client_has_already_made_the_change():
    run = rig("slow")
    approval = approved(run, ASK_2GI)
    by_hand(run, "2Gi")
    report = run.apply(ASK_2GI, approval=approval)
    assert (report.exit, ends(report)) == (ExitCode.DONE, {"vm": ("done", "converged")})
    assert patched(run) == []


def test_approved_kubevirt_cr_changes_are_made_one_after_the_other():
    """The second patch is computed from the CR after the first patch, and is still approved."""
    run = rig("walkthrough")
    report = run.apply(KUBEVIRT, approval=approved(run, KUBEVIRT))
    assert (report.exit, ends(report)) == (
        ExitCode.DONE,
        {"kubevirt": ("done", "config-as-desired")},
    )
    assert run.patches() == [CR, CR]


def test_approval_remains_valid_when_only_the_vm_generation_changes():
    run = rig("no-update-methods")
    text = KUBEVIRT + ASK_2GI
    approval = approved(run, text)
    before = run.informer.read().kubevirt.generation
    other = {"spec": {"imagePullPolicy": "IfNotPresent"}}
    assert run.merge(CR, other, agent="kubectl") == 200
    run.clock.sleep(60.0)
    assert run.informer.read().kubevirt.generation > before
    report = run.apply(text, approval=approval)
    assert report.exit is ExitCode.DONE
    assert {result for result, _ in ends(report).values()} == {"done"}


def test_vm_change_that_needs_an_unapproved_kubevirt_cr_change_is_not_made():
    """Hotplug was approved together with LiveMigrate; without LiveMigrate the change differs."""
    run = rig("no-update-methods")
    approval = approved(run, KUBEVIRT + ASK_2GI)
    only_vm = type(approval)(
        cluster=approval.cluster,
        revision=approval.revision,
        digest=approval.digest,
        actions={ref: each for ref, each in approval.actions.items() if ref.name == "vm"},
    )
    report = run.apply(KUBEVIRT + ASK_2GI, approval=only_vm)
    assert ends(report)["kubevirt"] == ("held", "not-approved")
    assert ends(report)["vm"][0] in {"stale", "held"}
    assert run.patches() == []


def test_approved_plan_without_changes_writes_nothing():
    run = rig("no-update-methods")
    nothing = approved(run, vm_yaml("default", "vm", "1Gi"))
    report = run.apply(KUBEVIRT + ASK_2GI, approval=nothing)
    assert (report.exit, run.patches()) == (ExitCode.BLOCKED, [])
    assert {result for result, _ in ends(report).values()} == {"held"}
