"""``Reservations``: reserves node and quota capacity for a series of changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.model.fields import INSTANCETYPE_NAME
from reconciler.model.live.capacity import quota_amounts
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import instancetype_ref
from reconciler.plan.behaviour.platform import is_harvester
from reconciler.plan.behaviour.target_pod import rendering_of
from reconciler.plan.capacity.aware_growth import counts_pods, growth
from reconciler.plan.capacity.fit import free, growth_of, pod_for, quota_usage, raised_by_harvester
from reconciler.plan.capacity.node_filters import eligible_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.live.capacity import Quota
    from reconciler.model.live.live_state import LiveNode, LiveState, LiveVMI
    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.plan.behaviour.target_pod import TargetPod


def grown_to(decision: Decision, live: LiveState) -> MemoryQuantity | None:
    """Return the guest memory size that a planned change writes, or None if it writes no size."""
    vm = live.vms.get(decision.ref)
    for change in decision.changes:
        if isinstance(change.after, MemoryQuantity):
            return change.after
        if change.field == INSTANCETYPE_NAME and vm is not None:
            kind, namespace = vm.instancetype_kind, vm.ref.namespace
            found = live.instancetypes.get(instancetype_ref(kind, namespace, str(change.after)))
            return found.guest if found else None
    return None


class Reservations:
    """Reserves capacity for each target pod on the first node, by name, that has enough memory.

    The result is optimistic: the scheduler distributes pods over all nodes, so in the cluster, a
    large pod might find no node with enough memory.

    Args:
        live: A snapshot with pods and quotas; an unknown capacity counts as enough.
    """

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._rendering = rendering_of(live.kubevirt)
        self._is_harvester = is_harvester(live)
        self._taken: dict[str, Counter[str]] = defaultdict(Counter)
        """The reserved amounts by node and resource.

        The resource name is empty for memory (bytes), and the page size for huge pages (bytes).
        """
        self._used: dict[str, Counter[str]] = defaultdict(Counter)
        """The reserved amounts by namespace and quota resource."""
        self._grown: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        """The reserved growth of VMs, by Application-Aware Quota (AAQ) and its resource.

        A quota is identified by its name and namespace; a cluster-wide quota has no namespace.
        """

    def place(self, ref: ObjectRef, target: MemoryQuantity) -> bool:
        """Reserve capacity for a VM's target pod; return False if capacity is insufficient."""
        vmi = self._live.vmis.get(ref)
        if vmi is None:
            return True
        capacity = self._live.capacity
        pod = pod_for(capacity, self._rendering, vmi, target)
        grown = growth(capacity, vmi, target, pod) if capacity else {}
        if not self._aware_quotas_hold(ref.namespace, pod, grown) or not self._take(ref, vmi, pod):
            return False
        self.reserve_aware_growth(ref, pod, grown)
        return True

    def admit(self, ref: ObjectRef, target: MemoryQuantity, pod: TargetPod) -> bool:
        """Reserve quota for a VM's target pod; return False if a quota has too little left."""
        vmi, capacity = self._live.vmis.get(ref), self._live.capacity
        if vmi is None or capacity is None:
            return True
        grown = growth(capacity, vmi, target, pod)
        namespace = ref.namespace
        if not self._aware_quotas_hold(namespace, pod, grown):
            return False
        if not self._quotas_hold(namespace, pod, vmi):
            return False
        self.reserve_aware_growth(ref, pod, grown)
        self._used[namespace].update(quota_usage(pod))
        return True

    def grow(self, ref: ObjectRef, target: MemoryQuantity) -> bool:
        """Reserve capacity for a pod's in-place resize; return False if too little is left.

        The reservation covers only the growth, on the VM's own node and in its quotas. Nothing is
        released afterwards.

        Source: inferred from VEP 45, sections Infeasible Resize and API Examples.
        """
        vmi, capacity = self._live.vmis.get(ref), self._live.capacity
        if vmi is None or capacity is None:
            return True
        larger = pod_for(capacity, self._rendering, vmi, target)
        grown = growth_of(capacity, vmi, larger)
        node = next((each for each in self._live.nodes if each.name == vmi.node), None)
        if grown is None:
            return True
        fits = node is None or not capacity.pods_known or self._fits(node, grown)
        if not fits or not self._quotas_hold(ref.namespace, grown):
            return False
        self.promise_growth(ref, larger)
        return True

    def promise_growth(self, ref: ObjectRef, larger: TargetPod) -> None:
        """Reserve the capacity that a pod still needs for an in-place resize that has started."""
        vmi, capacity = self._live.vmis.get(ref), self._live.capacity
        grown = growth_of(capacity, vmi, larger) if vmi and capacity else None
        if vmi is not None and grown is not None:
            self._count(vmi.node, grown)
            self._used[ref.namespace].update(quota_usage(grown))

    def reserve_aware_growth(
        self, ref: ObjectRef, pod: TargetPod, grown: Mapping[str, int]
    ) -> None:
        """Reserve the growth of a VM in the Application-Aware Quotas (AAQ) of its namespace.

        Args:
            ref: The VM.
            pod: The VM's target pod.
            grown: The amount of each quota resource, as ``aware_growth`` returns it.
        """
        for quota in self._aware_quotas(ref.namespace, pod.priority_class):
            self._grown[_key(quota, ref.namespace)].update(grown)

    def _aware_quotas_hold(self, namespace: str, pod: TargetPod, grown: Mapping[str, int]) -> bool:
        """Return whether a namespace's Application-Aware Quotas (AAQ) allow another VM to grow."""
        return all(
            quota.used.get(resource, 0) + self._grown[_key(quota, namespace)][resource] + more
            <= quota.hard[resource]
            for quota in self._aware_quotas(namespace, pod.priority_class)
            for resource, more in grown.items()
            if resource in quota.hard
        )

    def _aware_quotas(self, namespace: str, priority_class: str) -> tuple[Quota, ...]:
        capacity = self._live.capacity
        found = capacity.aware.by_namespace.get(namespace, ()) if capacity else ()
        return tuple(each for each in found if each.counts(priority_class))

    def _take(self, ref: ObjectRef, vmi: LiveVMI, pod: TargetPod) -> bool:
        if self._live.capacity is None:
            return True
        if not self._quotas_hold(ref.namespace, pod, vmi):
            return False
        if self._live.capacity.pods_known and self._live.nodes:
            vendor = self._rendering.capabilities.same_cpu_vendor
            nodes = eligible_nodes(
                vmi, self._live.nodes, same_cpu_vendor=vendor, peers=self._peers(vmi)
            )
            node = next((each for each in nodes if self._fits(each, pod)), None)
            if node is None:
                return False
            self._count(node.name, pod)
        self._used[ref.namespace].update(quota_usage(pod))
        return True

    def promise(self, ref: ObjectRef, pod: TargetPod) -> None:
        """Reserve capacity for the target pod of a change that has already started."""
        vmi, capacity = self._live.vmis.get(ref), self._live.capacity
        if vmi is None or capacity is None:
            return
        pods = capacity.launchers.get(vmi.uid, ())
        if not pods or any(pod.node == vmi.node for pod in pods):
            self._take(ref, vmi, pod)
            return
        self._count(vmi.node, pod)
        self._used[ref.namespace].update(quota_usage(pod))

    def settle(self, ref: ObjectRef) -> None:
        """Release the capacity of a VM's old pod, as if the VM's migration had succeeded."""
        vmi = self._live.vmis.get(ref)
        if vmi is None or self._live.capacity is None:
            return
        for pod in self._live.capacity.launchers.get(vmi.uid, ()):
            if pod.node != vmi.node:
                continue
            size, requests = vmi.constraints.hugepages or "", pod.requests
            taken = self._taken[pod.node]
            taken[""] -= requests.memory
            taken[size] -= requests.hugepages.get(size, 0) if size else 0
            taken.subtract({"pods": 1, **requests.others})
            gone = quota_amounts(pod.requests, pod.limit, pod.cpu_limit)
            self._used[ref.namespace].subtract(gone)
            if counts_pods(self._live.capacity):
                for quota in self._aware_quotas(ref.namespace, pod.priority_class):
                    self._grown[_key(quota, ref.namespace)].subtract(gone)

    def _fits(self, node: LiveNode, pod: TargetPod) -> bool:
        assert self._live.capacity is not None  # noqa: S101 - the caller has checked it; for mypy
        left = free(node, self._live.capacity, pod.page_size)
        taken = self._taken[node.name]
        memory = left.memory is None or pod.request <= left.memory - taken[""]
        others = {name: n - taken[name] for name, n in left.others.items()}
        return (
            memory
            and (not pod.hugepages or pod.hugepages <= left.hugepages - taken[pod.page_size])
            and not replace(left, others=others).lacks(pod)
        )

    def _quotas_hold(self, namespace: str, pod: TargetPod, moving: LiveVMI | None = None) -> bool:
        """Return whether the quotas of a namespace allow a pod, or the growth of a pod.

        With *moving*, the quota resources that Harvester raises for a migration of this VM
        instance are ignored.
        """
        moving = moving if self._is_harvester else None
        capacity, reserved = self._live.capacity, self._used[namespace]
        return capacity is None or all(
            quota.used.get(resource, 0) + reserved[resource] + needed <= quota.hard[resource]
            for quota in capacity.quotas.get(namespace, ())
            for resource, needed in quota_usage(pod).items()
            if resource in quota.hard
            and quota.counts(pod.priority_class)
            and not (moving is not None and raised_by_harvester(quota, resource, moving))
        )

    def _count(self, node: str, pod: TargetPod) -> None:
        self._taken[node].update({"": pod.request, **pod.others})
        if pod.page_size:
            self._taken[node][pod.page_size] += pod.hugepages

    def _peers(self, vmi: LiveVMI) -> tuple[LiveVMI, ...]:
        """Return the VM instances that can exclude nodes through scheduling constraints."""
        place, namespace = vmi.placement, vmi.ref.namespace
        found = self._live.vmis.values() if place.counts_pods else self._repelling
        return tuple(
            each
            for each in found
            if each.ref.namespace == namespace
            or place.repels_everywhere
            or each.placement.repels_everywhere
        )

    @cached_property
    def _repelling(self) -> tuple[LiveVMI, ...]:
        """The VM instances with a required pod anti-affinity."""
        return tuple(each for each in self._live.vmis.values() if each.placement.apart_from)


def _key(quota: Quota, namespace: str) -> tuple[str, str]:
    """Return an Application-Aware Quota's key, which all namespaces of the quota share."""
    return "" if quota.cluster_wide else namespace, quota.name
