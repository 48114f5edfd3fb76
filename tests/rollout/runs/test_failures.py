"""Rollouts over several runs with several failures, with failure budgets and approvals."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from support.builders import ALWAYS, q
from support.fake_ports import DirectRecorder
from support.simulated import ActOnStep, Rig, rig, vm_yaml

from reconciler.app.read_and_plan import plan_against_cluster
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import UnreachableError
from reconciler.model.desired.config import Canary, RestartConsent, Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.model.run.progress import Step
from reconciler.model.selector import Selector
from reconciler.plan.approval_summary import approval_of
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.prometheus.no_prometheus import NoPrometheus
from reconciler.rollout import run as rollout
from reconciler.rollout.rollout_policy import RolloutPolicy
from reconciler.rollout.run_context import RunContext
from reconciler.rollout.writes.needed_leases import NoLease, touches_config
from reconciler.simulator.apiserver.request.api_faults import Effect, Fault

VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
VMIS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances"
CR = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"
RESTARTS = {"restart": RestartConsent.WINDOW, "windows": (ALWAYS,)}
CANARY = {"canary": "true"}
HOTPLUG_RATIO = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec: {configuration: {liveUpdateConfiguration: {maxHotplugRatio: 8}}}
"""


def vms(*names: str, **more) -> list[dict]:
    return [{"name": name, "namespace": "default", "guest": "1Gi", **more} for name in names]


def size(guest: str) -> dict:
    return {"spec": {"template": {"spec": {"domain": {"memory": {"guest": guest}}}}}}


def manifest(name: str, guest: str, strategy: str = "Always") -> str:
    return f"""\
---
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {{name: {name}, namespace: default}}
spec:
  runStrategy: {strategy}
  template: {{spec: {{domain: {{memory: {{guest: {guest}}}, devices: {{}}}}}}}}
"""


def refusing(run: Rig, code: int, name: str, **more) -> None:
    fault = Fault(
        effect=Effect.STATUS,
        methods=frozenset({"PATCH"}),
        resource="virtualmachines",
        name=name,
        code=code,
        **more,
    )
    run.sim.api.faults.add(fault)


def ends(report) -> dict[str, tuple[Result, str]]:
    return {each.ref.name: (each.result, each.reason) for each in report.outcomes}


def patched(run: Rig) -> list[str]:
    return [path.rpartition("/")[2] for path in run.patches()]


def restarted(run: Rig) -> list[str]:
    return [
        each.path.split("/")[-2]
        for each in run.sim.request_log
        if each.method == "PUT" and each.path.endswith("/restart") and each.status == 202
    ]


def soaking(soak: str) -> Canary:
    return Canary(selector=Selector.parse("canary=true"), soak=Duration.parse(soak))


class TestApproval:
    def test_approval_of_a_plan_does_not_approve_a_change_that_the_plan_blocks(self):
        run = rig(vms=vms("vm", "other"))
        run.merge(f"{VMS}/other", size("2Gi"), agent="kubectl")
        run.clock.sleep(3)
        text = vm_yaml("default", "vm", "2Gi") + vm_yaml("default", "other", "3Gi")
        approval = approval_of(run.plan(text))
        assert [ref.name for ref in approval.actions] == ["vm"]
        report = run.apply(text, approval=approval)
        assert patched(run) == ["vm"]
        assert ends(report)["other"] == (Result.HELD, "not-approved")

    def test_vm_is_not_restarted_if_the_approval_covers_only_its_patch(self):
        run = rig()
        text = vm_yaml("default", "vm", "5Gi")
        approval = approval_of(run.plan(text, restart=RestartConsent.STAGE))
        report = run.apply(text, approval=approval, **RESTARTS)
        assert (report.exit, restarted(run)) == (ExitCode.STALE, [])
        (outcome,) = report.outcomes
        assert (outcome.result, outcome.actuation.value) == (Result.STALE, "succeeded")

    def test_restart_approval_is_stale_after_consent_is_withdrawn(self):
        run = rig()
        text = vm_yaml("default", "vm", "5Gi")
        approval = approval_of(run.plan(text, **RESTARTS))
        report = run.apply(text, approval=approval, restart=RestartConsent.STAGE)
        assert (report.exit, restarted(run)) == (ExitCode.STALE, [])


class TestGroups:
    def test_later_run_waits_for_an_anti_affinity_group_member_that_is_starting(self):
        run = rig(vms=vms("a", "b"))
        labels = {"app": "x"}
        text = "".join(vm_yaml("default", name, "5Gi", labels=labels) for name in "ab")
        run.progress = ActOnStep(Step.RESTARTED, lambda: setattr(run, "stop", True))
        run.apply(text, anti_affinity=("app",), **RESTARTS)
        assert restarted(run) == ["a"]
        phases = []

        def look():
            answer = run.sim.request("GET", f"{VMIS}/a")
            phases.append(json.loads(answer.body).get("status", {}).get("phase"))

        run.stop, run.progress = False, ActOnStep(Step.PATCHED, look, "b")
        report = run.apply(text, anti_affinity=("app",), **RESTARTS)
        assert (report.exit, phases) == (ExitCode.DONE, ["Running"])
        assert restarted(run) == ["a", "b"]


class TestFailuresOfEarlierPasses:
    def test_vm_that_does_not_start_after_a_requested_restart_stays_failed_in_later_runs(
        self,
    ):
        filling = [
            {"name": f"big-{n}", "namespace": "default", "guest": "20Gi", "node": f"node0{n}"}
            for n in (1, 2, 3)
        ]
        small = [{**each, "node": "node01"} for each in vms("a", "b")]
        run = rig(vms=[*small, *filling], nodeMemory="32Gi")
        labels = {"app": "x"}
        text = vm_yaml("default", "a", "24Gi", labels=labels)
        text += vm_yaml("default", "b", "5Gi", labels=labels)
        choices = {**RESTARTS, "anti_affinity": ("app",), "failure_budget": 1}
        codes = []
        for _ in range(4):
            codes.append(run.apply(text, deadline_s=480, **choices).exit)
            run.clock.sleep(120)
        assert codes[0] is ExitCode.DEADLINE
        assert codes[-1] is ExitCode.FAILED
        assert restarted(run) == ["a"]

    def test_canary_failure_in_one_run_delays_changes_of_other_vms_in_the_next_run(self):
        run = rig(vms=vms("c1", "c2", "rest"))
        text = "".join(vm_yaml("default", each, "2Gi", labels=CANARY) for each in ("c1", "c2"))
        text += vm_yaml("default", "rest", "2Gi")
        cores = {"spec": {"template": {"spec": {"domain": {"cpu": {"cores": 2}}}}}}
        run.progress = ActOnStep(
            Step.PATCHED, lambda: run.merge(f"{VMS}/c1", cores, agent="kubectl"), "c1"
        )
        for _ in range(2):
            report = run.apply(text, canary=soaking("10s"), deadline_s=900)
            assert ends(report)["rest"][1] == "canary-failed"
        assert "rest" not in patched(run)

    def test_vm_restart_is_requested_only_once_even_if_the_restart_did_not_change_the_memory(self):
        run = rig("restart-pending")
        original = run.informer.read
        (pending,) = original().vms.values()

        def unchanged():
            """Simulate a new VMI that starts with the old VMI's memory."""
            live = original()
            vmis = {ref: replace(each, guest_current=q("1Gi")) for ref, each in live.vmis.items()}
            return replace(live, vms={pending.ref: pending}, vmis=vmis)

        run.informer.read = unchanged
        for _ in range(3):
            report = run.apply(vm_yaml("default", "vm", "6Gi"), deadline_s=400, **RESTARTS)
            run.clock.sleep(120)
        assert ends(report) == {"vm": (Result.FAILED, "restart-ineffective")}
        assert restarted(run) == ["vm"]

    def test_failure_of_a_vm_change_counts_in_the_failure_budget_even_after_git_sets_a_new_size(
        self,
    ):
        run = rig("storm")
        choices = {"failed_migrations": 2, "failure_budget": 1, "deadline_s": 600}
        assert run.apply(vm_yaml("default", "flaky", "2Gi"), **choices).exit is ExitCode.FAILED
        text = vm_yaml("default", "flaky", "3Gi") + vm_yaml("default", "front", "2Gi")
        report = run.apply(text, **choices)
        assert (report.exit, patched(run)) == (ExitCode.FAILED, ["flaky"])
        assert ends(report)["front"] == (Result.NOT_STARTED, "failure-budget")

    def test_created_vm_that_another_client_deletes_is_not_created_again(self):
        run = rig()
        text = manifest("new", "2Gi")
        for _ in range(3):
            run.progress = ActOnStep(
                Step.CREATED,
                lambda: (
                    run.clock.sleep(2.0),
                    run.sim.request("DELETE", f"{VMS}/new"),
                ),
            )
            report = run.apply(text, create=True, deadline_s=300)
            assert report.exit is ExitCode.FAILED
            run.clock.sleep(120)
        posts = [each for each in run.sim.request_log if each.method == "POST"]
        assert len([each for each in posts if each.path == VMS]) == 1


def test_vm_is_not_restarted_if_no_node_is_large_enough():
    run = rig()
    report = run.apply(vm_yaml("default", "vm", "2000Gi"), **RESTARTS)
    (outcome,) = report.outcomes
    assert (run.patches(), restarted(run)) == ([], [])
    assert "no node is large enough" in outcome.why.hint


class TestRunsEnd:
    """Rollouts end without a deadline even if some changes cannot be made."""

    def test_patched_vm_is_not_restarted_once_failures_have_exhausted_the_failure_budget(
        self,
    ):
        run = rig(vms=vms("a", "b"))
        refusing(run, 403, "b")
        text = vm_yaml("default", "a", "5Gi") + vm_yaml("default", "b", "2Gi")
        report = run.apply(text, failure_budget=1, **RESTARTS)
        assert report.exit is ExitCode.FAILED
        assert ends(report)["a"] == (Result.NOT_STARTED, "failure-budget")
        assert (
            "written" in next(each for each in report.outcomes if each.ref.name == "a").why.message
        )

    @pytest.mark.parametrize(
        "choices",
        [{"max_concurrent": 1}, {"anti_affinity": ("app",)}],
        ids=["concurrency limit", "anti-affinity group"],
    )
    def test_failed_vm_counts_toward_the_concurrency_limit_while_kubevirt_migrates_it(
        self, choices
    ):
        run = rig("storm")
        labels = {"app": "x"}
        text = "".join(
            vm_yaml("default", each, "2Gi", labels=labels) for each in ("flaky", "front")
        )
        report = run.apply(text, failed_migrations=2, **choices)
        assert report.exit is ExitCode.FAILED
        assert ends(report)["front"] == (Result.HELD, "waits-for-place")

    def test_run_with_a_stopped_vm_ends_if_virt_operator_never_applies_the_kubevirt_cr(self):
        restless = [
            {
                "at": f"{2 * n - 199}s",
                "request": {
                    "path": CR,
                    "body": {"spec": {"configuration": {"migrations": {"progressTimeout": n}}}},
                },
            }
            for n in range(100, 320)
        ]
        stopped = vms("vm", running=False)
        run = rig("cr-not-deployed", vms=stopped, timeline=restless)
        run.clock.sleep(3)
        report = run.apply(vm_yaml("default", "vm", "2Gi"))
        assert "did not apply" in report.message
        assert (report.ended_at - report.started_at).total_seconds() < 400

    def test_kubevirt_cr_change_fails_if_it_is_not_applied_before_the_timeout(
        self,
    ):
        restless = [
            {
                "at": f"{n}s",
                "request": {
                    "path": CR,
                    "body": {"spec": {"configuration": {"migrations": {"progressTimeout": n}}}},
                },
            }
            for n in range(1, 200)
        ]
        run = rig("hotplug", timeline=restless)
        report = run.apply(HOTPLUG_RATIO + vm_yaml("default", "vm", "2Gi"), settle_deadline_s=42.0)
        assert [each.barrier.deadline_s for each in report.plan.waves if each.barrier] == [42.0]
        assert "KubeVirt did not apply its CR within 42 s" in report.outcomes[0].why.message

    def test_run_ends_immediately_if_no_change_can_start(self):
        run = rig("storm")
        run.merge(f"{VMS}/flaky", size("2Gi"), agent="kubectl")
        run.clock.sleep(30)
        far = Window(kind=WindowKind.ALLOW, cron="0 0 1 6 *", duration=Duration.parse("1h"))
        text = vm_yaml("default", "flaky", "3Gi") + vm_yaml("default", "front", "3Gi")
        report = run.apply(text, windows=(far,))
        assert report.exit is ExitCode.BLOCKED
        assert (report.ended_at - report.started_at).total_seconds() < 5

    def test_vm_change_fails_if_no_vmi_appears_after_a_requested_restart(self):
        run = rig("above-max")
        original = run.informer.read

        def gone():
            live = original()
            return replace(live, vmis={}) if restarted(run) else live

        run.informer.read = gone
        report = run.apply(vm_yaml("default", "vm", "5Gi"), **RESTARTS)
        assert ends(report) == {"vm": (Result.FAILED, "not-starting")}


class TestOneBadVM:
    @pytest.mark.parametrize(
        "choices", [{}, {"max_concurrent": 1}], ids=["no limit", "one at a time"]
    )
    def test_webhook_failure_for_one_vm_does_not_stop_changes_to_other_vms(self, choices):
        run = rig(vms=vms("a", "b", "c"))
        words = 'Internal error occurred: failed calling webhook "x": timeout'
        refusing(run, 500, "a", message=words)
        text = "".join(vm_yaml("default", name, "2Gi") for name in "abc")
        report = run.apply(text, **choices)
        found = ends(report)
        assert report.exit is ExitCode.FAILED
        assert found["a"] == (Result.FAILED, "unavailable")
        assert [found[name][0] for name in "bc"] == [Result.DONE] * 2


class TestLeases:
    def test_api_server_receives_no_patch_after_a_run_has_released_its_lease(self):
        """A response that ends the run does not cancel API requests that were already sent."""
        run = rig(vms=vms("a", "b"))
        answers = []

        class Together(ClusterWriter):
            """A writer whose second response arrives after the first one has ended the run."""

            def write_each(self, actions, *, timeout_s):
                for each, answer in super().write_each(list(actions), timeout_s=timeout_s):
                    answers.append(each.ref.name)
                    yield each, answer

        refusing(run, 401, "a")
        text = vm_yaml("default", "a", "2Gi") + vm_yaml("default", "b", "2Gi")
        run.writer = Together
        report = run.apply(text)
        assert report.exit is ExitCode.ERROR
        writes = [
            each.path
            for each in run.sim.request_log
            if each.method in ("PATCH", "PUT") and each.user_agent.startswith("reconciler/")
        ]
        last_patch = max(n for n, path in enumerate(writes) if "/virtualmachines/" in path)
        freed = [n for n, path in enumerate(writes) if "/leases/" in path]
        assert last_patch < freed[-1]

    def test_rejected_events_stop_neither_lease_renewals_nor_patches(self):
        run = rig(vms=vms(*"abcd"))
        fault = Fault(
            effect=Effect.STATUS,
            methods=frozenset({"POST"}),
            resource="events",
            code=429,
            retry_after_s=40,
        )
        run.sim.api.faults.add(fault)
        text = "".join(vm_yaml("default", name, "2Gi") for name in "abcd")
        report = run.apply(text, max_concurrent=1)
        assert (report.exit, patched(run)) == (ExitCode.DONE, list("abcd"))
        renewed = [
            each.at
            for each in run.sim.request_log
            if each.method == "PUT" and each.path.endswith("/test-memory")
        ]
        assert (report.ended_at - report.started_at).total_seconds() > 20
        gaps = [(later - one).total_seconds() for one, later in pairwise(renewed)]
        assert max(gaps) < 15
        assert run.sim.api.faults.fired(fault) >= 1

    def test_run_without_the_lease_for_the_kubevirt_cr_does_not_write_the_kubevirt_cr(self):
        kubevirt = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  configuration: {developerConfiguration: {featureGates: [Snapshot]}}
"""
        run = rig()
        gates = {"spec": {"configuration": {"developerConfiguration": {}}}}
        listed = gates["spec"]["configuration"]["developerConfiguration"]
        listed["disabledFeatureGates"] = ["Snapshot"]
        run.merge(CR, gates, agent="kubectl")
        run.clock.sleep(30)
        desired, choices = run.desired(kubevirt), PlanPolicy()
        _, plan = plan_against_cluster(desired, run.informer, choices, run.clock)
        assert not touches_config(plan, choices.shard)
        listed["disabledFeatureGates"] = None
        run.merge(CR, gates, agent="kubectl")
        run.clock.sleep(20)
        context = RunContext(
            informer=run.informer,
            writer=ClusterWriter(run.client),
            config_lease=NoLease(),
            memory_lease=NoLease(),
            clock=run.clock,
            recorder=DirectRecorder(run.client, clock=run.clock, instance="t", revision="c"),
            listener=run.progress.append,
            alerts=NoPrometheus(run.clock),
            stopping=lambda: "",
        )
        rollout.run(plan, desired, choices, RolloutPolicy(), context, run_id="t")
        assert run.patches() == []


class TestSoak:
    def test_canary_soak_time_starts_again_if_the_size_of_a_canary_changes(self):
        run = rig(vms=vms("c1", "rest"))

        def text(canary: str, rest: str) -> str:
            first = vm_yaml("default", "c1", canary, labels=CANARY)
            return first + vm_yaml("default", "rest", rest)

        run.apply(text("2Gi", "2Gi"), canary=soaking("2m"))
        run.merge(f"{VMS}/c1", size("3Gi"), agent="kubectl")
        run.clock.sleep(60)
        report = run.apply(text("2Gi", "3Gi"), canary=soaking("2m"))
        times = {each.ref.name: each for each in report.outcomes}
        waited = times["rest"].patched_at - times["c1"].ended_at
        assert waited.total_seconds() >= 119


class TestCreated:
    def test_created_vm_is_reported_as_done_when_its_guest_has_the_desired_memory(self):
        run = rig()
        run.informer.wait = lambda _timeout_s: (run.clock.sleep(0.02), run.informer.read())[1]
        report = run.apply(manifest("new", "2Gi"), create=True)
        assert ends(report) == {"new": (Result.DONE, "converged")}

    def test_created_vm_that_fits_on_no_node_is_reported_as_failed(self):
        run = rig()
        report = run.apply(manifest("new", "9000Gi"), create=True)
        assert ends(report) == {"new": (Result.FAILED, "not-starting")}

    @pytest.mark.parametrize("strategy", ["Halted", "Manual"])
    def test_created_vm_that_should_stay_stopped_is_reported_as_done_immediately(self, strategy):
        run = rig()
        report = run.apply(manifest("new", "2Gi", strategy), create=True)
        assert ends(report) == {"new": (Result.DONE, "stopped-as-desired")}


class TestRestarts:
    def test_restart_request_without_a_response_is_not_repeated_while_the_informer_is_stale(self):
        run = rig("above-max")
        frozen, original = [], run.informer.read

        def stale():
            live = original()
            if restarted(run) and not frozen:
                frozen.append((run.clock.monotonic(), before[-1]))
            if frozen and run.clock.monotonic() - frozen[0][0] < 60:
                return frozen[0][1]
            before.append(live)
            return live

        before = [original()]
        run.informer.read = stale
        sending = run.client.restart

        def losing(*arguments, **named):
            run.client.restart = sending
            sending(*arguments, **named)
            raise UnreachableError("the connection was interrupted")

        run.client.restart = losing
        report = run.apply(vm_yaml("default", "vm", "5Gi"), **RESTARTS)
        assert (report.exit, restarted(run)) == (ExitCode.DONE, ["vm"])
