"""Checks examples/interop: the health checks and the ignore rules run on simulated objects."""

from __future__ import annotations

from functools import cache
from itertools import product

import cel
import lupa
import pytest
from ruamel.yaml import YAML
from support.served import EXAMPLES
from support.simulated import rig, simulator, vm_yaml

from reconciler.cluster.api.client import FIELD_MANAGER
from reconciler.model.fields import (
    FIELD_BY_PATH,
    GUEST_MEMORY,
    INSTANCETYPE_NAME,
    INSTANCETYPE_REVISION,
)
from reconciler.model.references import pointer
from reconciler.plan.behaviour.reverting_tools import (
    MARKING_TOOLS,
    OUR_MANAGER,
    REVERTING_MANAGERS,
)
from reconciler.plan.kubevirt.owners.harvester import VALUE
from reconciler.plan.kubevirt.owners.hyperconverged_annotation import ANNOTATION_PATH
from reconciler.plan.kubevirt.owners.hyperconverged_fields import HOMES
from reconciler.simulator.store import structural_schema

INTEROP = EXAMPLES / "interop"
VMS, VMIS = "virtualmachines.kubevirt.io", "virtualmachineinstances.kubevirt.io"
OWN_FIELDS = {"managedFieldsManagers": [FIELD_MANAGER]}
OURS = [pointer(each) for each in (GUEST_MEMORY, INSTANCETYPE_NAME, INSTANCETYPE_REVISION)]


def load(name):
    (found,) = YAML(typ="safe").load_all(INTEROP / name)
    return found


@cache
def objects(world, kind, at_s=15.0):
    """Return the objects of a kind in a simulated cluster, *at_s* seconds after its start."""
    sim = simulator(world)
    sim.engine.run_until(at_s)
    return {each["metadata"]["name"]: each for each in sim.store.list(kind)}


def argo(kind, obj):
    """Run the Argo CD health check, a Lua script that gets the object as ``obj``."""
    data = load("argocd-cm.yaml")["data"]
    script = data[f"resource.customizations.health.kubevirt.io_{kind}"]
    lua = lupa.LuaRuntime()
    lua.globals()["obj"] = lua.table_from(obj, recursive=True) if obj else lua.table()
    return dict(lua.execute(script))


def flux(obj):
    """Return the name of the first true CEL expression, in the order that Flux evaluates."""
    (checks,) = load("flux-kustomization.yaml")["spec"]["healthCheckExprs"]
    found = {name: cel.evaluate(checks[name], obj) for name in ("inProgress", "failed", "current")}
    return next((name for name, value in found.items() if value), "")


@pytest.mark.parametrize(
    ("world", "vm", "argo_status", "flux_status"),
    [
        ("hotplug", "vm", "Healthy", "current"),
        ("halted", "vm", "Healthy", "current"),
        ("restart-pending", "vm", "Suspended", "inProgress"),
        ("paused", "vm", "Suspended", "current"),
        ("in-flight", "vm", "Progressing", "inProgress"),
    ],
)
def test_argo_cd_and_flux_health_of_a_vm_reflects_its_memory_change(
    world, vm, argo_status, flux_status
):
    found = objects(world, VMS)[vm]
    assert argo("VirtualMachine", found)["status"] == argo_status
    assert flux(found) == flux_status


def condition(kind, status="True"):
    return {"type": kind, "status": status, "message": "why"}


@pytest.mark.parametrize(
    ("status", "argo_status", "flux_status"),
    [
        ({}, "Progressing", "inProgress"),
        ({"printableStatus": "Starting"}, "Progressing", "inProgress"),
        (
            {"printableStatus": "Running", "conditions": [condition("Failure")]},
            "Degraded",
            "failed",
        ),
        ({"printableStatus": "ErrorUnschedulable"}, "Degraded", ""),
        (
            {"printableStatus": "Running", "conditions": [condition("Ready", "False")]},
            "Progressing",
            "",
        ),
    ],
)
def test_argo_cd_and_flux_health_of_a_vm_reflects_its_status(status, argo_status, flux_status):
    found = {"status": status}
    assert argo("VirtualMachine", found)["status"] == argo_status
    assert flux(found) == flux_status


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Running"}, "Healthy"),
        ({"phase": "Running", "conditions": [condition("HotMemoryChange")]}, "Progressing"),
        ({"phase": "Running", "conditions": [condition("HotMemoryChange", "False")]}, "Degraded"),
        ({"phase": "Failed"}, "Degraded"),
        ({}, "Progressing"),
    ],
)
def test_argo_cd_health_of_a_vmi_reflects_a_memory_change(status, expected):
    assert argo("VirtualMachineInstance", {"status": status})["status"] == expected


def test_argo_cd_ignores_fields_whose_field_manager_is_the_reconciler():
    data = load("argocd-cm.yaml")["data"]
    rules = {key: YAML(typ="safe").load(text) for key, text in data.items() if "ignore" in key}
    assert {key.rpartition(".")[2].rpartition("_")[2] for key in rules} == {
        "VirtualMachine",
        "KubeVirt",
        "HyperConverged",
        "Setting",
    }
    assert all(each == OWN_FIELDS for each in rules.values())


def ignored(name):
    spec = load(name)["spec"]
    if name.startswith("argocd"):
        return spec["ignoreDifferences"][0]["jsonPointers"]
    return (spec.get("ignore") or spec["driftDetection"]["ignore"])[0]["paths"]


@pytest.mark.parametrize(
    "name", ["argocd-application.yaml", "flux-kustomization.yaml", "flux-helmrelease.yaml"]
)
def test_argo_cd_and_flux_ignore_exactly_the_vm_fields_that_the_reconciler_writes(name):
    assert ignored(name) == OURS
    schema = structural_schema.of(VMS)
    for each in OURS:
        node = schema
        for key in each.strip("/").split("/"):
            node = structural_schema.child(node, key)
        assert node, each


WRITTEN = {
    "VirtualMachine": (GUEST_MEMORY, INSTANCETYPE_NAME),
    "KubeVirt": tuple(FIELD_BY_PATH),
    "HyperConverged": (*(each.path for each in HOMES["v1"].values()), ANNOTATION_PATH),
    "Setting": (VALUE,),
}
"""The fields that a warning about another tool can name, by kind."""


def covered(name):
    """Yield each kind and field that a rule in an interop example covers."""
    document = load(name)
    spec = document.get("spec", {})
    for key, text in document.get("data", {}).items():
        if "ignoreDifferences" in key and YAML(typ="safe").load(text) == OWN_FIELDS:
            yield key.rpartition("_")[2], ""
    for rule in spec.get("ignoreDifferences", ()):
        for path in rule["jsonPointers"]:
            yield rule["kind"], path
    for rule in spec.get("ignore") or spec.get("driftDetection", {}).get("ignore", ()):
        for path in rule["paths"]:
            yield rule["target"]["kind"], path
    for rule in document.get("rebaseRules", ()):
        for each in rule["resourceMatchers"]:
            (matcher,) = each.values()
            yield matcher["kind"], pointer(tuple(rule["path"]))


@pytest.mark.parametrize(
    "name",
    sorted({each.rule for each in (*REVERTING_MANAGERS.values(), *MARKING_TOOLS.values())} - {""}),
)
def test_example_that_a_warning_about_other_tools_names_covers_every_written_field(name):
    rules = list(covered(name))
    for kind, fields in WRITTEN.items():
        for each in map(pointer, fields):
            covering = [path for owner, path in rules if owner == kind and _within(each, path)]
            assert covering, (kind, each)


KINDS = {
    "VirtualMachine": VMS,
    "KubeVirt": "kubevirts.kubevirt.io",
    "HyperConverged": "hyperconvergeds.v1.hco.kubevirt.io",
}
MIGRATIONS = "spec: {configuration: {migrations: {parallelMigrationsPerCluster: 7}}}"


@cache
def changed():
    """Return an object of each kind before and after the reconciler has changed it."""
    found = {}
    for world, namespace, kinds in (
        ("hotplug", "kubevirt", ("VirtualMachine", "KubeVirt")),
        ("hyperconverged", "kubevirt-hyperconverged", ("HyperConverged",)),
    ):
        run = rig(world)
        run.clock.sleep(15)
        before = {kind: run.sim.store.list(KINDS[kind])[0] for kind in kinds}
        (kubevirt,) = run.sim.store.list(KINDS["KubeVirt"])
        meta = f"metadata: {{namespace: {namespace}, name: {kubevirt['metadata']['name']}}}"
        text = f"apiVersion: kubevirt.io/v1\nkind: KubeVirt\n{meta}\n{MIGRATIONS}\n---\n"
        run.apply(text + vm_yaml("default", "vm", "2Gi"))
        found |= {kind: (before[kind], run.sim.store.list(KINDS[kind])[0]) for kind in kinds}
    return found


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    else:
        yield path, value


def owned_by_reconciler(live):
    """Yield the fields that live's managedFields list for the manager in Argo CD's rule."""
    for entry in live["metadata"]["managedFields"]:
        if entry["manager"] in OWN_FIELDS["managedFieldsManagers"]:
            for path, _ in leaves(entry["fieldsV1"]):
                yield pointer(tuple(name.removeprefix("f:") for name in path if name != "."))


def differences(name, kind, manifest, live):
    """Return the fields that differ after the rules of an example have removed some."""
    ignored = [path for owner, path in covered(name) if owner == kind]
    if "" in ignored:
        ignored = list(owned_by_reconciler(live))
    wanted, held = (dict(leaves(each["spec"], ("spec",))) for each in (manifest, live))
    return {
        pointer(path)
        for path in wanted.keys() | held.keys()
        if wanted.get(path) != held.get(path)
        and not any(_within(pointer(path), each) for each in ignored)
    }


CHANGED = {
    "VirtualMachine": "/spec/template/spec/domain/memory/guest",
    "KubeVirt": "/spec/configuration/migrations/parallelMigrationsPerCluster",
    "HyperConverged": "/spec/virtualization/liveMigrationConfig/parallelMigrationsPerCluster",
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("argocd-application.yaml", "VirtualMachine"),
        *product(
            (
                "argocd-cm.yaml",
                "flux-kustomization.yaml",
                "flux-helmrelease.yaml",
                "kapp-config.yaml",
            ),
            CHANGED,
        ),
    ],
)
def test_ignore_rules_hide_only_what_the_reconciler_has_changed_in_a_simulated_object(name, kind):
    manifest, live = changed()[kind]
    assert differences("flux-kustomization-older.yaml", kind, manifest, live) == {CHANGED[kind]}
    assert differences(name, kind, manifest, live) == set()
    other = {**manifest, "spec": {**manifest["spec"], "other": "value"}}
    assert differences(name, kind, other, live) == {"/spec/other"}


def _within(field, path):
    return f"{field}/".startswith(f"{path}/")


def test_kapp_keeps_the_fields_that_the_reconciler_writes():
    rules = load("kapp-config.yaml")["rebaseRules"]
    assert all(each["sources"] == ["existing", "new"] for each in rules)


def test_warnings_about_other_tools_know_the_field_manager_of_the_reconciler():
    assert OUR_MANAGER == FIELD_MANAGER
