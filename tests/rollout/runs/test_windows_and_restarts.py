"""Tests when a rollout is allowed to write, and how it treats VMs that need a restart."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.builders import ALWAYS
from support.simulated import Rig, rig, vm_yaml

from reconciler.model.clock_difference import ClockDifference
from reconciler.model.desired.config import RestartConsent, Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.plan.behaviour.effective_config import effective_config_of
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.timing.disruption import window_need_s

KUBEVIRT = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  configuration:
    vmRolloutStrategy: LiveUpdate
  workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}
"""


def window(
    run: Rig, begins_in_s: float, lasts: str, kind: WindowKind = WindowKind.ALLOW
) -> Window:
    """Return a maintenance window that opens in the minute *begins_in_s* seconds from now."""
    begins = run.clock.now() + timedelta(seconds=begins_in_s)
    cron = f"{begins.minute} {begins.hour} {begins.day} {begins.month} *"
    return Window(kind=kind, cron=cron, duration=Duration.parse(lasts))


def consents(*windows: Window, restart: RestartConsent = RestartConsent.NEVER) -> PlanPolicy:
    if restart is RestartConsent.WINDOW and not windows:
        windows = (ALWAYS,)
    return PlanPolicy(windows=windows, restart=restart)


def outcomes(report) -> dict[str, tuple[Result, str]]:
    return {each.ref.name: (each.result, each.reason) for each in report.outcomes}


def restarts(run: Rig) -> list[str]:
    return [
        each.path.split("/")[-2]
        for each in run.sim.request_log
        if each.method == "PUT" and each.path.endswith("/restart")
    ]


TWO_GI, FIVE_GI = vm_yaml("default", "vm", "2Gi"), vm_yaml("default", "vm", "5Gi")


def test_run_outside_a_maintenance_window_writes_nothing_and_ends_immediately():
    run = rig()
    report = run.apply(TWO_GI, choices=consents(window(run, 3600, "8h")))
    assert report.exit is ExitCode.BLOCKED
    assert outcomes(report) == {"vm": (Result.HELD, "outside-window")}
    assert "opens at" in report.outcomes[0].why.message
    assert run.patches() == []
    assert (report.ended_at - report.started_at).total_seconds() < 2


def test_vm_change_is_made_inside_a_maintenance_window():
    run = rig()
    report = run.apply(TWO_GI, choices=consents(window(run, -3600, "8h")))
    assert (report.exit, len(run.patches())) == (ExitCode.DONE, 1)


def test_deny_maintenance_window_overrides_an_allow_maintenance_window():
    run = rig()
    windows = window(run, -3600, "8h"), window(run, -60, "1h", WindowKind.DENY)
    report = run.apply(TWO_GI, choices=consents(*windows))
    assert outcomes(report) == {"vm": (Result.HELD, "outside-window")}
    assert run.patches() == []


def test_kubevirt_cr_is_written_only_inside_a_maintenance_window():
    run = rig("stage")
    report = run.apply(KUBEVIRT, choices=consents(window(run, 3600, "8h")))
    assert (report.exit, outcomes(report)) == (
        ExitCode.BLOCKED,
        {"kubevirt": (Result.HELD, "outside-window")},
    )
    assert run.patches() == []


def test_hotplug_does_not_start_if_its_first_migration_may_outlast_the_maintenance_window():
    """The limits of 900 s for the target pod and 150 s per GB exceed the rest of the window."""
    run = rig()
    report = run.apply(TWO_GI, choices=consents(window(run, -60, "16m")))
    assert outcomes(report) == {"vm": (Result.HELD, "outside-window")}
    assert "might take" in report.outcomes[0].why.message
    assert run.patches() == []


def test_stopped_vm_is_patched_even_if_the_maintenance_window_closes_soon():
    run = rig("halted")
    report = run.apply(TWO_GI, choices=consents(window(run, -60, "3m")))
    assert (report.exit, len(run.patches())) == (ExitCode.DONE, 1)


def test_later_run_outside_the_maintenance_window_tracks_changes_in_flight():
    run = rig("slow")
    run.apply(TWO_GI, deadline_s=30)
    report = run.apply(TWO_GI, choices=consents(window(run, 3600, "8h")))
    assert (report.exit, outcomes(report)["vm"][0]) == (ExitCode.DONE, Result.DONE)
    assert len(run.patches()) == 1


def test_vm_with_restart_consent_is_patched_then_restarted_and_tracked():
    run = rig("above-max")
    before = run.vmi("default", "vm")["metadata"]["uid"]
    report = run.apply(FIVE_GI, choices=consents(restart=RestartConsent.WINDOW))
    assert report.exit is ExitCode.DONE
    assert outcomes(report) == {"vm": (Result.DONE, "converged")}
    (outcome,) = report.outcomes
    assert outcome.patched_at <= outcome.restarted_at <= outcome.ended_at
    vmi = run.vmi("default", "vm")
    assert vmi["metadata"]["uid"] != before
    assert vmi["status"]["memory"]["guestCurrent"] == "5Gi"
    assert (run.patches()[0].split("/")[-1], restarts(run)) == ("vm", ["vm"])


def test_vm_is_neither_patched_nor_restarted_outside_a_maintenance_window():
    run = rig("above-max")
    closed = consents(window(run, 3600, "8h"), restart=RestartConsent.WINDOW)
    report = run.apply(FIVE_GI, choices=closed)
    assert outcomes(report) == {"vm": (Result.HELD, "outside-window")}
    assert (run.patches(), restarts(run)) == ([], [])


def test_vm_restart_does_not_start_if_it_may_outlast_the_maintenance_window():
    run = rig("above-max")
    short = consents(window(run, -60, "10m"), restart=RestartConsent.WINDOW)
    run.apply(FIVE_GI, choices=short)
    assert (run.patches(), restarts(run)) == ([], [])


@pytest.mark.parametrize("consent", [RestartConsent.NEVER, RestartConsent.STAGE])
def test_vm_is_not_restarted_without_restart_consent(consent):
    run = rig("above-max")
    run.apply(FIVE_GI, choices=consents(restart=consent))
    assert restarts(run) == []


def test_restart_consent_annotation_in_git_overrides_the_configuration():
    run = rig("above-max")
    never = vm_yaml("default", "vm", "5Gi", annotations={"memory.reconciler.dev/restart": "never"})
    report = run.apply(never, choices=consents(restart=RestartConsent.WINDOW))
    assert outcomes(report) == {"vm": (Result.HELD, "above-max-guest")}
    allowed = never.replace('"never"', '"window"')
    assert run.apply(allowed, choices=consents(ALWAYS)).exit is ExitCode.DONE
    assert restarts(run) == ["vm"]


def test_restart_consent_annotation_that_exists_only_on_the_live_vm_is_ignored():
    run = rig("above-max")
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
    annotations = {"memory.reconciler.dev/restart": "window"}
    run.merge(path, {"metadata": {"annotations": annotations}}, agent="kubectl")
    run.apply(FIVE_GI, choices=consents(ALWAYS))
    assert restarts(run) == []


def test_restart_consent_limited_to_maintenance_windows_has_no_effect_without_such_a_window():
    run = rig("above-max")
    denied = Window(kind=WindowKind.DENY, cron="0 0 1 1 *", duration=Duration.parse("1h"))
    for windows in ((), (denied,)):
        choices = PlanPolicy(restart=RestartConsent.WINDOW, windows=windows)
        report = run.apply(FIVE_GI, choices=choices)
        assert outcomes(report) == {"vm": (Result.HELD, "above-max-guest")}
        assert "kind: allow" in report.outcomes[0].why.hint
    assert (run.patches(), restarts(run)) == ([], [])


def test_vm_with_a_pending_restart_is_restarted_if_git_has_restart_consent():
    run = rig("restart-pending")
    guest = run.sim.request("GET", "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm")
    assert b"RestartRequired" in guest.body
    report = run.apply(
        vm_yaml("default", "vm", "6Gi"), choices=consents(restart=RestartConsent.WINDOW)
    )
    assert report.exit is ExitCode.DONE
    assert (run.patches(), restarts(run)) == ([], ["vm"])


def test_vm_with_the_desired_memory_is_not_restarted_after_an_edit_by_another_client():
    run = rig("hotplug")
    path = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"
    cores = {"spec": {"template": {"spec": {"domain": {"cpu": {"cores": 4}}}}}}
    run.merge(path, cores, agent="kubectl")
    run.clock.sleep(5)
    one = vm_yaml("default", "vm", "1Gi")
    report = run.apply(one, choices=consents(restart=RestartConsent.WINDOW))
    assert (outcomes(report), report.exit.name) == ({}, "DONE")
    assert restarts(run) == []


def test_members_of_an_anti_affinity_group_are_restarted_one_at_a_time():
    vms = [
        {"name": name, "namespace": "default", "guest": "1Gi", "labels": {"app": "pg"}}
        for name in "abc"
    ]
    run = rig("above-max", vms=vms)
    away: list[int] = []
    original = run.informer.wait

    def looking(timeout_s):
        live = original(timeout_s)
        running = [each for each in live.vmis.values() if each.phase == "Running"]
        away.append(len(live.vms) - len([each for each in running if not each.deleting]))
        return live

    run.informer.wait = looking
    text = "".join(vm_yaml("default", name, "5Gi") for name in "abc")
    report = run.apply(
        text, choices=consents(restart=RestartConsent.WINDOW), anti_affinity=("app",)
    )
    assert report.exit is ExitCode.DONE
    assert sorted(restarts(run)) == ["a", "b", "c"]
    assert max(away) == 1


def test_run_after_a_killed_run_does_not_restart_a_vm_a_second_time():
    run = rig("above-max")

    class Killed(BaseException):
        pass

    original, asked = run.informer.wait, []

    def dying(timeout_s):
        live = original(timeout_s)
        asked.extend(restarts(run))
        if asked:
            raise Killed
        return live

    run.informer.wait = dying
    choices = consents(restart=RestartConsent.WINDOW)
    with pytest.raises(Killed):
        run.apply(FIVE_GI, choices=choices)
    run.informer.wait = original
    report = run.apply(FIVE_GI, choices=choices)
    assert (report.exit, restarts(run)) == (ExitCode.DONE, ["vm"])


def test_suspended_vm_is_not_restarted():
    run = rig("restart-pending")
    text = vm_yaml("default", "vm", "6Gi", annotations={"memory.reconciler.dev/suspend": "true"})
    report = run.apply(text, choices=consents(restart=RestartConsent.WINDOW))
    assert (report.exit, restarts(run)) == (ExitCode.DONE, [])


def test_vm_change_does_not_start_if_it_fits_the_window_only_according_to_one_of_two_clocks():
    """The first VM fits into the window by both clocks; the second VM fits by only one of them."""
    run = rig()
    run.create_vm("default", "second", "1Gi")
    both = TWO_GI + vm_yaml("default", "second", "2Gi")
    live, minute = run.informer.read(), run.clock.now().replace(second=0, microsecond=0)
    (first, _) = run.plan(both).decisions
    needed_s = window_need_s(first, live, effective_config_of(live.kubevirt))
    lasts_s = needed_s + 3605.0 + (run.clock.now() - minute).total_seconds()
    run.clock_difference = lambda: ClockDifference(
        server="api:6443",
        server_time=run.clock.now(),
        local_time=run.clock.now() - timedelta(minutes=6),
    )
    choices = consents(window(run, -3600.0, f"{lasts_s:.0f}s"))
    report = run.apply(both, choices=choices, max_concurrent=1)
    assert report.exit is ExitCode.ERROR
    assert "api:6443 shows" in report.message
    assert (
        "fits into the maintenance window only according to this machine's clock" in report.message
    )
    assert sorted(result for result, _ in outcomes(report).values()) == ["done", "not-started"]
    assert len(run.patches()) == 1
