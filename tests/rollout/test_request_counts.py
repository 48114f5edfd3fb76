"""Counts the API requests and the work of plan and apply for a fleet of fixed size."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps

import deepdiff
import pytest
from bench import following
from bench.fleet import Fleet
from bench.programs.world_server import add_finished
from support.served import Served, plain_environment
from support.serving.pulling_engine import PullingEngine
from urllib3.connection import HTTPConnection

from reconciler.app.clock import SystemClock
from reconciler.app.execution.execute_plan import PARALLEL_WRITES
from reconciler.cli.main import main
from reconciler.cluster.api.client import Client
from reconciler.cluster.decode import pages
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.cluster.write.event_queue import SENDERS
from reconciler.model.references import vm_ref
from reconciler.plan import planner
from reconciler.plan.kubevirt import drift
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.simulator.apiserver.response_times import IMMEDIATE, ResponseTimes
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds
from reconciler.source.git import git_process
from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader
from reconciler.source.yaml import documents

FLEET = Fleet(n_vms=600, n_finished=700)
N_CHANGED = len(FLEET.changed)
N_MIGRATING = sum(vm.migrating for vm in FLEET.vms)
PAGE = 500
LISTS = {
    "virtualmachines": FLEET.n_vms,
    "virtualmachineinstances": FLEET.n_vms,
    "virtualmachineinstancemigrations": 700 + N_MIGRATING,
}
CR = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"
KINDS = ("VirtualMachine", "VirtualMachineInstance", "VirtualMachineInstanceMigration")
N_PODS = FLEET.n_vms + N_MIGRATING
"""The number of launcher pods, including the target pods of running migrations."""
PAGES = sum(math.ceil(n / PAGE) for n in LISTS.values())
N_FILES = sum(1 for path, _ in FLEET.files() if path != ".reconciler.yaml")
WATCHES = 4
LEASE = 1
CONFIG = 1
FEW_OBJECTS = 20
"""An upper limit for the number of nodes, quotas and migration policies in the fleet."""


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    path = tmp_path_factory.mktemp("fleet") / "repo"
    FLEET.commit(path)
    return path


@contextmanager
def serving(fleet, tmp_path, pace=IMMEDIATE):
    simulator = Simulator(worlds.parse(fleet.world()), response_times=pace)
    add_finished(simulator, fleet)
    with simulator.serve() as server:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(simulator.kubeconfig(server.url, server.token))
        yield Served(
            simulator=simulator, url=server.url, token=server.token, kubeconfig=kubeconfig
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A simulated cluster over HTTP that has more finished migrations than VMs."""
    with serving(FLEET, tmp_path_factory.mktemp("cluster")) as served:
        yield served


@pytest.fixture
def stopped(tmp_path):
    """A cluster of stopped VMs, which change without a migration; each write takes 50 ms."""
    with serving(replace(FLEET, stopped=True), tmp_path, ResponseTimes(write_s=0.05)) as served:
        yield served


@contextmanager
def counting():
    """Count parsed and decoded objects, Git processes and plan decisions in a block."""
    found = Counter()

    def counted(inner, what, how_many=lambda _: 1):
        @wraps(inner)
        def call(*arguments, **options):
            answer = inner(*arguments, **options)
            found[what] += how_many(answer)
            return answer

        return call

    def blobs(inner):
        def call(self, wanted):
            found["blobs"] += len(wanted)
            return inner(self, wanted)

        return call

    def each(inner):
        def call(self, items):
            read = inner(self, items)
            found[self.name] += len(read.values) + len(read.diagnostics)
            return read

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name, what in (
            (documents, "read", "parsed"),
            (pages.Kind, "one", "decoded"),
            (git_process, "started", "git processes"),
            (planner, "decide_vm", "decisions"),
            (deepdiff, "DeepDiff", "deepdiff"),
        ):
            patch.setattr(owner, name, counted(getattr(owner, name), what))
        patch.setattr(Repository, "many_contents", blobs(Repository.many_contents))
        patch.setattr(pages.Kind, "each", each(pages.Kind.each))
        yield found


@dataclass
class Planned:
    """A plan in JSON, its requests, and what was counted while it was made."""

    document: dict
    requests: list
    counts: Counter


@pytest.fixture(scope="module")
def planned(cluster, repo, tmp_path_factory):
    """Two plans with the same cache directory, and one for a KubeVirt CR that differs from Git."""
    folder = tmp_path_factory.mktemp("plans")

    def plan(name):
        drift._compared.cache_clear()
        file, before = folder / f"{name}.json", len(cluster.ours())
        options = ["--cache-dir", str(folder / "cache"), "--out", str(file)]
        with pytest.MonkeyPatch.context() as patch, counting() as found:
            plain_environment(patch)
            given = ["plan", "--repo", str(repo), "--kubeconfig", str(cluster.kubeconfig)]
            assert main([*given, "--output", "json", *options]) == 0
        return Planned(json.loads(file.read_text()), cluster.ours()[before:], found)

    cold, warm = plan("cold"), plan("warm")
    had = cluster.get(CR)["spec"]["configuration"].get("vmRolloutStrategy")
    for strategy in ("Stage", had):
        spec = {"configuration": {"vmRolloutStrategy": strategy}}
        assert cluster.ask("PATCH", CR, {"spec": spec})[0] == 200
        if strategy == "Stage":
            other = plan("other")
    return {"cold": cold, "warm": warm, "other": other}


def test_plan_sends_one_request_per_list_page_and_at_most_twelve_other_requests(planned):
    sent = planned["cold"].requests
    listed = Counter(each.path.rsplit("/", 1)[-1] for each in sent if each.method == "GET")
    assert {plural: listed[plural] for plural in LISTS} == {
        plural: math.ceil(n / PAGE) for plural, n in LISTS.items()
    }
    assert len([each for each in sent if each.path == "/apis"]) == 1
    assert len(sent) <= PAGES + 12


def test_plan_decodes_each_cluster_object_once(planned):
    counts = planned["cold"].counts
    assert {kind: counts[kind] for kind in KINDS} == dict(zip(KINDS, LISTS.values(), strict=True))
    assert counts["Pod"] <= N_PODS
    listed = sum(LISTS.values()) + counts["Pod"]
    assert listed <= counts["decoded"] <= listed + FEW_OBJECTS


def test_plan_parses_each_manifest_once(planned):
    counts = planned["cold"].counts
    assert counts["blobs"] == N_FILES
    assert counts["parsed"] == CONFIG + N_FILES
    # Three of them find uncommitted changes, and the filters that a hostile repository may set.
    assert counts["git processes"] <= 9


def test_plan_does_not_read_cached_manifest_files_again(planned):
    warm = planned["warm"]
    assert warm.counts["blobs"] == 0
    assert warm.counts["parsed"] == CONFIG
    assert warm.document["digest"] == planned["cold"].document["digest"]


def test_plan_evaluates_each_vm_once(planned):
    """The first VM that needs pods and quotas is evaluated again after the plan has read them."""
    assert planned["cold"].counts["decisions"] == FLEET.n_vms + 1


def test_plan_computes_a_deep_diff_only_for_a_kubevirt_cr_that_differs_from_git(planned):
    assert planned["cold"].counts["deepdiff"] == 0
    assert 1 <= planned["other"].counts["deepdiff"] <= 3


def test_apply_sends_one_patch_and_one_event_per_changed_vm_over_few_connections(
    stopped, repo, command, monkeypatch
):
    connections = []
    connect = HTTPConnection.connect

    def connecting(self):
        connections.append(self)
        connect(self)

    monkeypatch.setattr(HTTPConnection, "connect", connecting)
    assert command("apply", "--yes", "--no-wait", "--repo", repo, on=stopped).code == 0
    path = "/apis/kubevirt.io/v1/namespaces/{}/virtualmachines/{}"
    changed = {path.format(vm.namespace, vm.name) for vm in FLEET.changed}
    patched = Counter(each.path for each in stopped.ours("PATCH"))
    assert patched == dict.fromkeys(changed, 1)
    posted = stopped.ours("POST", "/events")
    about = stopped.get("/apis/events.k8s.io/v1/events")["items"]
    ours = [each for each in about if each["reportingController"] == "reconciler"]
    assert len(posted) == len(ours)
    assert Counter(each["regarding"]["name"] for each in ours) == dict.fromkeys(
        (vm.name for vm in FLEET.changed), 1
    )
    assert stopped.ours("GET", "/virtualmachines/") == []
    assert len(connections) <= PARALLEL_WRITES + WATCHES + SENDERS + LEASE


@contextmanager
def followed(cluster, repo):
    clock = SystemClock()
    with (
        Client.from_options(clock=clock, kubeconfig_path=str(cluster.kubeconfig)) as client,
        Repository.open(str(repo)) as opened,
        ClusterInformer(client, clock=clock) as informer,
    ):
        yield (
            PullingEngine(CommitReader(opened), informer, clock, lambda _config: PlanPolicy()),
            informer,
        )


def test_next_plan_reads_and_evaluates_only_changed_objects(planned, cluster, repo, tmp_path):
    """The fixture *planned* has made its plans before this test changes the cluster."""
    shutil.copytree(repo, tmp_path / "repo")
    repo = tmp_path / "repo"
    quiet = (vm for vm in FLEET.vms if not (vm.changed or vm.migrating))
    still = [vm for vm in quiet if following.file_of(vm, repo).exists()]
    in_git, in_cluster = still[:2]
    ref = vm_ref(in_cluster.namespace, in_cluster.name)
    with counting() as counted, followed(cluster, repo) as (engine, informer):
        # New data about pods makes the next plan evaluate every VM once more. VMs with migrations
        # depend on the time and on each other: every plan evaluates them.
        for _ in range(20):
            engine.plan()
            if engine.decided <= N_MIGRATING:
                break
        assert engine.decided <= N_MIGRATING
        counted.clear()
        before = len(cluster.ours())
        following.commit(in_git, repo)
        path = f"/apis/kubevirt.io/v1/namespaces/{ref.namespace}/virtualmachines/{ref.name}"
        size = f"{in_cluster.running + 1}Gi"
        guest = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": size}}}}}}
        assert cluster.ask("PATCH", path, guest)[0] == 200
        for _ in range(100):
            if str(informer.wait(0.1).vms[ref].guest) == size:
                break
        engine.pull()
        found = engine.plan().plan
        changed = {each.ref for each in found.decisions if each.changes}
        assert {ref, vm_ref(in_git.namespace, in_git.name)} <= changed
        assert engine.decided <= N_MIGRATING + 2
        assert counted["decisions"] <= N_MIGRATING + 2
        assert (counted["blobs"], counted["git processes"]) == (1, 5)
        assert counted["parsed"] <= 2
        # A slow machine may reach the time at which pods are read again.
        assert not any(counted[kind] for kind in KINDS)
        sent = [each.path.rpartition("/")[2] for each in cluster.ours()[before:]]
        assert not [each for each in sent if each.startswith("virtualmachine")]
