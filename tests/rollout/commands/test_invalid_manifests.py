"""An invalid manifest blocks only its own object; an invalid configuration blocks all objects."""

from __future__ import annotations

import pytest
from support.simulated import vm_yaml

VMS = [{"name": name, "namespace": "default", "guest": "1Gi"} for name in ("good", "bad")]
GOOD = {"good.yaml": vm_yaml("default", "good", "2Gi")}
CR = """\
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec: {configuration: {developerConfiguration: {featureGates: [ExpandDisks]}, %s}}
"""
INVALID = {
    "VM": {"bad.yaml": vm_yaml("default", "bad", "2GB")},
    "duplicate VM": {
        "a.yaml": vm_yaml("default", "bad", "2Gi") + vm_yaml("default", "bad", "3Gi")
    },
    "VM without a namespace": {
        "bad.yaml": vm_yaml("default", "bad", "2Gi").replace(", namespace: default", "")
    },
    "unreadable document": {"bad.yaml": "kind: VirtualMachine\nmetadata: [\n"},
    "unknown kind": {"bad.yaml": vm_yaml("default", "bad", "2Gi").replace("Machine", "Machin")},
    "KubeVirt": {"cr.yaml": CR % "vmRolloutStrategy: Sometimes"},
    "two KubeVirt CRs": {
        "cr.yaml": CR % "",
        "cr2.yaml": (CR % "").replace("name: kubevirt,", "name: another,"),
    },
}


@pytest.mark.parametrize("files", INVALID.values(), ids=INVALID.keys())
def test_invalid_manifest_does_not_stop_changes_to_other_objects(files, serve, git, command):
    git.commit({**GOOD, **files})
    cluster = serve("hotplug", vms=VMS)
    plan = command("plan", "--repo", git, "-o", "json", on=cluster)
    effects = {each["name"]: (each["effect"], each["reason"]) for each in plan.json["objects"]}
    assert (plan.code, effects.pop("good")) == (3, ("live", "hotplug"))
    status = command("status", "--repo", git, on=cluster)
    assert (status.code, "error[" in status.err) == (3, True)
    assert set(effects.values()) <= {("blocked", "invalid-manifest")}
    ended = command("reconcile", "--repo", git, "-o", "json", on=cluster)
    results = {each["name"]: each["result"] for each in ended.json["outcomes"]}
    assert (ended.code, results.pop("good")) == (3, "done")
    assert set(results.values()) <= {"held"}
    written = [path for _, path in cluster.writes() if "kubevirt.io" in path]
    assert {path.rpartition("/")[2] for path in written} == {"good"}


def test_invalid_configuration_stops_the_run_before_any_write(serve, git, command):
    git.commit({**GOOD, ".reconciler.yaml": "apiVersion: reconciler/v1alpha1\nkind: Confg\n"})
    cluster = serve("hotplug", vms=VMS)
    for name in ("plan", "reconcile"):
        ended = command(name, "--repo", git, on=cluster)
        assert (ended.code, ended.out) == (3, "")
        assert "nothing was planned" in ended.err
    assert cluster.writes() == []
