"""Adds rarer features to random simulated clusters, such as old versions and instancetypes.

These features use their own random streams, so that a seed still produces its original case, in
some cases with one more feature.
"""

from __future__ import annotations

import yaml

MIB, GIB = 2**20, 2**30
GATE = "VMLiveUpdateFeatures"

OLD = ("v1.1.1", "v1.2.0", "v1.2.2", "v1.4.1")
SWITCHED = ("v1.1.1",)
"""The KubeVirt versions in which each VM must enable live updates in its own spec."""
STRICT = ("v1.1.1", "v1.2.0", "v1.2.2")
"""The KubeVirt versions that deny a VM with maxGuest if it has hugepages or dedicated CPUs."""
UNLIMITED = ("v1.1.1", "v1.2.0")
"""The KubeVirt versions that deny a VM with maxGuest if it has a memory limit."""
GATED = (*OLD, "v1.3.1")
EVICTIONS = ("LiveMigrate", "LiveMigrateIfPossible", "External", "None")
KINDS = {
    "plain": {},
    "wide": {"cpu": 8},
    "lean": {"overcommitPercent": 25},
    "roomy": {"maxGuest": "16Gi"},
}
"""The kinds of instancetypes in random cases, with their fields except the memory size."""


def type_of(name):
    """Return the instancetype with a name such as ``plain-2048``: its kind and its size in MiB."""
    kind, _, size = name.partition("-")
    return {"name": name, "namespace": "default", "guest": f"{size}Mi", **KINDS[kind]}


def guest_of(vm):
    """Return the memory size in the spec of a simulated VM, in bytes."""
    if "instancetype" in vm:
        return int(vm["instancetype"].partition("-")[2]) * MIB
    return int(vm["guest"])


def extended(rng, control, vm):
    """Add a rare feature to some VMs, and omit fields that the KubeVirt version denies."""
    if control.version in SWITCHED:
        vm = _switched(rng, control, vm)
    vm = _allowed(control, vm)
    extra = rng.choice([None] * 12 + [_typed, _paged, _pinned, _armed, _evictable, _limited])
    return extra(rng, control, vm) if extra else vm


def _switched(rng, control, vm):
    """Return a VM for KubeVirt v1.1, with live updates configured in its own spec."""
    vm = {key: value for key, value in vm.items() if key != "bootedUnder"}
    own = vm.pop("maxGuest", None)
    asks = control.gated and (vm.get("hotplugged") or rng.choice([True] * 4 + [False]))
    if asks:
        vm["liveUpdateFeatures"] = {"memory": {"maxGuest": own} if own else {}}
    elif vm.pop("hotplugged", None):
        vm["guest"] = vm.pop("bootedWith")
    return vm


def _own_max(vm):
    return "maxGuest" in vm or "maxGuest" in vm.get("liveUpdateFeatures", {}).get("memory", {})


def _allowed(control, vm):
    """Return the VM without memory limits that its version denies or that block hotplug."""
    resources = vm.get("domain", {}).get("resources", {})
    plugged = vm.get("hotplugged")
    denied = control.version in UNLIMITED and (_own_max(vm) or plugged)
    requests = int(resources.get("requests", {}).get("memory", 0))
    overcommitted = plugged and requests < int(vm["bootedWith"])
    if not denied and not overcommitted:
        return vm
    left = {key: value for key, value in resources.items() if key != "limits"}
    return vm | ({"domain": {"resources": left}} if left else {})


def _typed(rng, control, vm):
    if "liveUpdateFeatures" in vm:
        return vm
    size = int(vm.get("bootedWith", vm["guest"])) // MIB
    dropped = {"guest", "maxGuest", "domain", "bootedWith", "hotplugged"}
    left = {key: value for key, value in vm.items() if key not in dropped}
    kinds = ["plain"] * 3 + ["lean"] + (["roomy"] if control.version not in STRICT else [])
    return left | {"instancetype": f"{rng.choice(kinds)}-{size}"}


def _paged(rng, control, vm):
    page, size = rng.choice([("2Mi", 2 * MIB), ("1Gi", GIB)])
    sizes = [int(vm[key]) for key in ("guest", "bootedWith", "maxGuest") if key in vm]
    if "domain" in vm or _forbidden(control, vm) or any(each % size for each in sizes):
        return vm
    return vm | {"domain": {"memory": {"hugepages": {"pageSize": page}}}}


def _pinned(_rng, control, vm):
    if "domain" in vm or _forbidden(control, vm):
        return vm
    return vm | {"domain": {"cpu": {"cores": 1, "dedicatedCpuPlacement": True}}}


def _forbidden(control, vm):
    return control.version in STRICT and (_own_max(vm) or vm.get("hotplugged"))


def _armed(_rng, _control, vm):
    """Return the VM with the architecture arm64, unless its memory was hotplugged."""
    if _own_max(vm) or "hotplugged" in vm:
        return vm
    return vm | {"architecture": "arm64"}


def _evictable(rng, _control, vm):
    return vm | {"evictionStrategy": rng.choice(EVICTIONS)}


def _limited(rng, control, vm):
    """Return the VM with a memory limit of at least its guest size, and without requests."""
    if "domain" in vm or "hotplugged" in vm:
        return vm
    if control.version in UNLIMITED and _own_max(vm):
        return vm
    most = max(int(vm["guest"]), int(vm.get("bootedWith", 0)))
    limit = most + rng.choice([0, 512 * MIB, 2 * GIB])
    return vm | {"domain": {"resources": {"limits": {"memory": str(limit)}}}}


def wanted_type(rng, vm):
    """Return the instancetype in Git: usually of the same kind with a different memory size."""
    kind, _, size = vm["instancetype"].partition("-")
    grown = int(size) + rng.choice([1024, 1024, 512, 0, -512, 16 * 1024])
    return f"{rng.choice([kind] * 5 + list(KINDS))}-{grown}"


def type_yaml(name, instancetype):
    """Return a VM manifest that sets only the instancetype."""
    manifest = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"instancetype": {"name": instancetype}},
    }
    return f"---\n{yaml.safe_dump(manifest)}"


def pages_of(rng, vms):
    """Return the number of huge pages per node: enough for all VMs, some VMs or no other VM."""
    found = {}
    for vm in vms:
        page = vm.get("domain", {}).get("memory", {}).get("hugepages", {}).get("pageSize")
        if page:
            found[page] = found.get(page, 0) + max(guest_of(vm), int(vm.get("bootedWith", 0)))
    spare = rng.choice([16 * GIB, 4 * GIB, GIB, 0])
    return {page: str(n_bytes + spare) for page, n_bytes in found.items()}
