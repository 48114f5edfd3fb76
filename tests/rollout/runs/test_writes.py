"""Tests how a rollout reacts to the responses to its writes, and to missing responses."""

from __future__ import annotations

import json

import pytest
from support.simulated import Rig, only, rig, vm_yaml

from reconciler.cluster.api.threads import unexpected
from reconciler.errors import UnreachableError
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.simulator.apiserver.request.api_faults import Effect, Fault

VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
TWO_GI = vm_yaml("default", "vm", "2Gi")


def away(run: Rig, **more) -> Fault:
    fault = Fault(effect=Effect.STATUS, methods=frozenset({"PATCH"}), code=503, **more)
    run.sim.api.faults.add(fault)
    return fault


def test_temporarily_unavailable_server_does_not_fail_a_vm_change():
    run = rig()
    fault = away(run, times=6)
    report = run.apply(TWO_GI)
    assert (report.exit, only(report).result) == (ExitCode.DONE, Result.DONE)
    assert run.sim.api.faults.fired(fault) == 6
    assert [each for each in run.progress if each.reason == "unavailable"]


def test_patch_is_retried_only_after_the_time_in_the_retry_after_header():
    run = rig()
    away(run, times=1, retry_after_s=40)
    report = run.apply(TWO_GI)
    tries = [each.at for each in run.sim.request_log if each.method == "PATCH"]
    assert report.exit is ExitCode.DONE
    assert (tries[1] - tries[0]).total_seconds() >= 40


def test_permanently_unavailable_server_ends_the_run_with_an_error_and_a_report():
    run = rig()
    away(run)
    report = run.apply(TWO_GI)
    assert report.exit is ExitCode.ERROR
    assert only(report).result is Result.NOT_STARTED
    assert "503" in report.message
    assert 300 <= (report.ended_at - report.started_at).total_seconds() < 400


@pytest.mark.parametrize(("answered", "holder"), [(True, ""), (False, "test-run")])
def test_run_with_a_failed_thread_keeps_its_lease_only_if_a_write_request_has_no_response(
    answered, holder
):
    run = rig()
    if not answered:
        away(run)

    def ended(_timeout_s):
        raise unexpected("the thread that watches VMs", ZeroDivisionError("no time"))

    run.informer.wait = ended
    report = run.apply(TWO_GI)
    assert report.exit is ExitCode.ERROR
    assert "the thread that watches VMs ended unexpectedly" in report.message
    leases = run.sim.store.list("leases.coordination.k8s.io")
    held = {each["metadata"]["name"]: each["spec"]["holderIdentity"] for each in leases}
    assert held["test-memory"] == holder


def test_unavailable_server_pauses_the_writes_of_all_vms():
    vms = [{"name": f"vm-{n}", "namespace": "default", "guest": "1Gi"} for n in range(4)]
    run = rig(vms=vms, nodes=6)
    fault = away(run, times=1)
    text = "".join(vm_yaml("default", f"vm-{n}", "2Gi") for n in range(4))
    assert run.apply(text).exit is ExitCode.DONE
    tries = [each.at for each in run.sim.request_log if each.method == "PATCH"]
    assert run.sim.api.faults.fired(fault) == 1
    assert (tries[1] - tries[0]).total_seconds() >= 0.5


def test_rejected_patches_stop_when_the_failure_budget_is_exhausted():
    names = [f"vm-{n}" for n in range(6)]
    stopped = [{"name": name, "guest": "1Gi", "running": False} for name in names]
    run = rig("halted", vms=stopped)
    fault = Fault(effect=Effect.STATUS, methods=frozenset({"PATCH"}), code=403)
    run.sim.api.faults.add(fault)
    text = "".join(vm_yaml("default", name, "2Gi") for name in names)
    assert run.apply(text, failure_budget=2).exit is ExitCode.FAILED
    assert run.sim.api.faults.fired(fault) == 2


def test_patch_without_a_response_is_not_repeated_and_counts_as_written_by_this_run():
    run = rig()
    original = run.client.patch

    def losing(*arguments, **keywords):
        original(*arguments, **keywords)
        run.client.patch = original
        raise UnreachableError("the connection was interrupted")

    run.client.patch = losing
    report = run.apply(TWO_GI)
    outcome = only(report)
    assert (report.exit, outcome.actuation.value) == (ExitCode.DONE, "succeeded")
    assert outcome.seconds is not None
    assert len(run.patches()) == 1


@pytest.mark.parametrize("status", [403, 422])
def test_rejected_patch_of_one_vm_does_not_stop_changes_to_other_vms(status):
    vms = [{"name": name, "namespace": "default", "guest": "1Gi"} for name in ("vm", "other")]
    run = rig(vms=vms)
    fault = Fault(
        effect=Effect.STATUS,
        methods=frozenset({"PATCH"}),
        name="vm",
        code=status,
        message="no",
    )
    run.sim.api.faults.add(fault)
    report = run.apply(TWO_GI + vm_yaml("default", "other", "2Gi"))
    results = {each.ref.name: each.result for each in report.outcomes}
    assert (report.exit, results) == (
        ExitCode.FAILED,
        {"vm": Result.FAILED, "other": Result.DONE},
    )


def test_vm_is_annotated_with_the_git_commit_only_if_configured():
    for asked in (False, True):
        run = rig()
        run.apply(TWO_GI, annotate=asked)
        vm = json.loads(run.sim.request("GET", VM).body)
        said = vm["metadata"].get("annotations", {}).get("memory.reconciler.dev/applied")
        assert (said is not None) is asked
    applied = json.loads(said)
    assert applied["revision"] == "stdin"
    assert applied["digest"].startswith("sha256:")
    assert applied["time"].endswith("Z")


def test_annotation_patch_keeps_annotations_of_other_clients():
    run = rig()
    run.merge(VM, {"metadata": {"annotations": {"theirs": "kept"}}}, agent="kubectl")
    run.apply(TWO_GI, annotate=True)
    vm = json.loads(run.sim.request("GET", VM).body)
    assert vm["metadata"]["annotations"]["theirs"] == "kept"
    assert "memory.reconciler.dev/applied" in vm["metadata"]["annotations"]


def test_patch_reverted_by_another_client_is_not_repeated_by_the_next_run():
    run = rig("slow")
    original = run.informer.wait

    def reverting(timeout_s):
        live = original(timeout_s)
        if run.patches():
            run.informer.wait = original
            memory = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "1Gi"}}}}}}
            assert run.merge(VM, memory, agent="flux") == 200
        return live

    run.informer.wait = reverting
    first = run.apply(TWO_GI)
    assert (first.exit, only(first).reason) == (ExitCode.FAILED, "reverted")
    run.clock.sleep(600)
    second = run.apply(TWO_GI)
    assert (second.exit, only(second).reason) == (ExitCode.FAILED, "reverted")
    assert len([path for path in run.patches() if path == VM]) == 1
    three = run.apply(vm_yaml("default", "vm", "3Gi"))
    assert three.exit is ExitCode.DONE


def test_failed_vm_change_is_retried_after_an_hour():
    run = rig("slow")
    original = run.informer.wait

    def reverting(timeout_s):
        live = original(timeout_s)
        if run.patches():
            run.informer.wait = original
            memory = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "1Gi"}}}}}}
            run.merge(VM, memory, agent="flux")
        return live

    run.informer.wait = reverting
    run.apply(TWO_GI)
    run.clock.sleep(3700)
    assert run.apply(TWO_GI).exit is ExitCode.DONE


def test_failures_of_an_earlier_run_count_in_the_failure_budget():
    names = [f"vm-{n}" for n in range(5)]
    vms = [{"name": name, "namespace": "default", "guest": "1Gi"} for name in names]
    for each in vms[:3]:
        each["faults"] = {"plugRefused": "always"}
    run = rig(vms=vms, nodes=6)
    first = "".join(vm_yaml("default", name, "2Gi") for name in names[:3])
    assert run.apply(first).exit is ExitCode.FAILED
    run.clock.sleep(60)
    everything = "".join(vm_yaml("default", name, "2Gi") for name in names)
    report = run.apply(everything, choices=PlanPolicy())
    reasons = sorted(each.reason for each in report.outcomes)
    assert reasons == ["failure-budget"] * 2 + ["plug-refused"] * 3
