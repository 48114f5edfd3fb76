"""If two rollouts run on one cluster, only one of them writes, and no VM is patched twice."""

from __future__ import annotations

import signal

import pytest
from support.served import LEASES, MEMORY_LEASE, line_with, process
from support.simulated import (
    ActOnStep,
    InProcessApi,
    PolledInformer,
    Rig,
    SteppedClock,
    simulator,
    vm_yaml,
)

from reconciler.app.execution.leases import CONFIG_LEASE
from reconciler.cluster.api.client import Client
from reconciler.errors import LeaseHeldError
from reconciler.model.run.outcome import ExitCode
from reconciler.model.run.progress import Step

NAMES = ("a", "b", "c")
VMS = [{"name": name, "guest": "1Gi"} for name in NAMES]
ASK_2GI = "".join(vm_yaml("default", name, "2Gi") for name in NAMES)
PATCHES = [f"/apis/kubevirt.io/v1/namespaces/default/virtualmachines/{name}" for name in NAMES]
RENEWED_S = 10.0
"""The interval at which another rollout renews its lease, in simulated seconds."""


class Vanished(BaseException):
    """Simulates the sudden death of a rollout process."""


class CutApi(InProcessApi):
    """The API connection of one rollout, which a test can interrupt."""

    cut = False

    def call_api(self, *request, **options):
        if self.cut:
            raise TimeoutError
        return super().call_api(*request, **options)


class KeepingClock(SteppedClock):
    """A clock that renews the leases of another rollout while the tested rollout waits."""

    keep = staticmethod(lambda: None)

    def sleep(self, seconds):
        super().sleep(seconds)
        self.keep()


class Run(Rig):
    """One of several rollouts on the same simulated cluster."""

    def __post_init__(self):
        self.taken = []
        self.clock = KeepingClock(self.sim)
        self.api = CutApi(self.sim)
        self.client = Client(self.api, clock=self.clock)
        self.informer = PolledInformer(self.client, self.clock)

    def lease(self, name):
        self.taken.append(super().lease(name))
        return self.taken[-1]

    def keep(self):
        for each in self.taken:
            each.held()


@pytest.fixture
def sim():
    return simulator("hotplug", vms=VMS)


def sizes(run):
    return [run.vmi("default", name)["status"]["memory"]["guestCurrent"] for name in NAMES]


def test_second_run_reports_the_holder_of_the_lease(sim):
    first, second = Run(sim, holder="first"), Run(sim, holder="second")
    second.clock.keep = first.keep

    def meanwhile():
        with pytest.raises(LeaseHeldError, match="first") as caught:
            second.apply(ASK_2GI)
        assert caught.value.holder == "first"

    first.progress = ActOnStep(Step.PATCHED, meanwhile)
    report = first.apply(ASK_2GI, max_concurrent=1)
    assert first.progress.acted, "the second run has tried"
    assert report.exit is ExitCode.DONE
    assert sorted(first.patches()) == PATCHES


@pytest.mark.parametrize("step", [Step.WAVE, Step.PATCHED, Step.PHASE, Step.DONE])
def test_second_run_waits_for_the_lease_of_a_killed_run_and_does_not_repeat_its_patches(sim, step):
    first, second = Run(sim, holder="first"), Run(sim, holder="second")

    def vanish():
        first.api.cut = True
        raise Vanished

    first.progress = ActOnStep(step, vanish)
    with pytest.raises(Vanished):
        first.apply(ASK_2GI, max_concurrent=1)
    patched = len(second.patches())
    assert patched < len(NAMES)
    began = second.clock.monotonic()
    report = second.apply(ASK_2GI, max_concurrent=1)
    assert report.exit is ExitCode.DONE
    assert second.clock.monotonic() - began > 30
    assert sorted(second.patches()) == PATCHES
    assert sizes(second) == ["2Gi"] * 3


def test_paused_run_sends_no_patch_after_another_run_has_acquired_its_lease(sim):
    first, second = Run(sim, holder="first"), Run(sim, holder="second")
    reports = []

    def paused():
        reports.append(second.apply(ASK_2GI, max_concurrent=1))

    first.progress = ActOnStep(Step.PATCHED, paused)
    report = first.apply(ASK_2GI, max_concurrent=1)
    assert report.exit is ExitCode.LEASE_HELD
    assert reports[0].exit is ExitCode.DONE
    assert sorted(first.patches()) == PATCHES


def test_paused_run_continues_if_no_other_run_has_acquired_its_lease(sim):
    run = Run(sim, holder="first")
    run.progress = ActOnStep(Step.PATCHED, lambda: run.clock.sleep(120.0))
    assert run.apply(ASK_2GI, max_concurrent=1).exit is ExitCode.DONE
    assert sorted(run.patches()) == PATCHES


# Separate processes, over HTTP.

VM = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines/vm"


def held_by_another(cluster, name) -> None:
    """Simulate another rollout that holds and renews the lease while the cluster is served."""
    spec = {"holderIdentity": "another-pod-42", "leaseDurationSeconds": 30}
    cluster.ask(
        "POST", LEASES, {"metadata": {"name": name, "namespace": "kubevirt"}, "spec": spec}
    )

    def renew():
        now = cluster.simulator.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        cluster.ask("PATCH", f"{LEASES}/{name}", {"spec": {"renewTime": now}})
        cluster.simulator.engine.at(RENEWED_S, renew)

    renew()


def test_next_process_acquires_the_lease_of_a_killed_process_but_not_of_a_running_process(
    serve, git
):
    """The killed process gets a short lease duration, so that the test is fast."""
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    cluster = serve("hotplug", vms=[{"name": "vm", "guest": "1Gi"}], scale=4.0)
    given = ("reconcile", "--repo", git, "--kubeconfig", cluster.kubeconfig, "--detailed-exitcode")
    release = cluster.hold_migrations()
    with process(*given) as first:
        line_with(first.stderr, "is migrating to get 2Gi")
        holder = cluster.lease()["spec"]["holderIdentity"]
        with process(*given) as second:
            _, err = second.communicate()
        assert second.returncode == 7, err
        assert f"another run holds the lease kubevirt/{MEMORY_LEASE}" in err
        assert holder in err
        first.kill()
    assert first.returncode == -signal.SIGKILL
    assert cluster.lease()["spec"]["holderIdentity"] == holder

    cluster.orphaned()
    with process(*given) as third:
        line_with(third.stderr, f"taking over the lease kubevirt/{MEMORY_LEASE} from {holder}")
        release()
        _, err = third.communicate()
    assert third.returncode == 0, err
    assert [each.path for each in cluster.ours("PATCH")] == [VM]
    assert cluster.vmi("default", "vm")["status"]["memory"]["guestCurrent"] == "2Gi"
    assert cluster.lease()["spec"]["holderIdentity"] == ""
    assert cluster.lease()["spec"]["leaseTransitions"] == 1


DESIRED = (
    vm_yaml("default", "vm", "2Gi")
    + """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec: {workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}}
"""
)


@pytest.mark.parametrize("name", [CONFIG_LEASE, MEMORY_LEASE])
def test_run_that_acquires_only_one_of_two_leases_writes_nothing_and_releases_the_lease(
    name, serve, git, command
):
    git.commit({"desired.yaml": DESIRED})
    cluster = serve("no-update-methods")
    held_by_another(cluster, name)
    ended = command("apply", "--yes", "--repo", git, on=cluster)
    assert ended.code == 7
    assert f"kubevirt/{name}" in ended.err
    assert "another-pod-42" in ended.err
    assert cluster.ours("PATCH") == []
    holders = {each["metadata"]["name"]: each["spec"] for each in cluster.get(LEASES)["items"]}
    assert holders[name]["holderIdentity"] == "another-pod-42"
    if name == MEMORY_LEASE:
        assert holders[CONFIG_LEASE]["holderIdentity"] == ""


@pytest.mark.parametrize(
    ("world", "guest", "needs", "other"),
    [
        ("hotplug", "2Gi", MEMORY_LEASE, CONFIG_LEASE),
        ("no-update-methods", "1Gi", CONFIG_LEASE, MEMORY_LEASE),
    ],
    ids=["memory", "config"],
)
def test_run_continues_while_another_run_holds_a_lease_that_it_does_not_need(
    world, guest, needs, other, serve, git, command
):
    git.commit({"desired.yaml": DESIRED.replace("2Gi", guest)})
    cluster = serve(world)
    held_by_another(cluster, other)
    ended = command("apply", "--yes", "--repo", git, on=cluster)
    assert ended.code == 0, ended.err
    assert len(cluster.ours("PATCH")) == 1
    assert cluster.lease(needs)["spec"]["holderIdentity"] == ""
