"""Tests the planning engine of `serve`, which plans new changes without list requests."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest
from support.builders import decide
from support.serving.pulling_engine import PullingEngine
from support.simulated import WORLDS, vm_yaml

from reconciler.app.clock import SystemClock
from reconciler.cluster.api.client import Client
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.model.plan.plan import Reason
from reconciler.model.references import vm_ref
from reconciler.plan.capacity.capacity_age import CODE
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.serve.loop import engine as engine_module
from reconciler.serve.loop.engine import CAPACITY_AGE_S, OLDEST_CAPACITY_S
from reconciler.simulator.apiserver.request.api_faults import Effect, Fault
from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader

NAMES = [f"vm-{n}" for n in range(12)]
VMS = [{"name": name, "namespace": "default", "guest": "1Gi"} for name in NAMES]
POLICY = PlanPolicy()


def manifests(**sizes: str) -> dict[str, str]:
    return {f"{name}.yaml": vm_yaml("default", name, sizes.get(name, "1Gi")) for name in NAMES}


@contextmanager
def engine(cluster, repository, clock=None):
    clock = clock or SystemClock()
    with (
        Client.from_options(clock=clock, kubeconfig_path=str(cluster.kubeconfig)) as client,
        Repository.open(str(repository.path)) as opened,
        ClusterInformer(client, clock=clock) as informer,
    ):
        yield (
            PullingEngine(CommitReader(opened), informer, clock, lambda _config: POLICY),
            informer,
        )


class Late:
    """A clock that tests can set forward, but whose sleeps take real time."""

    def __init__(self):
        self._base = SystemClock()
        self.later_s = 0.0

    def now(self):
        return self._base.now() + timedelta(seconds=self.later_s)

    def monotonic(self):
        return self._base.monotonic() + self.later_s

    def sleep(self, seconds):
        self._base.sleep(seconds)


def patched(cluster, name: str, size: str) -> None:
    """Patch the memory size of a VM as another client."""
    guest = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": size}}}}}}
    answer = cluster.simulator.request(
        "PATCH",
        f"/apis/kubevirt.io/v1/namespaces/default/virtualmachines/{name}",
        headers={"content-type": "application/merge-patch+json", "user-agent": "kubectl"},
        body=json.dumps(guest).encode(),
    )
    assert answer.status == 200


def seen(informer, name: str, size: str):
    """Wait until the informer's cache contains the new memory size of a VM."""
    for _ in range(200):
        guest = informer.wait(0.5).vms[vm_ref("default", name)].guest
        if str(guest) == size:
            return
    pytest.fail(f"{name} was never seen with {size}")


def lists(cluster):
    """Return all API requests except watches, which start only after the lists were read."""
    return [each for each in cluster.ours() if "watch=" not in each.query]


def test_serve_process_detects_changes_in_git_and_in_the_cluster_without_list_requests(serve, git):
    cluster = serve("halted", vms=[{**each, "running": False} for each in VMS])
    git.commit(manifests())
    with engine(cluster, git) as (planner, informer):
        planner.plan()
        before = len(lists(cluster))
        git.commit(manifests(**{"vm-3": "2Gi"}))
        patched(cluster, "vm-5", "3Gi")
        seen(informer, "vm-5", "3Gi")
        planner.pull()
        found = planner.plan()
        assert {
            str(each.ref.name): each.effect.value for each in found.plan.decisions if each.actions
        } == {
            "vm-3": "cold",
            "vm-5": "cold",
        }
        assert planner.decided == 2
        assert found.plan == decide(found.desired, found.live, POLICY, found.plan.observed_at)
        assert len(lists(cluster)) == before


def test_serve_process_plans_the_last_valid_commit_while_the_newest_commit_is_invalid(serve, git):
    cluster = serve("halted", vms=[{**each, "running": False} for each in VMS])
    git.commit(manifests(**{"vm-3": "2Gi"}))
    with engine(cluster, git) as (planner, _informer):
        first = planner.plan().plan
        git.commit({".reconciler.yaml": "kind: Config\n"})
        planner.pull()
        found = planner.plan().plan
        assert found.revision == first.revision
        assert [each.reason for each in found.in_force.refused] == ["invalid-config"]
        assert found.errored
        fixed = git.commit({".reconciler.yaml": "apiVersion: reconciler/v1alpha1\nkind: Config\n"})
        planner.pull()
        assert planner.plan().plan.revision == fixed


def test_serve_process_lists_pods_and_nodes_for_a_migration_and_reuses_recent_capacity_data(
    serve, git
):
    cluster = serve("hotplug", vms=VMS)
    git.commit(manifests(**{"vm-3": "2Gi"}))
    with engine(cluster, git) as (planner, _informer):
        planner.plan()
        pods = len(cluster.ours("GET", "/pods"))
        assert pods >= 1
        assert planner.plan().live.capacity is not None
        assert len(cluster.ours("GET", "/pods")) == pods


def test_serve_process_plans_with_old_capacity_data_and_refreshes_the_data_in_the_background(
    serve, git
):
    cluster = serve("hotplug", vms=VMS)
    git.commit(manifests(**{"vm-3": "2Gi"}))
    clock = Late()
    with engine(cluster, git, clock) as (planner, informer):
        old = planner.plan().live.capacity
        clock.later_s = CAPACITY_AGE_S + 10
        assert planner.plan().live.capacity is old
        for _ in range(200):
            if informer.wait(0.5).capacity is not old:
                break
        assert planner.plan().live.capacity is not old


def test_serve_process_refreshes_very_old_capacity_data_before_planning(serve, git, monkeypatch):
    monkeypatch.setattr(engine_module, "CAPACITY_WAIT_S", 60.0)
    cluster = serve("hotplug", vms=VMS)
    git.commit(manifests(**{"vm-3": "2Gi"}))
    clock = Late()
    with engine(cluster, git, clock) as (planner, _informer):
        old = planner.plan().live.capacity
        clock.later_s = OLDEST_CAPACITY_S + 10
        assert planner.plan().live.capacity is not old


def test_serve_process_plans_with_the_last_known_capacity_if_a_refresh_fails(serve, git):
    cluster = serve("hotplug", vms=VMS)
    git.commit(manifests(**{"vm-3": "2Gi"}))
    clock = Late()
    with engine(cluster, git, clock) as (planner, _informer):
        first = planner.plan()
        assert CODE not in codes(first)
        clock.later_s = 7 * 60 + 1
        cluster.simulator.api.faults.add(
            Fault(effect=Effect.STATUS, code=410, resource="resourcequotas")
        )
        found = planner.plan()
        assert found.live.capacity is first.live.capacity
        assert [each.reason for each in found.plan.decisions if each.actions] == [Reason.HOTPLUG]
        assert "7 minutes ago" in codes(found)[CODE]


def codes(planned):
    return {each.code: each.message for each in planned.plan.diagnostics}


def test_vm_that_waits_for_capacity_is_evaluated_again_after_serve_refreshes_capacity_data(
    serve, git
):
    cluster = serve("room-for-one")
    git.commit({"vm.yaml": vm_yaml("default", "first", "4Gi")})
    clock = Late()
    with engine(cluster, git, clock) as (planner, informer):
        (held,) = planner.plan().plan.decisions
        assert held.reason is Reason.NO_NODE_WITH_ROOM
        first = planner.plan().live.capacity
        clock.later_s = CAPACITY_AGE_S + 10
        planner.plan()
        for _ in range(200):
            if informer.wait(0.5).capacity is not first:
                break
        assert planner.plan().live.capacity is not first


def test_serve_process_plans_without_an_unreadable_hyperconverged_until_it_becomes_readable(
    serve, git
):
    cluster = serve("hyperconverged")
    git.commit({"desired.yaml": (WORLDS / "desired" / "hyperconverged.yaml").read_text()})
    # The client does not retry a request after a response with this status.
    fault = Fault(
        effect=Effect.STATUS, code=400, methods=frozenset({"GET"}), resource="hyperconvergeds"
    )
    cluster.simulator.api.faults.add(fault)
    with engine(cluster, git) as (planner, informer):
        first = planner.plan()
        assert codes(first)["owner-unreadable"]
        assert effects(first)["KubeVirt"] == "blocked"
        cluster.simulator.api.faults.remove(fault)
        for _ in range(200):
            if informer.wait(0.5).owners:
                break
        found = planner.plan()
        assert (effects(found)["KubeVirt"], "owner-unreadable" in codes(found)) == (
            "config",
            False,
        )


def effects(planned):
    return {each.ref.kind: each.effect.value for each in planned.plan.decisions}
