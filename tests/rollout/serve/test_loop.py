"""Tests the main loop of `serve`: what starts a rollout, what ends it, and the displayed state."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.serving.serve_rig import ServeRig
from support.simulated import vm_yaml

from reconciler.errors import BackgroundError, ClusterError, UnreachableError
from reconciler.model.desired.config import Mode, Window, WindowKind
from reconciler.model.quantity import Duration
from reconciler.model.references import vm_ref
from reconciler.model.run.progress import Step
from reconciler.model.service.view import Role, WaitKind

VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
REF = vm_ref("default", "vm")


def vms(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "namespace": "default", "guest": "1Gi"} for name in names]


def manifests(**sizes: str) -> str:
    return "".join(vm_yaml("default", name, guest) for name, guest in sizes.items())


def sized(guest: str) -> dict:
    return {"spec": {"template": {"spec": {"domain": {"memory": {"guest": guest}}}}}}


def kinds(serve: ServeRig) -> list[WaitKind]:
    return [each.kind for each in serve.view.waits]


def test_serve_process_tracks_a_change_in_git_until_the_guest_has_the_new_memory():
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    assert serve.turns(60) == 1
    assert serve.guest() == "2Gi"
    (report,) = serve.view.runs
    assert [each.revision for each in report.outcomes] == ["commit-1"]
    assert (serve.view.plan.applyable, serve.view.run, serve.view.ready) == (False, None, True)


def test_serve_process_starts_a_rollout_for_each_new_commit():
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    serve.turns(60)
    serve.git.commit("commit-2", vm_yaml("default", "vm", "3Gi"))
    assert serve.turns(60) == 1
    assert serve.guest() == "3Gi"
    assert [each.revision for each in serve.view.plans][:2] == ["commit-2", "commit-2"]
    assert [each.revision for each in serve.view.changes[REF]] == ["commit-2", "commit-1"]


def test_serve_process_reverts_a_vm_change_by_another_client():
    serve = ServeRig("halted")
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    serve.turns(30)
    assert serve.rig.merge(f"{VM}/vm", sized("3Gi"), agent="kubectl") == 200
    assert serve.turns(30) == 1
    assert serve.view.plan.summary == {"none": 1}


def test_serve_in_observe_mode_plans_and_never_writes():
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"), mode=Mode.OBSERVE)
    assert serve.turns(300) == 0
    assert serve.view.plan.applyable
    assert (serve.view.mode, serve.view.next_run) == (Mode.OBSERVE, None)
    assert serve.view.last_success_at == serve.view.planned_at
    assert not writes(serve)
    assert not serve.leader.namespace, "the Lease of the leader would be a write, too"


def test_serve_in_observe_mode_elects_a_leader_only_to_send_notifications_and_statuses():
    serve = ServeRig(leads_to_observe=True)
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"), mode=Mode.OBSERVE)
    assert serve.turns(60) == 0
    assert serve.leader.namespace == "kubevirt"
    assert not writes(serve)


def test_serve_process_competes_for_leadership_after_a_commit_ends_observe_mode():
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"), mode=Mode.OBSERVE)
    serve.turns(5)
    serve.git.commit("commit-2", vm_yaml("default", "vm", "2Gi"), mode=Mode.ENFORCE)
    assert serve.turns(60) == 1
    assert serve.leader.namespace == "kubevirt"
    serve.git.commit("commit-3", vm_yaml("default", "vm", "2Gi"), mode=Mode.OBSERVE)
    serve.turns(5)
    assert not serve.leader.namespace, "an observing process writes nothing, not even the Lease"


def test_serve_in_observe_mode_without_leadership_counts_each_plan_as_a_success():
    serve = ServeRig()
    serve.leader.leading = False
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"), mode=Mode.OBSERVE)
    serve.turns(5)
    assert serve.view.plan.applyable
    assert serve.view.last_success_at == serve.view.planned_at


def test_standby_serve_replica_plans_and_never_writes():
    serve = ServeRig()
    serve.leader.leading = False
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    assert serve.turns(300) == 0
    assert serve.view.plan.applyable
    assert (serve.view.role, serve.view.next_run) == (Role.STANDBY, None)
    assert serve.view.last_success_at is None, "only the leader can know why nothing is applied"
    assert not writes(serve)
    serve.leader.leading = True
    assert serve.turns(60) == 1


def observed(serve: ServeRig) -> None:
    serve.git.commit("commit-2", vm_yaml("default", "vm", "3Gi"), mode=Mode.OBSERVE)


def grown(serve: ServeRig) -> None:
    serve.git.commit("commit-2", vm_yaml("default", "vm", "3Gi"))


@pytest.mark.parametrize(
    ("poll_ends", "applied"),
    [
        pytest.param(observed, [], id="observe"),
        pytest.param(grown, ["commit-2"], id="newer"),
        pytest.param(lambda serve: serve.git.fail(), ["commit-1"], id="failed"),
    ],
)
def test_new_serve_leader_starts_no_rollout_before_it_has_polled_git(poll_ends, applied):
    serve = ServeRig("halted")
    serve.git.answers, serve.leader.leading = False, False
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    serve.turns(5)
    assert serve.git.wakes == 0, "a standby polls at its intervals"
    serve.leader.leading = True
    led_at = serve.clock.now()
    assert serve.turns(30) == 0
    assert (serve.git.wakes, serve.view.role, serve.view.next_run) == (1, Role.LEADER, None)
    (wait,) = serve.view.waits
    assert (wait.kind, wait.since, serve.view.ready) == (WaitKind.FRESH_COMMIT, led_at, True)
    poll_ends(serve)
    serve.turns(5)
    assert WaitKind.FRESH_COMMIT not in kinds(serve)
    assert [each.plan.revision for each in serve.reports] == applied


def test_serve_leader_polls_git_again_if_its_lease_was_lost_and_reacquired_between_two_turns():
    serve = ServeRig("halted")
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    assert serve.turns(30) == 1
    serve.git.answers = False
    serve.leader.term += 1
    assert serve.rig.merge(f"{VM}/vm", sized("3Gi"), agent="kubectl") == 200
    assert serve.turns(30) == 0
    assert serve.git.wakes == 2
    serve.git.fail()
    assert serve.turns(30) == 1


def writes(serve: ServeRig) -> list[str]:
    """Return the paths of the product's API requests that could change an object."""
    return [
        each.path
        for each in serve.sim.request_log
        if each.method not in ("GET", "HEAD") and "accessreviews" not in each.path
    ]


def test_serve_process_uses_a_newer_commit_for_all_changes_that_have_not_started():
    serve = ServeRig(vms=vms("a", "b"))
    serve.git.commit("commit-1", manifests(a="2Gi", b="2Gi"), max_concurrent=1)

    def newer(progress) -> None:
        if progress.step is Step.PATCHED and progress.ref.name == "a":
            serve.git.commit("commit-2", manifests(a="2Gi", b="3Gi"))

    serve.printer.act = newer
    serve.turns(120)
    assert (serve.guest("a"), serve.guest("b")) == ("2Gi", "3Gi")
    first, second = serve.reports[:2]
    assert first.message.startswith(
        "commit commit-2 replaces the commit of this run; running migrations continue"
    )
    assert {each.ref.name: each.result for each in first.outcomes} == {
        "a": "running",
        "b": "not-started",
    }
    found = {each.ref.name: each.revision for each in second.outcomes}
    assert found["b"] == "commit-2"
    sizes = [each for each in serve.rig.patches() if each.endswith(("/a", "/b"))]
    assert len(sizes) == 2
    changes = serve.view.changes
    assert [each.revision for each in changes[vm_ref("default", "a")]] == ["commit-1"]
    assert changes[vm_ref("default", "a")][0].result == "done"


def test_serve_process_shows_the_result_of_a_change_after_a_new_commit_has_ended_its_rollout():
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))

    def newer(progress) -> None:
        if progress.step is Step.PATCHED:
            serve.git.commit("commit-2", vm_yaml("default", "vm", "2Gi"))

    serve.printer.act = newer
    assert serve.turns(120) == 1
    (change,) = serve.view.changes[REF]
    assert (change.result, change.revision, str(change.after)) == ("done", "commit-1", "2Gi")
    assert [each.seconds for each in serve.late] == [change.seconds]
    assert change.seconds > 0


def test_serve_process_stops_writing_when_it_loses_leadership_during_a_rollout():
    serve = ServeRig(vms=vms("a", "b"))
    serve.git.commit("commit-1", manifests(a="2Gi", b="2Gi"), max_concurrent=1)

    def lose(progress) -> None:
        if progress.step is Step.PATCHED:
            serve.leader.leading = False

    serve.printer.act = lose
    assert serve.turns(120) == 1
    assert serve.reports[0].message.startswith("this process is no longer the leader")
    assert (serve.guest("a"), serve.guest("b")) == ("2Gi", "1Gi")


def test_serve_process_releases_the_rollout_leases_between_rollouts():
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    serve.turns(60)
    for name in ("memory-reconciler-config", "memory-reconciler-memory-0"):
        status = serve.sim.request("GET", f"{LEASES}/{name}")
        assert b'"holderIdentity":""' in status.body or status.status == 404


def test_serve_process_waits_while_another_client_holds_the_rollout_lease():
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    serve.rig.holder = "a-person"
    with serve.rig.lease("memory-reconciler-memory-0") as lease:
        serve.clock.slept = lease.held
        assert 1 <= serve.turns(120) <= 6
        assert kinds(serve) == [WaitKind.ROLLOUT_LEASE]
        assert serve.view.ready
        assert serve.rig.patches() == []
        serve.clock.slept = lambda: None
    serve.turns(90)
    assert serve.guest() == "2Gi"
    assert kinds(serve) == []


def test_serve_process_starts_no_rollout_outside_maintenance_windows():
    window = Window(kind=WindowKind.ALLOW, cron="0 2 * * *", duration=Duration.parse("1m"))
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"), windows=(window,))
    assert serve.turns(100) == 0
    assert serve.view.next_run.why == "no maintenance window is open"
    assert serve.view.next_run.at > serve.clock.now()
    assert serve.view.last_success_at == serve.view.planned_at, "a closed window is no failure"


def test_serve_process_counts_a_plan_with_an_invalid_manifest_as_complete_but_not_successful():
    serve = ServeRig("halted")
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2GB"))
    serve.turns(5)
    assert serve.view.plan.errored
    assert serve.view.last_pass_at == serve.view.planned_at
    assert serve.view.last_success_at is None


@pytest.mark.parametrize("reads", [1, 5])
def test_serve_process_keeps_applying_the_last_commit_while_the_repository_is_unreachable(reads):
    serve = ServeRig("halted")
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    serve.turns(30)
    for _ in range(reads):
        serve.git.fail()
        serve.clock.sleep(10)
    serve.rig.merge(f"{VM}/vm", sized("3Gi"), agent="kubectl")
    assert serve.turns(30) == 1
    assert kinds(serve) == [WaitKind.REPOSITORY]
    waited = serve.clock.now() - serve.view.waits[0].since
    assert waited >= timedelta(seconds=10 * reads)
    serve.git.commit("commit-2", vm_yaml("default", "vm", "2Gi"))
    serve.turns(2)
    assert kinds(serve) == []


def test_serve_history_does_not_grow_beyond_its_limits():
    serve = ServeRig("halted")
    for n in range(32):
        serve.git.commit(f"commit-{n}", vm_yaml("default", "vm", f"{n % 3 + 1}Gi"))
        serve.turns(4)
    view = serve.view
    assert (len(view.runs), len(view.plans), len(view.changes[REF])) == (30, 50, 10)


def test_restarted_serve_process_continues_the_changes_of_the_previous_process():
    serve = ServeRig()
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    began = []

    def stop(progress) -> None:
        if progress.step is Step.PATCHED:
            began.append(progress)
            serve.stop.requested = True

    serve.printer.act = stop
    serve.loop.turn()
    serve.loop.turn()
    assert len(began) == 1
    assert serve.reports[0].message == "a signal ended the run; running migrations continue"
    serve.stop.requested = False
    serve.restart()
    assert serve.turns(60) == 0
    assert serve.guest() == "2Gi"
    assert serve.view.plan.summary == {"none": 1}


class Outage:
    """Makes each cluster read of the informer fail while the outage is active."""

    def __init__(self, serve: ServeRig, error: ClusterError) -> None:
        self.active, self._serve, self._error = False, serve, error
        self.reads = 0
        self._read = serve.rig.informer.read
        serve.rig.informer.read = self.read

    def read(self):
        self.reads += 1
        if self.active:
            raise self._error
        return self._read()


def test_serve_process_sends_few_requests_and_leaks_nothing_during_a_long_api_server_outage():
    serve = ServeRig("halted")
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    serve.turns(30)
    outage = Outage(serve, UnreachableError("the API server does not answer"))
    before, began = serve.view, serve.clock.now()
    outage.active = True
    for _ in range(400):
        serve.clock.sleep(serve.loop.turn())
    assert serve.clock.now() - began > timedelta(hours=6)
    (wait,) = serve.view.waits
    assert (wait.kind, wait.since, wait.message) == (
        WaitKind.CLUSTER,
        began,
        "the API server does not answer",
    )
    assert not serve.view.ready
    assert (serve.view.runs, serve.view.plans) == (before.runs, before.plans)
    outage.active = False
    serve.turns(5)
    assert serve.view.ready


def test_serve_state_does_not_grow_during_a_long_outage_of_the_repository():
    serve = ServeRig("halted")
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    serve.turns(30)
    before, began = serve.view, serve.clock.now()
    while serve.clock.now() - began < timedelta(hours=6):
        serve.git.fail()
        for _ in range(10):  # the longest pause between two polls is 10 minutes
            serve.clock.sleep(serve.loop.turn())
    (wait,) = serve.view.waits
    assert (wait.kind, wait.since, serve.view.ready) == (WaitKind.REPOSITORY, began, False)
    assert serve.view.plan.revision == "commit-1"
    kept = ("runs", "plans", "changes", "restart_since", "notifications")
    assert [getattr(serve.view, each) for each in kept] == [getattr(before, each) for each in kept]


def test_serve_process_ends_if_an_informer_thread_fails():
    serve = ServeRig("halted")
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"))
    Outage(serve, BackgroundError("a thread ended")).active = True
    with pytest.raises(BackgroundError):
        serve.loop.turn()


def test_serve_process_reports_a_wrong_cluster_and_never_writes_to_it():
    serve = ServeRig("halted")
    serve.git.commit("commit-1", vm_yaml("default", "vm", "2Gi"), cluster="another")
    assert serve.turns(60) == 0
    assert kinds(serve) == [WaitKind.VALID_COMMIT, WaitKind.FIRST_PLAN]
    assert "is meant for cluster another" in serve.view.waits[0].message
    assert not writes(serve)


def test_serve_process_does_not_apply_a_branch_with_rewritten_history():
    class Rewritten:
        is_fixed = False

        def contains(self, commit: str) -> bool:
            return commit == "b" * 40

    serve = ServeRig("halted")
    first, second = "a" * 40, "b" * 40
    serve.git.commit(first, vm_yaml("default", "vm", "2Gi"), history=Rewritten())
    assert serve.turns(30) == 1
    serve.git.commit("c" * 40, vm_yaml("default", "vm", "3Gi"), history=Rewritten())
    assert serve.turns(30) == 1
    assert kinds(serve) == [WaitKind.VALID_COMMIT]
    assert "the history of main was rewritten" in serve.view.waits[0].message
    assert len(serve.rig.patches()) == 1
    serve.git.commit(second, vm_yaml("default", "vm", "2Gi"))
    serve.turns(30)
    assert kinds(serve) == []


def test_serve_process_ends_a_long_rollout_after_a_minute_if_other_objects_need_changes():
    slow = {"name": "a", "guest": "1Gi", "faults": {"transfer": "5m"}}
    serve = ServeRig("slow", vms=[slow, {"name": "b", "guest": "1Gi", "running": False}])
    serve.git.commit("commit-1", manifests(a="2Gi", b="1Gi"))
    drifted = []

    def drift(progress) -> None:
        if progress.step is Step.PATCHED and not drifted:
            drifted.append(serve.rig.merge(f"{VM}/b", sized("3Gi"), agent="kubectl"))

    serve.printer.act = drift
    serve.turns(150)
    first, second = serve.reports
    assert drifted == [200]
    assert first.message.startswith(
        "changes to 1 object are due now, but this run does not include them"
    )
    assert 55 <= (first.ended_at - first.started_at).total_seconds() <= 75
    assert {each.ref.name: each.actuation for each in second.outcomes}["b"] == "succeeded"
