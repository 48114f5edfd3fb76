"""`loads` and `parse` read and check YAML files that describe a simulated cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.simulator.encoding import go_json
from reconciler.simulator.kubevirt import versions
from reconciler.simulator.kubevirt.node import aaq_usage
from reconciler.simulator.worlds import world_checks, world_faults, world_owners
from reconciler.simulator.worlds.field_reader import Fields, Problem, WorldError
from reconciler.simulator.worlds.world_model import (
    DEFAULT_BANDWIDTH,
    DEFAULT_CPU_VENDOR,
    DEFAULT_CPUS,
    DEFAULT_NODE_MEMORY,
    DEFAULT_NODES,
    DEFAULT_PODS,
    DEFAULT_VERSION,
    MigrationSpec,
    NodeSpec,
    TimelineEntry,
    World,
)
from reconciler.simulator.worlds.world_quotas import read_cluster_quota, read_quota
from reconciler.simulator.worlds.world_vms import read_faults, read_instancetype, read_vm

if TYPE_CHECKING:
    from reconciler.simulator.kubevirt.vm_faults import VMFaults

__all__ = ["World", "WorldError", "loads", "parse"]

API_VERSION: Final = "simulator/v1alpha1"
KIND: Final = "World"
_TAINT: Final = re.compile(r"[^=:]+(=[^=:]*)?:(NoSchedule|PreferNoSchedule|NoExecute)")
PAGE_SIZES: Final = ("2Mi", "1Gi")
PHASES: Final = ("Pending", "Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running")
"""The phases of an unfinished migration, in order."""


def loads(data: bytes, source: str) -> World:
    """Reads a scenario, the description of a simulated cluster, from YAML text.

    Raises:
        WorldError: The file is not YAML or describes an impossible cluster. The error lists
            all problems.
    """
    try:
        document = go_json.loads_yaml(data)
    except go_json.MalformedError as error:
        mark = getattr(error.__cause__, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        message = f"the file is not YAML{where}" if error.__cause__ else str(error)
        raise WorldError(source, (Problem(path="scenario", message=message),)) from error
    return parse(document, source=source)


def parse(document: object, *, source: str = "world") -> World:
    """Reads a scenario, the description of a simulated cluster, from a parsed YAML document.

    Raises:
        WorldError: The document describes an impossible cluster. The error lists all problems.
    """
    problems: list[Problem] = []
    if not isinstance(document, dict):
        message = (
            f"the document must be a mapping with kind: {KIND}, not {type(document).__name__}"
        )
        raise WorldError(source, (Problem(path="scenario", message=message),))
    fields = Fields(document, "", problems)
    world = _world(fields)
    fields.finish()
    if not problems:
        problems.extend(world_checks.check(world))
    if problems:
        raise WorldError(source, tuple(problems))
    return world


def _world(fields: Fields) -> World:
    for name, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if (value := fields.raw(name)) != expected:
            fields.problem(name, f"{value!r} is not supported; write {expected}")
    kubevirt = fields.nested("kubevirt")
    names = kubevirt.texts("names") if "names" in kubevirt.values else ("kubevirt",)
    namespaces = _namespaces(fields)
    world = World(
        name=fields.text("name", "world"),
        starts_at=fields.instant("startsAt"),
        version=kubevirt.checked("version", versions.behaviour, DEFAULT_VERSION),
        kubevirt_namespace=kubevirt.text("namespace", "kubevirt"),
        kubevirt_names=names,
        kubevirt_spec=kubevirt.mapping("spec"),
        nodes=_nodes(fields),
        namespaces=tuple(namespaces),
        namespace_labels=namespaces,
        vms=tuple(read_vm(entry) for entry in fields.each("vms")),
        instancetypes=tuple(read_instancetype(entry) for entry in fields.each("instancetypes")),
        quotas=tuple(read_quota(entry) for entry in fields.each("quotas")),
        limit_ranges={
            namespace: tuple(limits)
            for namespace, limits in sorted(fields.mapping("limitRanges").items())
        },
        aware_quotas=tuple(read_quota(entry) for entry in fields.each("awareQuotas")),
        aware_cluster_quotas=tuple(
            read_cluster_quota(entry) for entry in fields.each("awareClusterQuotas")
        ),
        aware_calculator=fields.text("awareCalculator", choices=aaq_usage.CALCULATORS),
        aware_down=fields.boolean("awareDown"),
        migrations=tuple(_migration(entry) for entry in fields.each("migrations")),
        timeline=tuple(_entry(entry) for entry in fields.each("timeline")),
        objects=tuple(entry.values for entry in fields.each("objects")),
        bandwidth=fields.memory("bandwidth") or DEFAULT_BANDWIDTH,
        rbac=fields.text("rbac", "open", choices=("open", "enforced")),
        tokens=fields.mapping("tokens"),
        api_faults=tuple(world_faults.read(entry) for entry in fields.each("apiFaults")),
        seed=fields.integer("seed"),
    )
    world = world_owners.owned(world, kubevirt.text("owner", choices=world_owners.OWNERS), fields)
    kubevirt.finish()
    return world


def _namespaces(fields: Fields) -> dict[str, dict[str, str]]:
    """Reads a list of namespaces, each given as a name or as a mapping with name and labels."""
    given = fields.raw("namespaces")
    entries = [{"name": e} if isinstance(e, str) else e for e in given or ()]
    found: dict[str, dict[str, str]] = {}
    for entry in Fields({"namespaces": entries}, "", fields.problems).each("namespaces"):
        name = entry.text("name")
        if not name:
            entry.problem("name", "a namespace needs a name")
        found[name] = entry.labels("labels")
        entry.finish()
    return found


def _nodes(fields: Fields) -> tuple[NodeSpec, ...]:
    memory = fields.memory("nodeMemory") or DEFAULT_NODE_MEMORY
    given = fields.raw("nodes")
    if isinstance(given, list):
        return tuple(_node(entry, memory) for entry in fields.each("nodes"))
    count = fields.integer("nodes", DEFAULT_NODES)
    return tuple(NodeSpec(name=f"node{n:02d}", memory=memory) for n in range(1, count + 1))


def _node(entry: Fields, memory: int) -> NodeSpec:
    node = NodeSpec(
        name=entry.text("name"),
        memory=entry.memory("memory") or memory,
        hugepages=_hugepages(entry),
        schedulable=entry.boolean("schedulable", default=True),
        cpu_vendor=entry.text("cpuVendor") or DEFAULT_CPU_VENDOR,
        labels=entry.mapping("labels"),
        taints=entry.texts("taints"),
        cpus=entry.integer("cpus", DEFAULT_CPUS),
        devices=entry.labels("devices"),
        pods=entry.integer("pods", DEFAULT_PODS),
        cordoned=entry.boolean("cordoned"),
        ready=entry.boolean("ready", default=True),
    )
    for taint in node.taints:
        if not _TAINT.fullmatch(taint):
            entry.problem("taints", f"{taint!r} is not key=value:effect or key:effect")
    entry.finish()
    return node


def _hugepages(entry: Fields) -> dict[str, int]:
    """Reads the huge pages of a node: the total size of 2Mi pages, or a size per page size."""
    if not isinstance(entry.raw("hugepages"), dict):
        usual = entry.memory("hugepages")
        return {PAGE_SIZES[0]: usual} if usual else {}
    by_size = entry.nested("hugepages")
    found = {page: by_size.memory(page) or 0 for page in PAGE_SIZES}
    by_size.finish()
    return found


def _migration(entry: Fields) -> MigrationSpec:
    vmi = entry.text("vmi")
    made = MigrationSpec(
        path=entry.path,
        name=entry.text("name", f"migrate-{vmi}"),
        namespace=entry.text("namespace", "default"),
        vmi=vmi,
    )
    entry.finish()
    return made


def _entry(entry: Fields) -> TimelineEntry:
    faults: dict[tuple[str, str], VMFaults] = {}
    at_s = entry.seconds("at")
    when = entry.nested("when")
    vm, phase = when.text("vm"), when.text("phase", choices=("", *PHASES))
    migrating = (when.text("namespace", "default"), vm)
    when.finish()
    if bool(vm) is not bool(phase):
        entry.problem(
            "when", "set both fields: vm (the VM that migrates) and phase (the migration phase)"
        )
    if at_s is None and not phase:
        entry.problem("at", "the time of this entry is missing; set a duration such as 30s")
    for change in entry.each("faults"):
        key = (change.text("namespace", "default"), change.text("name"))
        faults[key] = read_faults(
            Fields(
                {k: v for k, v in change.values.items() if k not in {"namespace", "name"}},
                change.path,
                change.problems,
            )
        )
    made = TimelineEntry(
        at_s=at_s or 0.0,
        migrating=migrating,
        phase=phase,
        request=entry.mapping("request"),
        faults=faults,
    )
    entry.finish()
    return made
