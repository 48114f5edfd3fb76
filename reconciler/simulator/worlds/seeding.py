"""WorldSeeder: creates the initial objects of a simulated cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.apiserver import bootstrap
from reconciler.simulator.clock import rfc3339
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.cluster_config import read_config
from reconciler.simulator.kubevirt.controllers import virt_operator
from reconciler.simulator.kubevirt.migration_objects import prepare_migration
from reconciler.simulator.kubevirt.node import aware_quotas, limit_ranges
from reconciler.simulator.kubevirt.node.launcher_pod import CPU_VENDOR_LABEL
from reconciler.simulator.kubevirt.object_fields import (
    KUBEVIRTS,
    MIGRATIONS,
    NODES,
    QUOTAS,
)
from reconciler.simulator.kubevirt.owners import harvester, hyperconverged
from reconciler.simulator.kubevirt.rules import instancetypes
from reconciler.simulator.kubevirt.versions import behaviour
from reconciler.simulator.store.history import Key
from reconciler.simulator.store.store_errors import AlreadyExistsError
from reconciler.simulator.worlds import seeding_vms, world_checks
from reconciler.simulator.worlds.field_reader import Problem, WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.kubevirt.inventory import Name
    from reconciler.simulator.store.store import Store
    from reconciler.simulator.worlds.world_model import InstancetypeSpec, NodeSpec, World


class WorldSeeder:
    """Creates the initial objects of a simulated cluster in an empty object store."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store
        self._config = read_config({"spec": dict(world.kubevirt_spec)}, behaviour(world.version))

    def seed(self) -> tuple[Name, ...]:
        """Creates all initial objects of the simulated cluster.

        Returns:
            The names of the VMs that have pending changes.

        Raises:
            WorldError: The nodes do not have enough memory for the VMs.
        """
        self._seed_namespaces()
        for node in self._world.nodes:
            self._store.create(Key(NODES, "", node.name), node_object(node, self._world.version))
        self._seed_kubevirt()
        for spec in self._world.instancetypes:
            self._seed_instancetype(spec.name, spec.namespace, _instancetype_spec(spec))
        for namespace, items in self._world.limit_ranges.items():
            key = Key(limit_ranges.RESOURCE, namespace, "limits")
            self._store.create(key, {"spec": {"limits": [dict(each) for each in items]}})
        self._seed_quotas()
        vms = seeding_vms.VMSeeder(self._world, self._store, self._config)
        unsettled = [vm.key for vm in self._world.vms if vms.seed(vm)]
        for migration in self._world.migrations:
            body: Json = {"spec": {"vmiName": migration.vmi}}
            prepare_migration(body)
            key = Key(MIGRATIONS, migration.namespace, migration.name)
            self._store.create(key, body, manager="kubectl-create")
        problems = [*vms.problems, *self._seed_objects()]
        if problems:
            raise WorldError(self._world.name, tuple(problems))
        return tuple(unsettled)

    def _seed_quotas(self) -> None:
        world, store = self._world, self._store
        for quota in world.quotas:
            limits: Json = {"hard": dict(quota.hard)}
            if quota.scope_selector:
                limits["scopeSelector"] = dict(quota.scope_selector)
            meta: Json = {"labels": dict(quota.labels)} if quota.labels else {}
            key = Key(QUOTAS, quota.namespace, quota.name)
            store.create(key, {"metadata": meta, "spec": limits})
        for quota in world.aware_quotas:
            key = Key(aware_quotas.QUOTAS, quota.namespace, quota.name)
            store.create(key, {"spec": {"hard": dict(quota.hard)}})
            self._label_namespace(quota.namespace, {aware_quotas.ENABLE_GATING: ""})
        for wide in world.aware_cluster_quotas:
            selector: Json = {"labels": {"matchLabels": dict(wide.selects)}}
            spec: Json = {"quota": {"hard": dict(wide.hard)}, "selector": selector}
            store.create(Key(aware_quotas.CLUSTER_QUOTAS, "", wide.name), {"spec": spec})
        if world.aware_calculator:
            chosen = {"vmiCalculatorConfiguration": {"configName": world.aware_calculator}}
            store.create(
                Key(aware_quotas.SETTINGS, "", "aaq"), {"spec": {"configuration": chosen}}
            )

    def _seed_objects(self) -> Iterator[Problem]:
        """Creates the objects from the manifests; yields a problem for each duplicate."""
        for index, manifest in enumerate(self._world.objects):
            try:
                self._seed_object(dict(manifest))
            except AlreadyExistsError:
                name = manifest["metadata"]["name"]
                yield Problem(
                    path=f"objects[{index}]",
                    message=f"the {manifest['kind']} {name!r} already exists in the scenario",
                )

    def _seed_namespaces(self) -> None:
        world = self._world
        names = {world.kubevirt_namespace, *world.namespaces}
        quotas = (*world.quotas, *world.aware_quotas)
        names |= {vm.namespace for vm in world.vms} | {quota.namespace for quota in quotas}
        names |= {
            m["metadata"]["namespace"] for m in world.objects if m["metadata"].get("namespace")
        }
        for name in sorted(names):
            bootstrap.ensure_namespace(self._store, name)
        for name, labels in world.namespace_labels.items():
            if labels:
                self._label_namespace(name, labels)

    def _label_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        self._store.mutate(
            Key("namespaces", "", name),
            lambda stored: stored["metadata"]["labels"].update(labels),
            manager="kubectl-create",
        )

    def _seed_kubevirt(self) -> None:
        world, now = self._world, self._now()
        owner = self._seed_hyperconverged()
        self._seed_setting()

        def deployed(kubevirt: Json) -> None:
            virt_operator.report_deployed(kubevirt, now=now, version=behaviour(world.version).text)
            kubevirt["status"]["outdatedVirtualMachineInstanceWorkloads"] = 0

        for name in world.kubevirt_names:
            body: Json = {
                "metadata": {"finalizers": [virt_operator.FINALIZER]},
                "spec": json_codec.copy(dict(world.kubevirt_spec)),
            }
            if owner is not None:
                body["metadata"]["labels"] = dict(hyperconverged.LABELS)
                body["metadata"]["ownerReferences"] = [hyperconverged.owner_reference(owner)]
            key = Key(KUBEVIRTS, world.kubevirt_namespace, name)
            manager = hyperconverged.MANAGER if owner is not None else "kubectl-create"
            if world.harvester is not None and owner is None:
                manager = harvester.MANAGER
            self._store.create(key, body, manager=manager)
            self._store.mutate(key, deployed, status=True, manager=virt_operator.MANAGER)
        if owner is not None:
            self._report_hyperconverged()

    def _seed_hyperconverged(self) -> Json | None:
        """Creates the scenario's HyperConverged object, which determines the KubeVirt CR."""
        spec = self._world.hyperconverged
        if spec is None:
            return None
        meta: Json = {"annotations": dict(spec.annotations)} if spec.annotations else {}
        body: Json = {"metadata": meta, "spec": json_codec.copy(dict(spec.spec))}
        key = hyperconverged.key_of(self._world.kubevirt_namespace, spec.release)
        return self._store.create(key, body, manager=spec.manager)

    def _report_hyperconverged(self) -> None:
        """Writes the status of a HyperConverged object that the operator has reconciled."""
        world, spec = self._world, self._world.hyperconverged
        if spec is None:
            return
        namespace = world.kubevirt_namespace
        kubevirt = self._store.get(Key(KUBEVIRTS, namespace, hyperconverged.kubevirt_name()))
        now = self._now()

        def report(stored: Json) -> None:
            hyperconverged.report_status(stored, kubevirt, spec, now=now)

        key = hyperconverged.key_of(namespace, spec.release)
        self._store.mutate(key, report, status=True, manager=hyperconverged.MANAGER)

    def _seed_setting(self) -> None:
        """Creates the Harvester Setting for the hotplug ratio, if the cluster has one."""
        spec = self._world.harvester
        if spec is None or not spec.setting:
            return
        body: Json = {"default": harvester.DEFAULT_RATIO}
        if spec.ratio:
            body["value"] = spec.ratio
        self._store.create(harvester.SETTING, body, manager=harvester.MANAGER)

    def _seed_instancetype(self, name: str, namespace: str, spec: Json) -> None:
        resource = instancetypes.NAMESPACED if namespace else instancetypes.CLUSTER_WIDE
        self._store.create(Key(resource, namespace, name), {"spec": spec})

    def _seed_object(self, manifest: Json) -> None:
        found = world_checks.kind_of(manifest)
        if found is None:
            raise LookupError(
                f"the simulator does not support objects of kind {manifest.get('kind')}"
            )
        meta = manifest["metadata"]
        namespace = meta.get("namespace", "default") if found.namespaced else ""
        self._store.create(
            Key(found.storage, namespace, meta["name"]), manifest, manager="kubectl-create"
        )

    def _now(self) -> str:
        return rfc3339(self._store.clock.now())


def node_object(node: NodeSpec, version: str) -> Json:
    """Builds a Kubernetes node that can run VMs."""
    memory = quantity.binary(node.memory)
    capacity = {
        "cpu": str(node.cpus),
        "memory": memory,
        "pods": str(node.pods),
        "devices.kubevirt.io/kvm": "1k",
        **node.devices,
    }
    for page, n_bytes in node.hugepages.items():
        capacity[f"hugepages-{page}"] = quantity.binary(n_bytes)
    return {
        "metadata": {
            "labels": {
                f"{CPU_VENDOR_LABEL}{node.cpu_vendor}": "true",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": node.name,
                "kubernetes.io/os": "linux",
                "kubevirt.io/schedulable": str(node.schedulable).lower(),
                **node.labels,
            },
        },
        "spec": _node_spec(node),
        "status": {
            "allocatable": capacity,
            "capacity": capacity,
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "KubeletReady"}
                if node.ready
                else {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "kubeletVersion": "v1.36.2",
                "kernelVersion": version,
            },
        },
    }


def _node_spec(node: NodeSpec) -> Json:
    """Builds the spec of a node, including the taints that the node controller adds."""
    taints = [*node.taints]
    if node.cordoned:
        taints.append("node.kubernetes.io/unschedulable:NoSchedule")
    if not node.ready:
        taints += [
            f"node.kubernetes.io/unreachable:{each}" for each in ("NoSchedule", "NoExecute")
        ]
    spec: Json = {"unschedulable": True} if node.cordoned else {}
    if taints:
        spec["taints"] = [_taint(each) for each in taints]
    return spec


def _taint(text: str) -> Json:
    pair, _, effect = text.rpartition(":")
    key, separator, value = pair.partition("=")
    return {"key": key, **({"value": value} if separator else {}), "effect": effect}


def _instancetype_spec(spec: InstancetypeSpec) -> Json:
    memory: Json = {"guest": quantity.binary(spec.guest)}
    if spec.overcommit_percent:
        memory["overcommitPercent"] = spec.overcommit_percent
    if spec.max_guest is not None:
        memory["maxGuest"] = quantity.binary(spec.max_guest)
    return {"cpu": {"guest": spec.cpu}, "memory": memory}
