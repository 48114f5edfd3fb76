"""Decodes pods and quotas, and adds up the resources in use per node and namespace."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.cluster.decode.cluster_nodes import HUGEPAGES
from reconciler.cluster.decode.decode_values import (
    CPU,
    amount,
    moment,
    other_resources,
    shared,
    thousandths_of,
)
from reconciler.cluster.decode.pages import Kind
from reconciler.cluster.decode.structs import wire_capacity as wire
from reconciler.model.live.capacity import (
    PRIORITY_CLASS,
    Launcher,
    NodeUse,
    Quota,
    ResourceUse,
    quota_amounts,
)
from reconciler.model.live.placement import Requirement
from reconciler.model.references import Uid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.cluster.decode.structs.wire import Amount
    from reconciler.model.references import ObjectRef

_NODE_NAME = re.compile(rb'"nodeName"\s*:\s*"([a-z0-9.-]+)"')
_ALL = 1 << 62
"""A number of bytes larger than the memory of any node."""
ENDED = frozenset({"Succeeded", "Failed"})
"""The phases of a pod that no longer uses capacity."""
JUDGED = ("requests.memory", "memory", "limits.memory", "pods", "count/pods")
"""The names of the quota resources that every launcher pod uses."""
CPU_JUDGED = ("requests.cpu", "cpu", "limits.cpu")
"""The names of the quota resources for CPUs."""
RANCHER_QUOTA = "resourcequota.management.cattle.io/default-resource-quota"
"""The label of the quota that Rancher manages in a namespace."""
APPLYING_SCOPES = frozenset({"NotTerminating", "NotBestEffort"})
"""The quota scopes that include every launcher pod.

A quota with the scope Terminating, BestEffort or CrossNamespacePodAffinity is ignored, because it
includes no launcher pod. The scope PriorityClass is evaluated separately.
"""
GUEST_CONTAINER = "compute"
"""The name of the launcher pod container that runs the guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod, running or ended, with the fields that affect free capacity."""

    launcher: Launcher
    """The requests and limits of the pod, even if the pod is not a launcher pod."""
    instance: Uid
    """The uid of the VM instance that a launcher pod runs; empty for any other pod."""
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuota:
    """A ResourceQuota and its namespace."""

    namespace: str
    quota: Quota | None
    """The decoded quota, or None if the quota does not apply to launcher pods."""


def pod(item: wire.Pod) -> Pod:
    """Decode the requests, limits, node and phase of a pod."""
    meta, spec = item.metadata, item.spec or wire.PodSpec()
    phase = item.status.phase if item.status else None
    limits = [
        each.resources.limits
        for each in spec.containers or ()
        if each.resources and each.resources.limits
    ]
    guest = next((each for each in spec.containers or () if each.name == GUEST_CONTAINER), None)
    resources = guest.resources if guest else None
    launcher = Launcher(
        namespace=shared(meta.namespace),
        node=shared(spec.node_name),
        requests=_requests(spec),
        limit=sum(_bytes(each.memory, "limits.memory") for each in limits),
        cpu_limit=sum(thousandths_of(each.cpu) for each in limits),
        guest_request=_bytes(((resources and resources.requests) or {}).get("memory"), "memory"),
        guest_limit=_bytes(
            resources.limits.memory if resources and resources.limits else None, "limits.memory"
        ),
        guest_cpu_request=thousandths_of(((resources and resources.requests) or {}).get(CPU)),
        guest_cpu_limit=thousandths_of(
            resources.limits.cpu if resources and resources.limits else None
        ),
        priority_class=shared(spec.priority_class_name),
        gates=tuple(shared(each.name) for each in spec.scheduling_gates or ()),
        created_at=moment(meta.creation_timestamp) if spec.scheduling_gates else None,
    )
    created_by = meta.labels.created_by if meta.labels else None
    return Pod(launcher=launcher, instance=Uid(created_by or ""), ended=phase in ENDED)


def _requests(spec: wire.PodSpec) -> ResourceUse:
    """Compute the resources that the scheduler counts for a pod.

    The scheduler adds up containers and sidecar containers. If the peak of the init containers is
    higher, the scheduler uses this peak instead; each init container counts together with the
    sidecars that start before it. Pod-level requests replace this total. The pod's overhead is
    always added. This function ignores an in-place resize in progress.

    Source: kubernetes v1.36 pkg/api/v1/resource/helpers.go (PodRequests).
    """
    running: Counter[str] = Counter()
    for each in spec.containers or ():
        running.update(_amounts(each.resources))
    lasting: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for each in spec.init_containers or ():
        asked = _amounts(each.resources)
        if each.restart_policy == "Always":
            lasting.update(asked)
            peak |= lasting
        else:
            peak |= lasting + asked
    total = (running + lasting) | peak
    total.update({name: n - total[name] for name, n in _amounts(spec.resources).items()})
    total.update(_counted(spec.overhead))
    pages = {
        name.removeprefix(HUGEPAGES): n
        for name, n in sorted(total.items())
        if name.startswith(HUGEPAGES) and n
    }
    others = {n: total[n] for n in sorted(total) if total[n] and (n == CPU or "/" in n)}
    memory = total["memory"]
    if pages:
        return ResourceUse(memory=memory, hugepages=pages, others=others)
    return _without_pages(memory, tuple(others.items()))


@lru_cache(maxsize=1024)
def _without_pages(memory: int, others: tuple[tuple[str, int], ...]) -> ResourceUse:
    """Return the resource requests of a pod without huge pages; equal pods share one result."""
    return ResourceUse(memory=memory, others=dict(others))


def _amounts(resources: wire.PodResources | None) -> Counter[str]:
    return _counted(resources.requests if resources else None)


def _counted(found: Mapping[str, Amount] | None) -> Counter[str]:
    return Counter(
        {
            name: _bytes(value, name)
            for name, value in (found or {}).items()
            if name == "memory" or name.startswith(HUGEPAGES)
        }
        | other_resources(found)
    )


def is_judged(name: str) -> bool:
    """Return whether a quota on the given resource can limit launcher pods."""
    is_device = name.startswith("requests.") and "/" in name
    return name in JUDGED or name in CPU_JUDGED or HUGEPAGES in name or is_device


def amount_of(value: Amount, name: str) -> int:
    """Parse a quota amount: CPUs in millicores, everything else in bytes or as a number."""
    return thousandths_of(value) if name in CPU_JUDGED else _bytes(value, name)


def _bytes(value: Amount, name: str) -> int:
    found = amount(value, name)
    return found.n_bytes if found else 0


def priority_scopes(spec: wire.QuotaSpec) -> tuple[Requirement, ...] | None:
    """Decode a quota's requirements for the priority class of a pod.

    The result is None if the scopes of the quota include no launcher pod.
    """
    selector = (spec.scope_selector.match_expressions if spec.scope_selector else None) or []
    scopes = {*(spec.scopes or ()), *(each.scope_name for each in selector)}
    if not APPLYING_SCOPES.issuperset(scopes - {PRIORITY_CLASS}):
        return None
    priority = tuple(
        Requirement(key=PRIORITY_CLASS, operator=each.operator, values=tuple(each.values or ()))
        for each in selector
        if each.scope_name == PRIORITY_CLASS
    )
    if PRIORITY_CLASS in (spec.scopes or ()):
        priority += (Requirement(key=PRIORITY_CLASS, operator="Exists"),)
    return priority


def quota(item: wire.Quota) -> NamedQuota:
    """Decode a ResourceQuota; like the admission check, prefer the hard limits in the status.

    Source: kubernetes v1.36 plugin/pkg/admission/resourcequota/controller.go.
    """
    meta, spec, status = item.metadata, item.spec or wire.QuotaSpec(), item.status
    hard = (status.hard if status else None) or spec.hard or {}
    used = (status.used if status else None) or {}
    judged = [name for name in hard if is_judged(name)]
    priority = priority_scopes(spec)
    found = Quota(
        name=meta.name,
        hard={name: amount_of(hard[name], name) for name in judged},
        used={name: amount_of(used.get(name), name) for name in judged},
        priority=priority or (),
        managed_by_rancher=(meta.labels or {}).get(RANCHER_QUOTA) == "true",
    )
    return NamedQuota(namespace=meta.namespace or "", quota=None if priority is None else found)


def _filling_its_node(ref: ObjectRef, body: bytes) -> Iterator[Pod]:
    """Replace an unreadable pod: fill every node whose name occurs in the JSON of the pod."""
    for node in sorted(set(_NODE_NAME.findall(body))):
        requests = ResourceUse(memory=_ALL)
        launcher = Launcher(namespace=ref.namespace, node=shared(node.decode()), requests=requests)
        yield Pod(launcher=launcher, instance=Uid(""), ended=False)


def _exhausted(ref: ObjectRef, _body: bytes) -> Iterator[NamedQuota]:
    """Yield a quota that admits no pod, as the replacement for an unreadable quota."""
    yield NamedQuota(namespace=ref.namespace, quota=Quota(name=ref.name, hard={"pods": 0}))


PODS = Kind(
    "Pod", wire.Pod, pod, replacement=_filling_its_node, consequence="its node counts as full"
)
QUOTAS = Kind(
    "ResourceQuota",
    wire.Quota,
    quota,
    replacement=_exhausted,
    consequence="it counts as exhausted",
)


def launchers(pods: Iterable[Pod]) -> dict[Uid, tuple[Launcher, ...]]:
    """Group launcher pods by the uid of their VM instance; omit pods that have ended."""
    found: dict[Uid, list[Launcher]] = defaultdict(list)
    for each in pods:
        if each.instance and not each.ended:
            found[each.instance].append(each.launcher)
    return {uid: tuple(group) for uid, group in found.items()}


def node_uses(
    pods: Iterable[Pod], found: Mapping[Uid, tuple[Launcher, ...]]
) -> dict[str, NodeUse]:
    """Add up two amounts per node: the requests of all pods, and those of migrating VMs' pods."""
    requested: dict[str, Counter[str]] = defaultdict(Counter)
    moving: dict[str, Counter[str]] = defaultdict(Counter)
    for each in pods:
        if each.ended or not each.launcher.node:
            continue
        asked = _flat(each.launcher.requests)
        requested[each.launcher.node].update(asked)
        if len(found.get(each.instance, ())) > 1:
            moving[each.launcher.node].update(asked)
    return {
        name: NodeUse(requested=_use(requested[name]), moving=_use(moving[name]))
        for name in sorted(requested)
    }


def quotas_by_namespace(
    found: Iterable[NamedQuota], running: Mapping[Uid, tuple[Launcher, ...]]
) -> dict[str, tuple[Quota, ...]]:
    """Group quotas by namespace, and add the amounts that running migrations will free."""
    moving = moving_amounts(running)
    groups: dict[str, list[Quota]] = defaultdict(list)
    for each in found:
        if each.quota is None or not each.quota.hard:
            continue
        back = moving[each.namespace]
        groups[each.namespace].append(
            replace(
                each.quota, moving={name: back[name] for name in each.quota.hard if back[name]}
            )
        )
    return {
        namespace: tuple(sorted(group, key=lambda each: each.name))
        for namespace, group in sorted(groups.items())
    }


def moving_amounts(
    running: Mapping[Uid, tuple[Launcher, ...]],
) -> dict[str, Counter[str]]:
    """Compute, per namespace, the quota amounts that running migrations will free."""
    moving: dict[str, Counter[str]] = defaultdict(Counter)
    for pods in running.values():
        if len(pods) < 2:  # noqa: PLR2004 - the VM does not migrate
            continue
        largest: Counter[str] = Counter()
        for each in pods:
            largest |= Counter(quota_amounts(each.requests, each.limit, each.cpu_limit))
        moving[pods[0].namespace].update(largest)
    return moving


def _flat(use: ResourceUse) -> dict[str, int]:
    pages = {f"{HUGEPAGES}{size}": n for size, n in use.hugepages.items()}
    return {"memory": use.memory, "pods": 1, **pages, **use.others}


def _use(found: Counter[str]) -> ResourceUse:
    return ResourceUse(
        memory=found["memory"],
        hugepages={
            name.removeprefix(HUGEPAGES): n
            for name, n in sorted(found.items())
            if name.startswith(HUGEPAGES)
        },
        others={
            name: n
            for name, n in sorted(found.items())
            if name != "memory" and not name.startswith(HUGEPAGES)
        },
    )
