"""Memory hotplug rollouts in one process, with a simulated cluster whose clock tests advance."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from support.simulated import ActOnStep, Rig, only, rig, vm_yaml

from reconciler.cli.terminal.live_display import REMIND_AFTER, LineDisplay
from reconciler.cli.terminal.waiting import Waiting
from reconciler.cluster.lease.lease_requests import LeaseRequests
from reconciler.model.annotations import ROLLOUT
from reconciler.model.desired.config import RestartConsent
from reconciler.model.run.outcome import ExitCode
from reconciler.model.run.progress import Step
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.report.run_text import run_text

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
ASK_2GI = vm_yaml("default", "vm", "2Gi")


def events(run: Rig) -> list[dict]:
    """The Kubernetes Events that the product has created."""
    answer = run.sim.request("GET", "/apis/events.k8s.io/v1/events")
    found = json.loads(answer.body)["items"]
    return [each for each in found if each["reportingController"] == "reconciler"]


def test_hotplug_is_reported_as_done_once_the_guest_has_the_desired_memory():
    run = rig("hotplug")
    report = run.apply(ASK_2GI)
    outcome = only(report)
    assert (report.exit, outcome.result, outcome.reason) == (ExitCode.DONE, "done", "converged")
    assert run.vmi("default", "vm")["status"]["memory"] == {
        "guestAtBoot": "1Gi",
        "guestCurrent": "2Gi",
        "guestRequested": "2Gi",
        "memoryOverhead": "268Mi",
    }
    assert (str(outcome.guest_before), str(outcome.guest_now)) == ("1Gi", "2Gi")
    assert outcome.migration is not None
    assert outcome.migration.phase == "Succeeded"


def test_second_run_of_a_completed_hotplug_sends_no_patch():
    run = rig("hotplug")
    run.apply(ASK_2GI)
    before = len(run.patches())
    report = run.apply(ASK_2GI)
    assert (report.exit, report.outcomes) == (ExitCode.DONE, ())
    assert len(run.patches()) == before == 1


@pytest.mark.parametrize(
    ("world", "guest", "reason"),
    [
        ("above-max", "5Gi", "above-max-guest"),
        ("above-explicit-max", "3Gi", "denied-above-max-guest"),
        ("misaligned", "1500001Ki", "misaligned"),
        ("not-migratable", "2Gi", "not-migratable"),
        ("shrink-below-boot", "1Gi", "below-boot-memory"),
        ("booted-under-stage", "2Gi", "booted-before-live-update"),
        ("stage", "2Gi", "strategy-stage"),
        ("gate-missing", "2Gi", "gate-missing"),
        ("no-update-methods", "2Gi", "no-live-migrate"),
        ("misspelt-update-method", "2Gi", "no-live-migrate"),
        ("evict-only", "2Gi", "evict-hazard"),
        ("one-node", "2Gi", "no-other-node"),
        ("nodes-full", "2Gi", "no-node-with-room"),
        ("quota", "2Gi", "quota-would-refuse"),
    ],
)
def test_memory_change_that_hotplug_cannot_make_is_not_written(world, guest, reason):
    run = rig(world)
    report = run.apply(vm_yaml("default", "vm", guest))
    outcome = only(report)
    assert (report.exit, outcome.result, outcome.reason) == (ExitCode.BLOCKED, "held", reason)
    assert run.patches() == []


def test_stopped_vm_is_patched_with_the_size_for_its_next_start():
    run = rig("halted")
    report = run.apply(ASK_2GI)
    assert report.exit is ExitCode.DONE
    assert only(report).reason == "stopped-as-desired"
    assert len(run.patches()) == 1
    assert [each["reason"] for each in events(run)] == ["MemoryPatched"], (
        "the guest is not running yet"
    )


@pytest.mark.parametrize(
    ("world", "reason", "says"),
    [
        ("migration-fails", "migration-failing", "3 migrations failed"),
        ("target-unschedulable", "target-unschedulable", "the target pod could not be scheduled"),
        ("plug-refused", "plug-refused", "rejected"),
        ("guest-silent", "guest-silent", "the guest has 1Gi"),
    ],
)
def test_each_kind_of_hotplug_failure_has_its_own_reason_code(world, reason, says):
    run = rig(world)
    report = run.apply(ASK_2GI, deadline_s=1200)
    outcome = only(report)
    assert (report.exit, outcome.result, outcome.reason) == (ExitCode.FAILED, "failed", reason)
    assert says in outcome.why.message
    assert len(run.patches()) == 1, "a failed change is not written again"


def test_guest_that_does_not_use_its_resized_memory_fails_after_the_timeout():
    silent = {"name": "vm", "guest": "1Gi", "faults": {"guestSilent": True}}
    run = rig("in-place", vms=[silent])
    report = run.apply(ASK_2GI, deadline_s=1200)
    outcome = only(report)
    assert (outcome.result, outcome.reason) == ("failed", "guest-silent")
    assert "after the size was written" in outcome.why.message


def test_run_waits_while_kubevirt_retries_a_failed_migration():
    run = rig("migration-fails-once")
    report = run.apply(ASK_2GI, deadline_s=600)
    assert (report.exit, only(report).failed_migrations) == (ExitCode.DONE, 1)


def test_failure_in_one_run_is_reported_by_the_next_run():
    run = rig("plug-refused")
    run.apply(ASK_2GI)
    report = run.apply(ASK_2GI)
    assert (report.exit, only(report).reason) == (ExitCode.FAILED, "plug-refused")
    assert len(run.patches()) == 1


def test_interrupted_run_is_continued_without_a_second_patch():
    run = rig("slow")
    report = run.apply(ASK_2GI, deadline_s=8)
    assert (report.exit, only(report).result) == (ExitCode.DEADLINE, "running")
    report = run.apply(ASK_2GI)
    outcome = only(report)
    assert (report.exit, outcome.result, outcome.actuation) == (
        ExitCode.DONE,
        "done",
        "not-needed",
    )
    assert len(run.patches()) == 1


def test_run_waits_for_an_unfinished_change_by_another_client_before_patching_the_vm():
    run = rig("in-flight")
    report = run.apply(vm_yaml("default", "vm", "3Gi"), deadline_s=1200)
    assert report.exit is ExitCode.DONE
    assert run.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "3Gi"


def test_rollout_sets_the_feature_gate_then_the_strategies_then_memory_and_waits_in_between():
    """On v1.3.1, a VM that booted before the KubeVirt CR changed needs a restart."""
    run = rig("walkthrough")
    old = vm_yaml("default", "vm-cirros", "2Gi")
    report = run.apply(KUBEVIRT + old)
    assert {str(each.ref): (each.result.value, each.reason) for each in report.outcomes} == {
        "KubeVirt kubevirt/kubevirt": ("done", "config-as-desired"),
        "VirtualMachine default/vm-cirros": ("held", "booted-before-live-update"),
    }
    kubevirt = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"
    assert run.patches() == [kubevirt, kubevirt]
    live = run.informer.read().kubevirt
    gates = next(v for path, v in live.settings.items() if path[-1] == "featureGates")
    assert gates.raw == ("Snapshot", "HotplugVolumes", "VMLiveUpdateFeatures")

    run.create_vm("default", "vm-alpine", "1Gi")
    report = run.apply(KUBEVIRT + old + vm_yaml("default", "vm-alpine", "2Gi"))
    assert {each.ref.name: each.reason for each in report.outcomes} == {
        "vm-cirros": "booted-before-live-update",
        "vm-alpine": "converged",
    }
    assert run.vmi("default", "vm-alpine")["status"]["memory"] == {
        "guestAtBoot": "1Gi",
        "guestCurrent": "2Gi",
        "guestRequested": "2Gi",
    }


def test_memory_changes_start_a_few_seconds_after_kubevirt_has_applied_its_cr():
    run = rig("no-update-methods")
    run.apply(KUBEVIRT + ASK_2GI)
    patches = [each for each in run.sim.request_log if each.method == "PATCH"]
    first_cr, first_vm = (
        next(each.at for each in patches if kind in each.path)
        for kind in ("/kubevirts/", "/virtualmachines/")
    )
    assert (first_vm - first_cr).total_seconds() >= 5


def test_memory_size_that_takes_effect_at_the_next_restart_is_written_once_and_stays_pending():
    run = rig("above-max")
    consent = PlanPolicy(restart=RestartConsent.STAGE)
    five = vm_yaml("default", "vm", "5Gi")
    report = run.apply(five, choices=consent)
    assert (report.exit, only(report).reason) == (ExitCode.BLOCKED, "restart-pending")
    again = run.apply(five, choices=consent)
    assert (again.exit, only(again).reason) == (ExitCode.BLOCKED, "restart-pending")
    assert len(run.patches()) == 1


def test_concurrent_changes_stay_within_the_kubevirt_limit_and_the_configured_limit():
    vms = [{"name": f"vm-{n}", "namespace": "default", "guest": "1Gi"} for n in range(8)]
    text = "".join(vm_yaml("default", f"vm-{n}", "2Gi") for n in range(8))
    for limit, allowed in ((None, 5), (2, 2)):
        run = rig("hotplug", vms=vms, nodes=6)
        most = 0
        original = run.informer.wait

        def counting(timeout_s, original=original):
            nonlocal most
            live = original(timeout_s)
            changing = sum("HotMemoryChange" in each.conditions for each in live.vmis.values())
            most = max(most, changing)
            return live

        run.informer.wait = counting
        report = run.apply(text, max_concurrent=limit)
        assert report.exit is ExitCode.DONE
        assert 1 < most <= allowed


def test_exhausted_failure_budget_stops_new_patches():
    vms = [
        {
            "name": f"vm-{n}",
            "namespace": "default",
            "guest": "1Gi",
            "faults": {"plugRefused": "always"},
        }
        for n in range(4)
    ]
    run = rig("hotplug", vms=vms)
    text = "".join(vm_yaml("default", f"vm-{n}", "2Gi") for n in range(4))
    report = run.apply(text, max_concurrent=1, failure_budget=2)
    assert report.exit is ExitCode.FAILED
    assert sorted(each.reason for each in report.outcomes) == [
        "failure-budget",
        "failure-budget",
        "plug-refused",
        "plug-refused",
    ]
    assert len(run.patches()) == 2


def test_vm_that_exists_only_in_git_is_created_with_consent_and_tracked():
    run = rig("hotplug")
    manifest = (
        "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
        "metadata: {name: fresh, namespace: default}\n"
        "spec: {runStrategy: Always, template: {spec: "
        "{domain: {memory: {guest: 2Gi}, devices: {}}}}}\n"
    )
    report = run.apply(manifest, choices=PlanPolicy(create=True))
    assert report.exit is ExitCode.DONE
    assert [each.path for each in run.sim.request_log if each.method == "POST"].count(
        "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
    ) == 1


def test_each_write_is_a_json_patch_with_field_manager_and_strict_field_validation():
    run = rig("hotplug")
    run.apply(ASK_2GI)
    (patch,) = [each for each in run.sim.request_log if each.method == "PATCH"]
    assert patch.content_type == "application/json-patch+json"
    query = dict(parse_qsl(patch.query))
    assert (query["fieldManager"], query["fieldValidation"]) == ("reconciler", "Strict")


def test_run_that_stops_early_leaves_healthy_migrations_running():
    run = rig("slow")
    original = run.informer.wait

    def stop_soon(timeout_s):
        run.stop = any(each.step == "patched" for each in run.progress)
        return original(timeout_s)

    run.informer.wait = stop_soon
    report = run.apply(ASK_2GI)
    assert (report.exit, only(report).result) == (ExitCode.DEADLINE, "running")


def test_waiting_run_reports_its_wait_reason_at_most_once_a_minute():
    run = rig("slow")
    printed = io.StringIO()
    display = LineDisplay(printed, Waiting(run.plan(ASK_2GI), datetime(2030, 1, 1, tzinfo=UTC)))
    run.apply(ASK_2GI)
    for progress in run.progress:
        display(progress)
    lines = printed.getvalue().splitlines()
    waits = [line for line in lines if line.split()[1] == "waiting"]
    assert "0 of 1 VM done, waiting for default/vm since " in waits[0]
    assert waits[0].endswith("deadline 00:00:00 UTC")
    times = [datetime.strptime(line.split()[0], "%H:%M:%S").replace(tzinfo=UTC) for line in lines]
    pairs = zip(lines[1:], times, times[1:], strict=False)
    assert all(b - a >= REMIND_AFTER for line, a, b in pairs if line in waits)


def test_memory_size_reverted_by_another_client_is_reported_and_not_written_again():
    run = rig("hotplug")
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
    original, answered = run.informer.wait, []

    def write_back(timeout_s):
        if run.patches() and not answered:
            answered.append(run.merge(path, {"spec": memory_of("1Gi")}, agent="argocd-controller"))
        return original(timeout_s)

    run.informer.wait = write_back
    report = run.apply(ASK_2GI, deadline_s=300)
    outcome = only(report)
    assert answered == [200]
    assert (report.exit, outcome.reason) == (ExitCode.FAILED, "reverted")
    assert "argocd-controller" in outcome.why.message
    assert len(run.patches()) == 1


def test_vm_recreated_during_its_change_is_patched_again():
    run = rig("slow")
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
    original, done = run.informer.wait, []

    def recreate(timeout_s):
        if run.patches() and not done:
            done.append(run.sim.request("DELETE", path).status)
            run.clock.sleep(30.0)
            run.create_vm("default", "vm", "1Gi")
        return original(timeout_s)

    run.informer.wait = recreate
    report = run.apply(ASK_2GI, deadline_s=900)
    assert done == [200]
    assert (report.exit, only(report).reason) == (ExitCode.DONE, "converged")
    assert len(run.patches()) == 2, "one patch for each of the two VMs"


def memory_of(guest: str) -> dict:
    return {"template": {"spec": {"domain": {"memory": {"guest": guest}}}}}


def test_restart_required_condition_set_under_the_stage_strategy_does_not_block_a_live_update():
    """Under Stage, a memory change sets RestartRequired, and a CR change does not clear it."""
    run = rig("hotplug")
    kubevirt = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"
    vm = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
    run.clock.sleep(20.0)
    stage = {"spec": {"configuration": {"vmRolloutStrategy": "Stage"}}}
    assert run.merge(kubevirt, stage, agent="kubectl") == 200
    run.clock.sleep(30.0)
    assert run.merge(vm, {"spec": memory_of("2Gi")}, agent="kubectl") == 200
    run.clock.sleep(10.0)
    text = KUBEVIRT + vm_yaml("default", "vm", "3Gi")
    assert [each.effect.value for each in run.plan(text).decisions] == ["config", "live"]
    report = run.apply(text, deadline_s=600)
    assert [(each.ref.kind, each.reason) for each in report.outcomes] == [
        ("KubeVirt", "config-as-desired"),
        ("VirtualMachine", "converged"),
    ]


def test_kubevirt_cr_reverted_by_another_client_is_not_written_repeatedly():
    run = rig("no-update-methods")
    path = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"
    original, told = run.informer.wait, []

    def take_back(timeout_s):
        live = original(timeout_s)
        if any("LiveMigrate" in str(each) for each in live.kubevirt.settings.values()):
            change = {"spec": {"workloadUpdateStrategy": {"workloadUpdateMethods": []}}}
            told.append(run.merge(path, change, agent="argocd-controller"))
        return live

    run.informer.wait = take_back
    report = run.apply(KUBEVIRT + ASK_2GI, deadline_s=900)
    assert told
    assert {each.ref.kind: each.reason for each in report.outcomes} == {
        "KubeVirt": "reverted",
        "VirtualMachine": "no-live-migrate",
    }
    assert report.exit is ExitCode.FAILED
    assert len([each for each in run.patches() if "/kubevirts/" in each]) <= 2


def test_no_wait_option_ends_the_run_only_after_the_last_patch():
    run = rig("no-update-methods")
    report = run.apply(KUBEVIRT + ASK_2GI, follow=False)
    assert [each.result.value for each in report.outcomes] == ["done", "written"]
    assert [each.rsplit("/", 2)[-2] for each in run.patches()] == ["kubevirts", "virtualmachines"]


def test_vm_that_already_has_a_change_in_progress_counts_toward_the_concurrency_limit():
    vms = [
        {"name": f"vm-{n}", "namespace": "default", "guest": "2Gi", "bootedWith": "1Gi"}
        for n in range(5)
    ]
    run = rig("hotplug", vms=vms, nodes=6)
    text = "".join(vm_yaml("default", f"vm-{n}", "3Gi") for n in range(5))
    original, most = run.informer.wait, []

    def counting(timeout_s):
        live = original(timeout_s)
        three = [v for v in live.vms.values() if str(v.guest) == "3Gi"]
        done = [r for r, v in live.vmis.items() if str(v.guest_current) == "3Gi"]
        most.append(len([v for v in three if v.ref not in done]))
        return live

    run.informer.wait = counting
    report = run.apply(text, max_concurrent=1, deadline_s=1200)
    assert report.exit is ExitCode.DONE
    assert max(most) == 1


def test_error_about_a_vm_created_in_a_missing_namespace_contains_the_namespace():
    run = rig("hotplug")
    manifest = (
        "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
        "metadata: {name: fresh, namespace: nowhere}\n"
        "spec: {runStrategy: Always, template: {spec: "
        "{domain: {memory: {guest: 2Gi}, devices: {}}}}}\n"
    )
    outcome = only(run.apply(manifest, choices=PlanPolicy(create=True)))
    assert (outcome.result, outcome.reason) == ("failed", "namespace-not-found")
    assert "nowhere" in outcome.why.message


def test_vm_is_planned_as_if_every_planned_kubevirt_cr_patch_had_been_applied():
    """The plan must take LiveMigrate into account, which only the second CR patch sets."""
    run = rig("no-update-methods")
    gate = KUBEVIRT.replace("[VMLiveUpdateFeatures]", "[ExpandDisks]")
    report = run.apply(gate + ASK_2GI)
    assert {each.ref.kind: each.reason for each in report.outcomes} == {
        "KubeVirt": "config-as-desired",
        "VirtualMachine": "converged",
    }
    assert [each.rsplit("/", 2)[-2] for each in run.patches()] == [
        "kubevirts",
        "kubevirts",
        "virtualmachines",
    ]


def test_report_shows_the_commit_of_a_vm_change_that_the_previous_run_started():
    """The Lease has the commit when the patch is sent, so that not even a crash can lose it."""
    run, stored = rig("hotplug"), []

    def newer() -> None:
        lease = LeaseRequests(run.client, run.sim.world.kubevirt_namespace, "test-memory").read(5)
        stored.append(lease["metadata"]["annotations"][ROLLOUT])
        run.ended_by = "a newer commit is in force"

    run.progress, run.commit = ActOnStep(Step.PATCHED, newer), "1" * 40
    first = run.apply(ASK_2GI)
    assert first.message == "a newer commit is in force; running migrations continue"
    assert (only(first).result, only(first).revision) == ("running", "1" * 40)
    assert "1" * 40 in stored[0]
    run.ended_by, run.holder, run.commit = "", "another-replica", "2" * 40
    second = run.apply(ASK_2GI)
    assert (only(second).result, only(second).actuation) == ("done", "not-needed")
    assert (second.plan.revision, only(second).revision) == ("2" * 40, "1" * 40)
    text = "".join(run_text(second, width=200, color=False))
    assert "changed by commit 111111111111" in text


def test_report_shows_no_commit_for_a_vm_that_was_not_changed():
    run = rig("hotplug")
    run.ended_by = "a newer commit is in force"
    assert only(run.apply(ASK_2GI)).revision == ""
