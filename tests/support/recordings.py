"""Reads planner.yaml: recorded cluster objects, and the facts observed after each change."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from support.builders import make_desired, make_live, plan_of, q
from support.observed.observed_changes import effects_as_it_stands, effects_of_change

from reconciler.cluster.decode import instancetypes, kubevirt_cr, workloads
from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.live.live_state import LiveNode
from reconciler.model.references import vm_ref

TABLE = yaml.load(
    (Path(__file__).parents[1] / "conformance" / "planner.yaml").read_text(encoding="utf-8"),
    Loader=yaml.CSafeLoader,
)
VM = {"name": "vm", "namespace": "default", "uid": "uid-vm", "generation": 1}
NODES = tuple(LiveNode(name=name, schedulable=True) for name in ("node01", "node02"))


def page(*manifests):
    return json.dumps({"items": manifests}).encode()


def named(manifest, **metadata):
    return {**manifest, "metadata": {**VM, **manifest.get("metadata", {}), **metadata}}


def live_state(version, row):
    """Decode recorded cluster objects with the product's decoder."""
    status = {
        "phase": "Deployed",
        "observedKubeVirtVersion": version,
        "targetKubeVirtVersion": version,
        "observedGeneration": 1,
    }
    cr = named({"spec": TABLE["kubevirts"][row["kubevirt"]], "status": status}, name="kubevirt")
    kubevirt, findings = kubevirt_cr.kubevirt(json.dumps(cr).encode())
    vms = workloads.VMS.page(page(named(row["vm"])))
    vmis = workloads.VMIS.page(page(*(named(row[key]) for key in ("vmi",) if key in row)))
    migrations = workloads.MIGRATIONS.page(
        page(
            *(
                named(each, name=f"m{n}", uid=f"m{n}") | {"spec": {"vmiName": "vm"}}
                for n, each in enumerate(row.get("migrations", ()), start=1)
            )
        )
    )
    types = instancetypes.NAMESPACED.page(
        page(
            *(
                named({"spec": spec}, name=name, uid=f"uid-{name}")
                for name, spec in TABLE["instancetypes"].items()
            )
        )
    )
    for part in (vms, vmis, migrations, types):
        assert (*findings, *part.diagnostics) == ()
    return make_live(
        *vms.values,
        vmis=vmis.values,
        migrations=migrations.values,
        kubevirt=kubevirt,
        nodes=NODES,
        instancetypes={each.ref: each for each in types.values},
        instancetype_kinds=frozenset({instancetypes.NAMESPACED.name}),
    )


def predicted(version, row):
    wants = {**row["wants"]}
    guest = q(wants.pop("guest")) if "guest" in wants else None
    desired = DesiredVM(ref=vm_ref(VM["namespace"], VM["name"]), guest=guest, **wants)
    (decision,) = plan_of(make_desired(desired), live_state(version, row)).decisions
    return decision


def true_effects(row):
    """Return the planned effects that the observed facts alone prove correct."""
    wants = row["wants"].get("guest")
    if wants is None:
        wants = TABLE["instancetypes"][row["wants"]["instancetype"]]["memory"]["guest"]
    if row["at"] == "the end":
        return effects_as_it_stands(row["happened"], wants=wants)
    domain = row["vm"]["spec"]["template"]["spec"].get("domain", {})
    return effects_of_change(
        row["happened"], wants=wants, had=domain.get("memory", {}).get("guest")
    )


def waited_before(row):
    """Return whether the VM had the condition RestartRequired before the size request."""
    conditions = row["vm"]["status"].get("conditions", ())
    return any(each["type"] == "RestartRequired" for each in conditions)
