"""VMSeeder: creates VMs and, for each running VM, its VMI, launcher pod and ControllerRevision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reconciler.simulator.clock import rfc3339
from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.controllers import backups
from reconciler.simulator.kubevirt.controllers.vmi_controller import report_node
from reconciler.simulator.kubevirt.node import launcher_pod, limit_ranges
from reconciler.simulator.kubevirt.node.virt_handler import plug_refused
from reconciler.simulator.kubevirt.object_fields import (
    LIVE_UPDATE_FEATURES,
    READY,
    REVISIONS,
    VMIS,
    VMS,
    controller_reference,
    make_condition,
    name_of,
    section,
    set_condition,
)
from reconciler.simulator.kubevirt.rules import (
    defaults,
    instancetypes,
    live_update,
    memory_hotplug,
    memory_overhead,
    vm_status,
)
from reconciler.simulator.kubevirt.versions import Rollout
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds.field_reader import Problem

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.kubevirt.cluster_config import ClusterConfig
    from reconciler.simulator.store.store import Store
    from reconciler.simulator.worlds.world_model import VMSpec, World

IMAGE: Final = "registry.example/alpine-container-disk:v1"


class VMSeeder:
    """Creates a scenario's VMs, and collects problems with VMs that cannot run in the cluster."""

    def __init__(self, world: World, store: Store, config: ClusterConfig) -> None:
        self._world = world
        self._store = store
        self._config = config
        self._types = instancetypes.Instancetypes(store)
        self._free = {node.name: node.memory for node in world.nodes if node.schedulable}
        self._pages = {
            (node.name, f"hugepages-{page}"): n_bytes
            for node in world.nodes
            for page, n_bytes in node.hugepages.items()
        }
        self.problems: list[Problem] = []

    def seed(self, spec: VMSpec) -> bool:
        """Creates a VM with its VMI and pod, and returns whether the VM has pending changes."""
        vm = self._vm_object(spec)
        key = Key(VMS, spec.namespace, spec.name)
        if not spec.running:
            vm_status.first_status(vm)
            vm_status.refresh(vm, None, now=self._now())
            self._store.create(key, vm, manager=spec.manager)
            return False
        wanted = vm["spec"]["template"]["spec"]["domain"].get("memory", {}).get("guest")
        if spec.booted_with is not None:
            section(vm, "spec", "template", "spec", "domain", "memory")["guest"] = quantity.binary(
                spec.booted_with
            )
        vm = self._store.create(key, vm, manager=spec.manager)
        if spec.instancetype:
            vm = self._keep_instancetype(vm)
        vmi = self._start(vm, spec)
        vm_status.first_status(vm)
        vm_status.refresh(vm, vmi, now=self._now())
        self._store.update(key, vm, status=True)
        if spec.booted_with is not None:
            self._store.mutate(
                key,
                lambda stored: stored["spec"]["template"]["spec"]["domain"]["memory"].update(
                    guest=wanted
                ),
                manager=spec.manager,
            )
        in_flight = spec.booted_with is not None and not spec.hotplugged
        return in_flight or spec.last_plug_refused

    def _vm_object(self, spec: VMSpec) -> Json:
        body = json_codec.copy(dict(spec.spec)) if spec.spec else _vm_spec(spec)
        body.setdefault("runStrategy", "Always" if spec.running else "Halted")
        if spec.instancetype and not spec.spec:
            body["instancetype"] = {"kind": self._kind_of(spec), "name": spec.instancetype}
        vm: Json = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {
                "annotations": {**spec.annotations, **defaults.OBSERVED_VERSIONS},
                "finalizers": [defaults.VM_FINALIZER],
                **({"labels": dict(spec.labels)} if spec.labels else {}),
                "name": spec.name,
                "namespace": spec.namespace,
            },
            "spec": body,
        }
        if spec.pool:
            owner = _pool_reference(spec.pool, self._store.ids.uid())
            vm["metadata"]["ownerReferences"] = [owner]
        if spec.controller:
            owner = _controller_reference(spec.controller, self._store.ids.uid())
            vm["metadata"]["ownerReferences"] = [owner]
        if spec.vmi_labels:
            labels = section(vm, "spec", "template", "metadata", "labels")
            labels.update(spec.vmi_labels)
        defaults.vm_defaults(vm, self._config, self._store.ids.uid)
        return vm

    def _kind_of(self, spec: VMSpec) -> str:
        own = (spec.instancetype, spec.namespace)
        namespaced = any((t.name, t.namespace) == own for t in self._world.instancetypes)
        scope = "" if namespaced else "Cluster"
        return f"VirtualMachine{scope}Instancetype"

    def _keep_instancetype(self, vm: Json) -> Json:
        found = self._types.named(vm)
        if found is None:
            return vm
        revision = self._types.keep_revision(vm, found)
        instancetypes.reference_revision(vm, revision, self._config.behaviour)
        if self._config.behaviour.instancetype_in_status:
            return vm
        return self._store.update(Key(VMS, *name_of(vm)), vm)

    def _start(self, vm: Json, spec: VMSpec) -> Json:
        config = self._config
        if spec.booted_under:
            config = replace(config, rollout=Rollout(spec.booted_under))
        namespace = spec.namespace
        key = Key(REVISIONS, namespace, defaults.revision_name(vm))
        number = vm["metadata"]["generation"]
        data = {"spec": json_codec.copy(vm["spec"])}
        self._store.create(key, instancetypes.revision_object(key, vm, data, number))
        vmi = defaults.make_vmi(vm, self._types.domain(vm, config.behaviour), config)
        vmi["metadata"]["annotations"].update(defaults.OBSERVED_VERSIONS)
        vmi["metadata"]["uid"] = "pending"
        if spec.hotplugged:
            if "maxGuest" not in vmi["spec"]["domain"]["memory"]:
                message = (
                    f"KubeVirt cannot have hotplugged memory into the VM {namespace}/{spec.name}, "
                    "because its VMI has no maxGuest"
                )
                self.problems.append(Problem(path=f"{spec.path}.hotplugged", message=message))
            _hotplug(vmi, spec)
        pod = launcher_pod.make_pod(vmi, config, self._store.ids.suffix())
        own = (each.hard for each in self._world.quotas if each.namespace == spec.namespace)
        launcher_pod.add_auto_limit(pod, own)
        limit_ranges.add_defaults(pod, self._store.list(limit_ranges.RESOURCE, spec.namespace))
        if (refused := launcher_pod.invalid(pod)) is not None:
            message = f"the VM {spec.namespace}/{spec.name} cannot have started: {refused}"
            self.problems.append(Problem(path=spec.path, message=message))
        node = self._place(spec, memory_overhead.pod_memory(vmi, config))
        self._report_running(vmi, spec, node, config)
        stored = self._store.create(
            Key(VMIS, namespace, spec.name), vmi, manager="virt-controller"
        )
        uid = stored["metadata"]["uid"]
        pod["metadata"]["labels"]["kubevirt.io/created-by"] = uid
        pod["metadata"]["ownerReferences"][0]["uid"] = uid
        pod["spec"]["nodeName"] = node
        pod["status"]["phase"] = "Running"
        pod["status"]["conditions"] = [
            make_condition(kind, "True", at=self._now()) for kind in ("PodScheduled", "Ready")
        ]
        pod_uid = self._store.create(launcher_pod.pod_key(pod), pod)["metadata"]["uid"]
        stored["status"]["activePods"] = {pod_uid: node}
        return self._store.update(Key(VMIS, namespace, spec.name), stored)

    def _report_running(self, vmi: Json, spec: VMSpec, node: str, config: ClusterConfig) -> None:
        now, status = self._now(), vmi["status"]
        report_node(vmi, node)
        if config.behaviour.memory_overhead_status and "memory" in status:
            status["memory"]["memoryOverhead"] = quantity.binary(
                memory_overhead.memory_overhead(vmi, config)
            )
        status.update(
            phase="Running",
            qosClass="Burstable",
            launcherContainerImageVersion=launcher_pod.image(
                spec.launcher or config.behaviour.text
            ),
            phaseTransitionTimestamps=[
                {"phase": phase, "phaseTransitionTimestamp": now}
                for phase in ("Pending", "Scheduling", "Scheduled")
            ],
        )
        set_condition(vmi, make_condition(READY, "True", at=now, probed=True))
        spec.profile.report(vmi, now)
        if spec.backup is not None:
            status["changedBlockTracking"] = backups.started(spec.backup.name, at=now)
        if spec.guest_current is not None:
            status["memory"]["guestCurrent"] = quantity.binary(spec.guest_current)
        if spec.last_plug_refused:
            set_condition(vmi, plug_refused(now))

    def _place(self, spec: VMSpec, asked: memory_overhead.PodMemory) -> str:
        emptiest = max(self._free, key=lambda name: self._free[name], default="")
        node = spec.node or emptiest
        needed = (
            asked.request + memory_overhead.CONSOLE_LOG_CONTAINER + memory_overhead.CONTAINER_DISK
        )
        if self._free.get(node, 0) < needed:
            free = quantity.binary(max(self._free.get(node, 0), 0))
            message = (
                f"the VM {spec.namespace}/{spec.name} needs {needed} bytes of memory, but node "
                f"{node!r} has only {free} free; add nodes or memory"
            )
            self.problems.append(Problem(path=spec.path, message=message))
        self._free[node] = self._free.get(node, 0) - needed
        if asked.hugepages:
            pages = (node, f"hugepages-{quantity.binary(asked.hugepage_size)}")
            self._pages[pages] = self._pages.get(pages, 0) - asked.hugepages
            if self._pages[pages] < 0:
                vm = f"{spec.namespace}/{spec.name}"
                message = f"node {node!r} has too few {pages[1]} for the VM {vm}"
                self.problems.append(Problem(path=spec.path, message=message))
        return node

    def _now(self) -> str:
        return rfc3339(self._store.clock.now())


def _hotplug(vmi: Json, spec: VMSpec) -> None:
    """Sets the memory of a VMI as if a hotplug had completed."""
    target, status = spec.guest or 0, vmi["status"]["memory"]
    resources = memory_hotplug.resource_change(
        vmi["spec"]["domain"], target=target, current=spec.booted_with or 0
    )
    plugged = live_update.MemoryDecision(
        verdict=live_update.Verdict.HOTPLUG, guest=target, resources=resources
    )
    live_update.hotplug(vmi, plugged)
    status["guestRequested"] = status["guestCurrent"] = quantity.binary(target)


def _pool_reference(name: str, uid: str) -> Json:
    """Builds the ownerReference from a VM to its VM pool; observed on KubeVirt v1.9.0."""
    pool: Json = {"apiVersion": "pool.kubevirt.io/v1beta1", "kind": "VirtualMachinePool"}
    return controller_reference({**pool, "metadata": {"name": name, "uid": uid}})


def _controller_reference(named: str, uid: str) -> Json:
    """Builds the ownerReference from a VM to its controller, which is given as Kind/name.

    Source: cluster-api-provider-kubevirt, which makes a KubevirtMachine the controller of a VM.
    """
    kind, _, name = named.partition("/")
    machine: Json = {"apiVersion": "infrastructure.cluster.x-k8s.io/v1alpha1", "kind": kind}
    return controller_reference({**machine, "metadata": {"name": name, "uid": uid}})


def _vm_spec(spec: VMSpec) -> Json:
    domain: Json = {
        "devices": {
            "disks": [{"disk": {"bus": "virtio"}, "name": "containerdisk"}],
            "interfaces": [{"masquerade": {}, "model": "virtio", "name": "default"}],
        },
    }
    if spec.guest is not None:
        domain["memory"] = {"guest": quantity.binary(spec.guest)}
    if spec.max_guest is not None:
        domain["memory"]["maxGuest"] = quantity.binary(spec.max_guest)
    for name, value in spec.domain.items():
        merged = {**domain.get(name, {}), **value} if isinstance(value, dict) else value
        domain[name] = json_codec.copy(merged)
    made: Json = {
        "template": {
            "spec": {
                "architecture": spec.architecture,
                "domain": domain,
                "networks": [{"name": "default", "pod": {}}],
                "volumes": [{"containerDisk": {"image": IMAGE}, "name": "containerdisk"}],
            },
        },
    }
    made["template"]["spec"].update(json_codec.copy(dict(spec.placement)))
    if spec.eviction_strategy:
        made["template"]["spec"]["evictionStrategy"] = spec.eviction_strategy
    if spec.live_update_features is not None:
        made[LIVE_UPDATE_FEATURES] = json_codec.copy(dict(spec.live_update_features))
    return made
