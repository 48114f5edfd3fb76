"""Builds random but possible simulated clusters, and the manifests in Git for them.

One case is excluded, because a rollout cannot prevent it: if workloadUpdateMethods has only
Evict, KubeVirt kills a VM whose resize is already in progress.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import yaml
from hypothesis import strategies as st
from support.random_worlds.random_vm_fields import (
    EVICTIONS,
    GATE,
    GATED,
    OLD,
    SWITCHED,
    extended,
    guest_of,
    pages_of,
    type_of,
    type_yaml,
    wanted_type,
)
from support.simulated import vm_yaml

VERSIONS = ("v1.3.1", "v1.5.3", "v1.6.3", "v1.7.1", "v1.8.0", "v1.9.0", "v1.9.0")
STAGE_BY_DEFAULT = (*OLD, "v1.3.1", "v1.5.3")
MIB, GIB = 2**20, 2**30
LASTING = ("always", 3, 5)
"""How many times a fault must occur before a rollout with three attempts fails."""
OVERHEAD = GIB // 2
"""An upper bound of a launcher pod's memory overhead beyond the guest's memory."""

GENTLE = (
    {"bandwidthPerMigration": "128Mi"},
    {"bandwidthPerMigration": "2Gi", "completionTimeoutPerGiB": 300},
    {"allowPostCopy": True},
    {},
)
"""Migration policies that slow migrations down but let them succeed."""

BOOTS = (GIB, 2 * GIB, 3 * GIB, 4 * GIB, GIB + 512 * MIB)
RARELY = (False,) * 11 + (True,)
OFTEN = (False,) * 3 + (True,)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A random simulated cluster, and the manifests in Git for it."""

    world: dict
    desired: str
    begins_s: float
    """When the plan is made, in seconds after the simulation started."""
    max_concurrent: int | None

    @property
    def vms(self):
        return {vm["name"]: vm for vm in self.world["vms"]}

    def __repr__(self):
        """Return all data needed to reproduce this random case."""
        choices = f"begins_s={self.begins_s} max_concurrent={self.max_concurrent}"
        return f"{choices}\n{yaml.safe_dump(self.world)}{self.desired}"


@dataclass(frozen=True, kw_only=True)
class Control:
    """The KubeVirt CR of a random case, and the changes to it that Git contains."""

    version: str
    spec: dict
    wanted: dict

    @property
    def live(self):
        """Return whether a VM that starts with this KubeVirt CR can be hotplugged later."""
        configuration = self.spec["configuration"]
        if self.version in SWITCHED:
            return self.gated
        default = "Stage" if self.version in STAGE_BY_DEFAULT else "LiveUpdate"
        return self.gated and configuration.get("vmRolloutStrategy", default) == "LiveUpdate"

    @property
    def gated(self):
        gates = (
            self.spec["configuration"].get("developerConfiguration", {}).get("featureGates", ())
        )
        return self.version not in GATED or GATE in gates

    @property
    def cluster_max(self):
        found = self.spec["configuration"].get("liveUpdateConfiguration", {}).get("maxGuest")
        return int(found.removesuffix("Gi")) * GIB if found else None

    @property
    def kills(self):
        return self.spec.get("workloadUpdateStrategy", {}).get("workloadUpdateMethods") == [
            "Evict"
        ]


def control_of(rng, more):
    """Return the KubeVirt CR of a random case, and the changes to it that Git contains.

    Args:
        rng: The random stream for the original choices.
        more: The random stream for choices that were added later.
    """
    version = rng.choice(VERSIONS)
    if more.choice(OFTEN):
        version = more.choice(OLD)
    configuration, wanted = {}, {}
    strategy = rng.choice(["LiveUpdate"] * 20 + ["Stage", None])
    if strategy and version not in SWITCHED:
        configuration["vmRolloutStrategy"] = strategy
    gates = rng.choice([[GATE], [GATE, "Snapshot"]] * 4 + [["Snapshot"], None])
    if gates:
        configuration["developerConfiguration"] = {"featureGates": gates}
    if rng.choice(RARELY):
        configuration["liveUpdateConfiguration"] = {"maxGuest": rng.choice(["2Gi", "6Gi"])}
    if rng.choice(RARELY):
        parallel = rng.choice([1, 2, 3])
        configuration["migrations"] = {"parallelMigrationsPerCluster": parallel}
    methods = rng.choice([["LiveMigrate"], ["LiveMigrate", "Evict"]] * 10 + [["Evict"], [], None])
    spec = {"configuration": configuration}
    if more.choice(RARELY):
        configuration["evictionStrategy"] = more.choice(EVICTIONS)
    if methods is not None:
        spec["workloadUpdateStrategy"] = {"workloadUpdateMethods": methods}
    if rng.choice([False, False, True]):
        wanted = _wanted(version, gates)
    return Control(version=version, spec=spec, wanted=wanted)


def _wanted(version, gates):
    """Return KubeVirt CR settings for Git that allow live changes."""
    configuration = {} if version in SWITCHED else {"vmRolloutStrategy": "LiveUpdate"}
    if version in GATED:
        named = list(dict.fromkeys([*(gates or ()), GATE]))
        configuration["developerConfiguration"] = {"featureGates": named}
    return {
        "configuration": configuration,
        "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
    }


def fault_of(rng):
    times = rng.choice([1, 2, *LASTING])
    found = [{"migrationFails": times}, {"plugRefused": 1}, {"targetUnschedulable": times}]
    return rng.choice([*[{}] * 6, *found, {"guestSilent": True}, {"guestKeeps": str(GIB)}])


def vm_of(rng, control, name):
    booted = rng.choice(BOOTS)
    vm = {"name": name, "guest": str(booted)}
    stage = rng.choice(RARELY)
    roomy = control.gated if rng.choice(RARELY) and not stage else control.live and not stage
    most = rng.choice([None] * 9 + [booted, booted + GIB, 2 * booted])
    if most:
        vm["maxGuest"] = str(most)
    if rng.choice(OFTEN):
        vm["domain"] = {"resources": _resources(rng, booted)}
    if rng.choice(RARELY):
        return vm | {"running": False}
    if roomy and not control.live:
        vm["bootedUnder"] = "LiveUpdate"
    elif stage:
        vm["bootedUnder"] = "Stage"
    if not rng.choice([True] * 14 + [False]):
        vm["migratable"] = False
    if rng.choice(RARELY):
        vm["annotations"] = {"memory.reconciler.dev/suspend": "true"}
    vm |= _edited(rng, control, vm, booted, roomy=roomy and vm.get("migratable", True))
    if found := fault_of(rng):
        vm["faults"] = found
    return vm


def _resources(rng, booted):
    """Return memory requests and, in some cases, a limit of at least the guest size."""
    requests = rng.choice([booted, booted, booted, booted - 256 * MIB])
    found = {"requests": {"memory": str(requests)}}
    limit = rng.choice([None, booted, booted + 256 * MIB, booted + 2 * GIB])
    return found | ({"limits": {"memory": str(limit)}} if limit else {})


def _edited(rng, control, vm, booted, *, roomy):
    """Return the VM's edits since its start: none, an earlier hotplug, or a new size."""
    limit = min(int(vm.get("maxGuest", 4 * booted)), control.cluster_max or 4 * booted)
    what = rng.choice(["nothing"] * 5 + ["plugged", "written"])
    if what == "plugged" and roomy and booted + GIB <= limit:
        return {"guest": str(booted + GIB), "bootedWith": str(booted), "hotplugged": True}
    if what == "written" and not control.kills:
        size = booted + rng.choice([GIB, 512 * MIB, MIB])
        if "maxGuest" not in vm or (size <= int(vm["maxGuest"]) and size % (2 * MIB) == 0):
            return {"guest": str(size), "bootedWith": str(booted)}
    return {}


def size_for(rng, vm):
    """Return the memory size in Git, in any notation: above, below or equal to the VM's size."""
    has = int(vm["guest"])
    own = vm.get("maxGuest") or vm.get("liveUpdateFeatures", {}).get("memory", {}).get("maxGuest")
    most = int(own or 4 * has)
    good = [size for size in (has + GIB, has + 512 * MIB, has + 2 * MIB) if size <= most]
    if good and rng.choice([True] * 4 + [False]):
        return rng.choice(_spellings(rng.choice(good)))
    rare = [has, int(vm.get("bootedWith", has)), has // 2, most, most + GIB, has + MIB]
    more = [GIB, 2 * GIB, 512 * MIB, 2 * MIB, GIB + 4096, -512 * MIB]
    size = rng.choice([*(has + each for each in more), *rare])
    return rng.choice(_spellings(size))


def _spellings(size):
    found = [str(size), f"{size}000m"]
    found += [f"{size // MIB}Mi"] if size % MIB == 0 else []
    return found + ([f"{size // GIB}Gi"] if size % GIB == 0 else [])


def case_of(context, each):
    """Build a random case from one seed for everything that VMs share and one seed per VM."""
    rng, own = Random(context), [Random(seed) for seed in each]
    more, extra = Random(f"more {context}"), [Random(f"more {seed}") for seed in each]
    control = control_of(rng, more)
    usual = [vm_of(vm_rng, control, f"vm-{n}") for n, vm_rng in enumerate(own)]
    found = [extended(*each) for each in zip(extra, [control] * len(usual), usual, strict=True)]
    load = [max(guest_of(vm), int(vm.get("bootedWith", 0)), limit_of(vm)) for vm in found]
    load = [size + OVERHEAD for size in load]
    count = rng.choice([3, 2, 4] * 6 + [1])
    spare = rng.choice([64 * GIB, 64 * GIB, 4 * GIB, 4 * GIB, GIB, 0])
    world = {
        "apiVersion": "simulator/v1alpha1",
        "kind": "World",
        "kubevirt": {"version": control.version, "spec": control.spec},
        "nodes": [node | _pages(more, found) for node in _nodes(rng, count)],
        "nodeMemory": str(sum(load) // count + max(load) + spare),
        "bandwidth": rng.choice(["256Mi", "1Gi"]),
        "vms": found,
    }
    if rng.choice(RARELY):
        hard = sum(load) + rng.choice([0, 2 * GIB, 6 * GIB])
        world["quotas"] = [{"name": "quota", "hard": {"requests.memory": str(hard)}}]
    movable = [vm["name"] for vm in found if vm.get("migratable", True) and "running" not in vm]
    if movable and rng.choice(RARELY):
        world["migrations"] = [{"vmi": rng.choice(movable)}]
    kinds = {
        vm["name"]: wanted_type(vm_rng, vm)
        for vm_rng, vm in zip(extra, found, strict=True)
        if "instancetype" in vm
    }
    if kinds:
        named = {*kinds.values(), *(vm["instancetype"] for vm in found if "instancetype" in vm)}
        world["instancetypes"] = [type_of(name) for name in sorted(named)]
    desired = [
        type_yaml(vm["name"], kinds[vm["name"]])
        if vm["name"] in kinds
        else vm_yaml("default", vm["name"], f'"{size_for(vm_rng, vm)}"')
        for vm_rng, vm in zip(own, found, strict=True)
    ]
    if control.wanted:
        desired.append(_kubevirt_yaml(control.wanted))
    concurrent = rng.choice([None, None, 1, 2])
    begins_s = rng.choice([15.0, 8.0, 4.0, 2.0])
    if rng.choice(RARELY):
        world |= _policies(rng, own, found)
    if control.version == "v1.9.0":
        _back_up(own, found)
    return Case(
        world=world, desired="".join(desired), begins_s=begins_s, max_concurrent=concurrent
    )


def limit_of(vm):
    """Return the memory limit of a VM, which defaults to the request of its pod."""
    return int(vm.get("domain", {}).get("resources", {}).get("limits", {}).get("memory", 0))


def _pages(rng, vms):
    found = pages_of(rng, vms)
    return {"hugepages": found} if found else {}


def _back_up(own, vms):
    """Start backups of running VMs, some of which last longer than a rollout."""
    for rng, vm in zip(own, vms, strict=True):
        if rng.choice(RARELY) and vm.get("running", True):
            ends = rng.choice([{"ends": "20s"}, {"ends": "4m"}, {}])
            vm["backup"] = {"name": "nightly", **ends}


def _policies(rng, own, vms):
    """Return migration policies for some or all VMs; they never make a migration fail."""
    for vm_rng, vm in zip(own, vms, strict=True):
        if vm_rng.choice([True, False]):
            vm["vmiLabels"] = {"role": "database"}
    made = [
        {
            "apiVersion": "migrations.kubevirt.io/v1alpha1",
            "kind": "MigrationPolicy",
            "metadata": {"name": name},
            "spec": {"selectors": selectors, **rng.choice(GENTLE)},
        }
        for name, selectors in (
            ("databases", {"virtualMachineInstanceSelector": {"role": "database"}}),
            ("production", {"namespaceSelector": {"stage": "production"}}),
        )
    ]
    namespaces = [{"name": "default", "labels": {"stage": "production"}}]
    return {"namespaces": namespaces, "objects": rng.choice([made, made[:1], made[1:]])}


def _nodes(rng, count):
    """Return *count* nodes, which sometimes have different CPU vendors."""
    vendors = rng.choice([("Intel",)] * 4 + [("Intel", "AMD"), ("AMD", "AMD", "Intel")])
    return [
        {"name": f"node{n + 1:02d}", "cpuVendor": vendors[n % len(vendors)]} for n in range(count)
    ]


def _kubevirt_yaml(spec):
    manifest = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": spec,
    }
    return f"---\n{yaml.safe_dump(manifest)}"


SEEDS = st.integers(0, 2**32)
"""Seeds for random cases, because Hypothesis shrinks numbers better than nested choices."""
CASES = st.builds(case_of, SEEDS, st.lists(SEEDS, min_size=1, max_size=6, unique=True))
