"""The RBAC roles in examples/deploy permit exactly the requests that the commands send."""

from __future__ import annotations

import json
import signal
from itertools import count
from typing import NamedTuple

import pytest
from support.deployment import BASE, DEPLOY, OVERLAYS, deploy, identity, render
from support.served import REVIEWS, Git, line_with, process
from support.simulated import vm_yaml

from reconciler.model.shard import Shard
from reconciler.simulator.apiserver.request import request_info
from reconciler.simulator.apiserver.request.http_messages import Request, parse_query

CR = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"
VM = "/apis/kubevirt.io/v1/namespaces/a/virtualmachines/vm"
SERVICE_ACCOUNT = "system:serviceaccount:memory-reconciler:memory-reconciler"
GROWN = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "2Gi"}}}}}}
LIVE_MIGRATE = (
    "---\napiVersion: kubevirt.io/v1\nkind: KubeVirt\n"
    "metadata: {name: kubevirt, namespace: kubevirt}\n"
    "spec: {workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}}\n"
)
NEW_VM = (
    "---\napiVersion: kubevirt.io/v1\nkind: VirtualMachine\n"
    "metadata: {{name: new, namespace: {}}}\n"
    "spec: {{runStrategy: Halted, template: {{spec: "
    "{{domain: {{memory: {{guest: 2Gi}}, devices: {{}}}}}}}}}}\n"
)
CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\n"
ONE_PER_CLUSTER = "kubevirts"
"""The resource that needs a ClusterRole although its only object is in one namespace."""


class Grant(NamedTuple):
    """One RBAC permission: a verb on a resource, in one namespace or in all namespaces."""

    namespace: str
    """The namespace of a Role, or an empty string for a ClusterRole."""
    verb: str
    group: str
    resource: str
    name: str
    """The name of the only object that is covered, or an empty string for all objects."""

    def covers(self, request: request_info.RequestInfo) -> bool:
        """Return whether this RBAC permission covers the request."""
        return (
            (self.verb, self.group, self.resource)
            == (request.verb, request.group, request.resource_path)
            and self.namespace in ("", request.namespace)
            and self.name in ("", request.name)
        )


def grants(folder):
    """Return all permissions that the roles of a kustomization grant."""
    return {
        Grant(role["metadata"].get("namespace", ""), verb, group, resource, name)
        for role in render(folder)
        if role["kind"] in {"Role", "ClusterRole"}
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def vms(guest="2Gi"):
    return vm_yaml("a", "vm", guest) + vm_yaml("b", "vm", guest)


TWO_VMS = [{"name": "vm", "namespace": each, "guest": "1Gi"} for each in ("a", "b")]


class Mode:
    """Runs commands with the permissions of one kustomization, and collects their API requests."""

    def __init__(self, folder, serve, command, tmp_path):
        self._folder, self._serve, self._command, self._path = folder, serve, command, tmp_path
        self._numbers = count()
        self.clusters = []

    def serve(self, world, **changes):
        cluster = self._serve(world, rbac="enforced", **changes)
        token = deploy(cluster, self._folder)
        self.clusters.append(cluster)
        path = self._path / f"account-{next(self._numbers)}"
        return cluster, ("--kubeconfig", cluster.credentials(path, token))

    def file(self, text):
        path = self._path / f"desired-{next(self._numbers)}.yaml"
        path.write_text(text)
        return path

    def folder(self, name):
        return self._path / f"{name}-{next(self._numbers)}"

    def run(self, command, text, *arguments, world="hotplug", code=0, **changes):
        """Run a command on a new cluster, with the manifests *text* as the desired state."""
        _, credentials = self.serve(world, **{"vms": TWO_VMS, **changes})
        files = ("-f", self.file(text)) if text else ()
        ended = self._command(*command.split(), *files, *arguments, *credentials)
        assert ended.code == code, ended.err + ended.out

    def requests(self):
        """The API requests of the commands, none of which was denied."""
        found = []
        for record in (each for cluster in self.clusters for each in cluster.ours()):
            assert record.user == SERVICE_ACCOUNT
            assert record.status != 403, (record.method, record.path)
            if record.path in {"/apis", "/version"}:
                continue  # every authenticated user may read the served groups and the version
            sent = Request(method=record.method, path=record.path, query=parse_query(record.query))
            info = request_info.parse(sent)
            assert info is not None, record.path
            if info.plural != REVIEWS:
                found.append(info)
        return found


def watch_status(mode):
    """Run ``status --watch`` until it has printed a change of each watched kind of object."""
    cluster, credentials = mode.serve("hotplug", vms=TWO_VMS)
    arguments = ("status", "--watch", "-f", mode.file(vms()), "-o", "json", *credentials)
    with process(*arguments) as run:
        shown = json.loads(run.stdout.readline())
        cluster.ask("PATCH", VM, GROWN)
        while shown["vms"][0]["guestCurrent"] != "2Gi" or shown["migrationsInFlight"]:
            shown = json.loads(run.stdout.readline())
        status, _ = cluster.ask("PATCH", f"{CR}/status", {"status": {"phase": "Deploying"}})
        assert status == 200
        while shown["kubevirt"]["phase"] != "Deploying":
            shown = json.loads(run.stdout.readline())
        run.send_signal(signal.SIGTERM)
        run.communicate()
    assert run.returncode == 0


def read(mode):
    """Run every command that only reads the cluster."""
    mode.run("plan", vms())
    mode.run("plan", vms(), world="migration-policy")
    mode.run("plan", vms(), world="aware-quota")
    mode.run(
        "plan",
        vm_yaml("default", "vm", "2Gi"),
        world="instancetype",
        vms=[{"name": "vm", "instancetype": "small"}],
    )
    mode.run("status", vms())
    mode.run("snapshot", "")
    mode.run("reconcile --mode observe", vms())
    watch_status(mode)


def write(mode):
    """Run every command that writes to the cluster with the permissions of the base deployment."""
    mode.run("plan --server-dry-run", vms())
    mode.run("apply --yes", vms())
    mode.run("reconcile --detailed-exitcode", vms() + LIVE_MIGRATE, world="no-update-methods")


def create(mode):
    """Create two VMs in different namespaces."""
    new = NEW_VM.format("a") + NEW_VM.format("b")
    mode.run("reconcile --detailed-exitcode", f"{new}---\n{CONFIG}create: true\n")


def restart(mode):
    """Restart two VMs in different namespaces."""
    always = "{kind: allow, cron: '* * * * *', duration: 1h, timeZone: UTC}"
    consent = f"---\n{CONFIG}restart: window\nwindows: [{always}]\n"
    mode.run("reconcile --detailed-exitcode", vms("5Gi") + consent)


OWNED = {
    "hyperconverged": "---\napiVersion: kubevirt.io/v1\nkind: KubeVirt\nmetadata: "
    "{name: kubevirt-kubevirt-hyperconverged, namespace: kubevirt-hyperconverged}\n"
    "spec: {workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}}\n",
    "harvester": "---\napiVersion: kubevirt.io/v1\nkind: KubeVirt\n"
    "metadata: {name: kubevirt, namespace: harvester-system}\n"
    "spec: {configuration: {liveUpdateConfiguration: {maxHotplugRatio: 8}}}\n",
}
"""KubeVirt settings that are changed through the named operator that manages the KubeVirt CR."""


def owner(name):
    """Change two VMs, and a KubeVirt setting through the operator that manages the CR."""
    return lambda mode: mode.run("reconcile --detailed-exitcode", vms() + OWNED[name], world=name)


def stay_with(name):
    """Run ``serve``, which changes a KubeVirt setting through the operator that manages the CR."""
    return lambda mode: stay(mode, name, OWNED[name])


def shards(mode):
    """Run each shard once on a cluster that has a VM in every shard."""
    parts = [Shard(index=index, total=4) for index in range(4)]
    names = [next(n for n in map("ns{}".format, count()) if part.holds(n)) for part in parts]
    fleet = [{"name": "vm", "namespace": name, "guest": "1Gi"} for name in names]
    text = "".join(vm_yaml(name, "vm", "2Gi") for name in names)
    for part in parts:
        mode.run(f"reconcile --detailed-exitcode --shard {part}", text, vms=fleet)


def kustomize(mode):
    """Run once with the configuration of the overlay, but with an open maintenance window."""
    manifests = {identity(each): each for each in render(DEPLOY / "overlays" / "kustomize")}
    config = manifests["ConfigMap", "memory-reconciler", "reconciler-config"]
    text = config["data"]["config.yaml"].replace("0 22 * * *", "* * * * *")
    mode.run("reconcile --detailed-exitcode", vms(), "--config", mode.file(text))


def stay(mode, world="no-update-methods", text=LIVE_MIGRATE, second="b", shard="0/1"):
    """Run ``serve`` until a rollout has ended, and stop it."""
    git = Git(mode.folder("repository"))
    git.commit(
        {"desired.yaml": "".join(vm_yaml(each, "vm", "2Gi") for each in "a" + second) + text}
    )
    fleet = [{"name": "vm", "namespace": each, "guest": "1Gi"} for each in ("a", second)]
    _, credentials = mode.serve(world, vms=fleet)
    with process("serve", "--repo", git, "--shard", shard, *credentials) as run:
        line_with(run.stderr, "ended with exit code 0")
        run.send_signal(signal.SIGTERM)
        run.communicate()
    assert run.returncode == 0


def stay_shards(mode):
    """Run each of two shards; the namespaces a and d belong to different shards."""
    assert [Shard(index=0, total=2).holds(each) for each in ("a", "d")] == [True, False]
    stay(mode, shard="0/2")
    stay(mode, "hotplug", "", "d", "1/2")


MODES = {
    "base": (read, write),
    "create": (create,),
    "harvester": (owner("harvester"),),
    "kustomize": (kustomize,),
    "observe": (read,),
    "restart": (restart,),
    "serve": (stay,),
    "serve-shards": (stay_shards,),
    "serve-hyperconverged": (stay_with("hyperconverged"),),
    "shards": (shards,),
    "verify": (write,),
}
COMBINED = {"hyperconverged", "serve-harvester", "serve-notify"}
"""The example overlays whose commands this module does not run.

tests/unit/test_deploy.py compares their permissions with those of overlays that run here:
HyperConverged and Harvester each run with one of ``reconcile`` and ``serve``.
"""


def cluster_wide(grant, requests):
    """Return whether any of the requests needed a permission that only a ClusterRole can grant."""
    used = {each.namespace for each in requests if grant.covers(each)}
    return "" in used or len(used) > 1 or grant.resource in (ONE_PER_CLUSTER, "namespaces")


def test_permissions_of_every_example_deployment_are_tested():
    assert MODES.keys() | COMBINED == {path.name for path in (BASE, *OVERLAYS)}


@pytest.mark.parametrize(
    "folder",
    [path for path in (BASE, *OVERLAYS) if path.name not in COMBINED],
    ids=lambda path: path.name,
)
def test_example_deployment_grants_exactly_the_permissions_that_its_commands_use(
    folder, serve, command, tmp_path, monkeypatch
):
    monkeypatch.setenv("RECONCILER_LISTEN", "127.0.0.1:0")
    mode = Mode(folder, serve, command, tmp_path)
    for part in MODES[folder.name]:
        part(mode)
    requests, own = mode.requests(), grants(folder)
    # An overlay whose modes are not all run here must use the permissions that it adds.
    expected = own if read in MODES[folder.name] else own - grants(BASE)
    used = {each for each in expected if any(map(each.covers, requests))}
    assert used == expected
    assert [each for each in used if not each.namespace and not cluster_wide(each, requests)] == []
