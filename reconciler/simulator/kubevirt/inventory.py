"""Inventory: indexes of pods, migrations and nodes for the simulated controllers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import (
    FINAL_PHASES,
    HOT_CHANGES,
    MIGRATIONS,
    NODES,
    PODS,
    QUOTAS,
    VMIS,
    Json,
    dig,
    size,
)
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.store.history import StoreEvent

Name: TypeAlias = tuple[str, str]
"""The namespace and the name of an object."""

CREATED_BY: Final = "kubevirt.io/created-by"
MIGRATION_JOB: Final = "kubevirt.io/migrationJobUID"
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """The pod properties that the scheduler, quotas and controllers use; memory is in bytes."""

    key: Key
    created_by: str
    """The UID of the VMI that a launcher pod runs, or '' for other pods."""
    migration: str
    """The UID of the migration for which this is the target pod, or '' for other pods."""
    node: str
    phase: str
    deleting: bool
    memory: int
    hugepages: Mapping[str, int]
    """The bytes of huge pages that the pod requests, keyed by resource (`hugepages-2Mi`, …)."""
    limit: int
    labels: Mapping[str, str]
    repels: tuple[Json, ...]
    """The terms of the pod's required anti-affinity."""
    priority_class: str
    gated: bool
    """Whether the pod has a scheduling gate."""
    others: Mapping[str, int]
    """The pod's CPUs (in thousandths), its devices and the pod itself, keyed by resource name."""

    @property
    def active(self) -> bool:
        """Whether the pod counts against its node's memory and its namespace's quota."""
        return self.phase not in FINAL_PHASES


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFacts:
    """The properties of a migration that determine limits, back-off and clean-up."""

    key: Key
    uid: str
    vmi: Name
    phase: str
    priority: str
    created: str
    revision: int
    """The migration's first resourceVersion, by which migrations are sorted from old to new."""
    ended: str
    """When the migration succeeded or failed, in RFC 3339 format; '' if it has not ended."""

    @property
    def unfinished(self) -> bool:
        """Whether the migration has not ended."""
        return self.phase not in FINAL_PHASES

    @property
    def past_pending(self) -> bool:
        """Whether the migration has left the phase Pending and has not ended."""
        return self.unfinished and self.phase not in {"", "Pending"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """The properties of a node that the scheduler uses, with sizes in bytes."""

    name: str
    memory: int
    hugepages: Mapping[str, int]
    """The huge pages of the node in bytes, keyed by resource name, such as `hugepages-2Mi`."""
    schedulable: bool
    labels: dict[str, str]
    taints: tuple[Json, ...]
    others: Mapping[str, int]
    """The node's allocatable CPUs (in thousandths), devices and pods, keyed by resource name."""


class Inventory:
    """Indexes of pods, migrations and nodes; the object store calls `observe` on each change."""

    def __init__(self) -> None:
        self.pods: dict[Key, PodFacts] = {}
        self.nodes: dict[str, NodeFacts] = {}
        self.migrations: dict[Key, MigrationFacts] = {}
        self.hotplugs: dict[Name, None] = {}
        """The VMIs with a memory or CPU hotplug in progress, oldest first."""
        self.launchers: dict[str, dict[Name, None]] = defaultdict(dict)
        """The running VMIs, keyed by the image of their launcher pod."""
        self.quotas: dict[str, set[Key]] = defaultdict(set)
        self.memory_used: dict[str, int] = defaultdict(int)
        self.hugepages_used: dict[tuple[str, str], int] = defaultdict(int)
        """The used huge pages in bytes, keyed by node and resource name."""
        self.others_used: dict[tuple[str, str], int] = defaultdict(int)
        """The used CPUs (in thousandths), devices and pods, keyed by node and resource name."""
        self._unfinished: dict[Key, None] = {}
        self._targets: dict[str, Key] = {}
        self._pods_by_vmi: dict[str, dict[Key, None]] = defaultdict(dict)
        self._pods_by_namespace: dict[str, dict[Key, None]] = defaultdict(dict)
        self._migrations_by_vmi: dict[Name, dict[Key, None]] = defaultdict(dict)

    def observe(self, event: StoreEvent) -> None:
        """Updates the indexes after a change in the object store."""
        resource, gone = event.key.resource, event.type == "DELETED"
        if resource == VMIS:
            self._note_vmi(event, gone=gone)
        elif resource == PODS:
            self._note_pod(event, gone=gone)
        elif resource == MIGRATIONS:
            self._note_migration(event, gone=gone)
        elif resource == NODES:
            if gone:
                self.nodes.pop(event.key.name, None)
            else:
                self.nodes[event.key.name] = _node_facts(orjson.loads(event.body))
        elif resource == QUOTAS:
            quotas = self.quotas[event.key.namespace]
            (quotas.discard if gone else quotas.add)(event.key)

    def pods_of(self, vmi_uid: str) -> list[PodFacts]:
        """Returns the launcher pods of a VMI, oldest first."""
        return [self.pods[key] for key in self._pods_by_vmi.get(vmi_uid, ())]

    def pods_in(self, namespace: str) -> list[PodFacts]:
        """Returns the pods of a namespace, oldest first."""
        return [self.pods[key] for key in self._pods_by_namespace.get(namespace, ())]

    def target_pod(self, migration_uid: str) -> PodFacts | None:
        """Returns the target pod of a migration, or None if it does not exist."""
        key = self._targets.get(migration_uid)
        return None if key is None else self.pods.get(key)

    def migrations_of(self, vmi: Name) -> list[MigrationFacts]:
        """Returns the migrations of a VMI, oldest first."""
        found = [self.migrations[key] for key in self._migrations_by_vmi.get(vmi, ())]
        return sorted(found, key=lambda facts: facts.revision)

    def unfinished_migrations(self) -> list[MigrationFacts]:
        """Returns all migrations that have not ended, oldest first."""
        return [self.migrations[key] for key in self._unfinished]

    def outdated(self, image: str) -> list[Name]:
        """Returns the VMIs whose launcher pod does not have the current image."""
        return [n for other, names in self.launchers.items() if other != image for n in names]

    def _note_vmi(self, event: StoreEvent, *, gone: bool) -> None:
        name = (event.key.namespace, event.key.name)
        status: Json = {} if gone else orjson.loads(event.body).get("status") or {}
        image = status.get("launcherContainerImageVersion")
        if gone or (image and name not in self.launchers[image]):
            for names in self.launchers.values():
                names.pop(name, None)
        if image:
            self.launchers[image].setdefault(name)
        found = status.get("conditions") or ()
        if any(c["type"] in HOT_CHANGES and c["status"] == "True" for c in found):
            self.hotplugs.setdefault(name)
        else:
            self.hotplugs.pop(name, None)

    def _note_pod(self, event: StoreEvent, *, gone: bool) -> None:
        known = self.pods.pop(event.key, None)
        self._count(known, sign=-1)
        if gone:
            self._pods_by_namespace[event.key.namespace].pop(event.key, None)
            if known is not None:
                self._pods_by_vmi[known.created_by].pop(event.key, None)
                self._targets.pop(known.migration, None)
            return
        facts = pod_facts(event.key, orjson.loads(event.body))
        self.pods[event.key] = facts
        self._count(facts, sign=1)
        self._pods_by_namespace[event.key.namespace].setdefault(event.key)
        if facts.created_by:
            self._pods_by_vmi[facts.created_by].setdefault(event.key)
        if facts.migration:
            self._targets[facts.migration] = event.key

    def _count(self, facts: PodFacts | None, *, sign: int) -> None:
        if facts is not None and facts.node and facts.active:
            self.memory_used[facts.node] += sign * facts.memory
            for resource, n_bytes in facts.hugepages.items():
                self.hugepages_used[facts.node, resource] += sign * n_bytes
            for resource, amount in facts.others.items():
                self.others_used[facts.node, resource] += sign * amount

    def _note_migration(self, event: StoreEvent, *, gone: bool) -> None:
        known = self.migrations.pop(event.key, None)
        if gone:
            self._unfinished.pop(event.key, None)
            if known is not None:
                self._migrations_by_vmi[known.vmi].pop(event.key, None)
            return
        first = known.revision if known is not None else event.rv
        facts = _migration_facts(event.key, orjson.loads(event.body), first)
        self.migrations[event.key] = facts
        self._migrations_by_vmi[facts.vmi].setdefault(event.key)
        if facts.unfinished:
            self._unfinished.setdefault(event.key)
        else:
            self._unfinished.pop(event.key, None)


def pod_facts(key: Key, pod: Json) -> PodFacts:
    """Reads the properties of a pod for the inventory."""
    labels = pod["metadata"].get("labels") or {}
    containers = pod["spec"].get("containers") or ()
    annotations = pod["metadata"].get("annotations") or {}
    return PodFacts(
        key=key,
        created_by=labels.get(CREATED_BY, ""),
        migration=annotations.get(MIGRATION_JOB, labels.get(MIGRATION_JOB, "")),
        node=pod["spec"].get("nodeName", ""),
        phase=dig(pod, "status", "phase") or "Pending",
        deleting=pod["metadata"].get("deletionTimestamp") is not None,
        memory=sum(size(c, "resources", "requests", "memory") or 0 for c in containers),
        hugepages=_hugepages(*(dig(c, "resources", "requests") for c in containers)),
        limit=sum(size(c, "resources", "limits", "memory") or 0 for c in containers),
        labels=labels,
        repels=tuple(dig(pod["spec"], "affinity", "podAntiAffinity", REQUIRED) or ()),
        priority_class=pod["spec"].get("priorityClassName", ""),
        gated=bool(pod["spec"].get("schedulingGates")),
        others={"pods": 1, **_others(*(dig(c, "resources", "requests") for c in containers))},
    )


def _others(*resources: Json | None) -> dict[str, int]:
    """Adds up the CPUs in thousandths, the devices and the pods in several resource maps."""
    found: dict[str, int] = defaultdict(int)
    for each in resources:
        for name, value in (each or {}).items():
            if name == "cpu":
                found[name] += quantity.thousandths(value)
            elif name == "pods" or "/" in name:
                found[name] += quantity.parse(value)
    return dict(found)


def _hugepages(*resources: Json | None) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for each in resources:
        for name, value in (each or {}).items():
            if name.startswith("hugepages-"):
                found[name] += quantity.parse(value)
    return dict(found)


def _node_facts(node: Json) -> NodeFacts:
    labels = node["metadata"].get("labels") or {}
    allocatable = dig(node, "status", "allocatable") or {}
    return NodeFacts(
        name=node["metadata"]["name"],
        memory=quantity.parse(allocatable.get("memory", "0")),
        hugepages=_hugepages(allocatable),
        schedulable=labels.get("kubevirt.io/schedulable") == "true"
        and not dig(node, "spec", "unschedulable"),
        labels=labels,
        taints=tuple(dig(node, "spec", "taints") or ()),
        others=_others(allocatable),
    )


def _migration_facts(key: Key, migration: Json, revision: int) -> MigrationFacts:
    phase = dig(migration, "status", "phase") or ""
    stamps = dig(migration, "status", "phaseTransitionTimestamps") or ()
    ended = next((s["phaseTransitionTimestamp"] for s in stamps if s["phase"] in FINAL_PHASES), "")
    return MigrationFacts(
        key=key,
        uid=migration["metadata"]["uid"],
        vmi=(key.namespace, dig(migration, "spec", "vmiName") or ""),
        phase=phase,
        priority=dig(migration, "spec", "priority") or "",
        created=migration["metadata"]["creationTimestamp"],
        revision=revision,
        ended=ended,
    )
