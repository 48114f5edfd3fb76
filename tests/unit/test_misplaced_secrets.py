"""Error messages do not quote a misplaced secret, except in fields for names or choices."""

from __future__ import annotations

import json

import pytest
from support.builders import ALWAYS, make_desired, make_live, make_vm, make_vmi, plan_of, want

from reconciler.cluster.read import snapshot_file
from reconciler.errors import ClusterError, SourceError
from reconciler.model import fields
from reconciler.model.fields import NameSet
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import vm_ref
from reconciler.report.json_documents import plan_json
from reconciler.source.config_file import parse_config
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.manifests.manifest_reader import read_manifests
from reconciler.source.plan_file import read_approval

SECRET = "hunter 2"
LONG = SECRET * 400
MOST = 400
"""A length in characters that no message exceeds without the value that it quotes."""

VM = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {
        "name": "pg-0",
        "namespace": "db",
        "labels": {"tier": "db"},
        "annotations": {
            "memory.reconciler.dev/priority": "1",
            "memory.reconciler.dev/restart": "never",
            "memory.reconciler.dev/suspend": "true",
        },
    },
    "spec": {
        "runStrategy": "Always",
        "template": {
            "spec": {
                "domain": {
                    "memory": {
                        "guest": "2Gi",
                        "maxGuest": "8Gi",
                        "hugepages": {"pageSize": "2Mi"},
                    },
                    "devices": {},
                }
            }
        },
    },
}
SIZED_BY_RESOURCES = {
    **VM,
    "spec": {
        "template": {
            "spec": {
                "domain": {
                    "resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
                }
            }
        }
    },
}
KUBEVIRT = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "KubeVirt",
    "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
    "spec": {
        "configuration": {
            "vmRolloutStrategy": "LiveUpdate",
            "developerConfiguration": {"featureGates": ["A"]},
            "liveUpdateConfiguration": {"maxGuest": "64Gi", "maxHotplugRatio": 4},
            "migrations": {
                "parallelMigrationsPerCluster": 5,
                "bandwidthPerMigration": "64Mi",
                "allowPostCopy": False,
            },
        },
        "workloadUpdateStrategy": {
            "workloadUpdateMethods": ["LiveMigrate"],
            "batchEvictionSize": 10,
            "batchEvictionInterval": "1m",
        },
    },
}
CONFIG = {
    "apiVersion": "reconciler/v1alpha1",
    "kind": "Config",
    "mode": "observe",
    "paths": ["vms"],
    "exclude": ["vms/lab"],
    "selector": "tier in (db)",
    "create": True,
    "restart": "window",
    "windows": [
        {"kind": "allow", "cron": "0 22 * * *", "duration": "1h", "timeZone": "Europe/Berlin"}
    ],
    "rollout": {
        "maxPerNode": 1,
        "timeouts": {"guest": "300s"},
        "antiAffinity": ["app"],
        "holdWhile": ['KubeVirtDown{severity="critical"}'],
        "canary": {"selector": "tier=db", "soak": "1h"},
    },
}

NAMES = {
    "metadata.name",
    "metadata.namespace",
    "kind",
    "metadata.annotations.memory.reconciler.dev/restart",
    "metadata.annotations.memory.reconciler.dev/suspend",
    "spec.workloadUpdateStrategy.workloadUpdateMethods.0",
    "spec.configuration.vmRolloutStrategy",
    "mode",
    "restart",
    "windows.0.kind",
    "exclude.0",
    "paths.0",
    "rollout.antiAffinity.0",
}
"""The fields for names, kinds, paths and choices, whose values a message can quote."""


def places(value, path=()):
    """Yield the path of each value in *value* that is neither a mapping nor a list."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*path, key))
    else:
        yield path


def replaced(value, path, new):
    """Return a copy of *value* in which the value at *path* is *new*."""
    if not path:
        return new
    found = value.copy()
    found[path[0]] = replaced(value[path[0]], path[1:], new)
    return found


def texts(diagnostics):
    return [" ".join((each.message, each.hint, *each.context)) for each in diagnostics]


def manifest_messages(document):
    result = read_manifests("x.yaml", json.dumps(document).encode())
    found = (*result.diagnostics, *(each for one in result.objects for each in one.diagnostics))
    return texts(found)


def config_messages(document):
    return texts(
        parse_config(SourceFile(path="x.yaml"), json.dumps(document).encode()).diagnostics
    )


INPUTS = {
    "vm": (VM, manifest_messages),
    "vm with resources": (SIZED_BY_RESOURCES, manifest_messages),
    "kubevirt": (KUBEVIRT, manifest_messages),
    "config": (CONFIG, config_messages),
}
CASES = [(name, path) for name, (document, _) in INPUTS.items() for path in places(document)]


def ids(value):
    return value if isinstance(value, str) else ".".join(map(str, value))


@pytest.mark.parametrize(("name", "path"), CASES, ids=ids)
def test_error_about_a_manifest_in_git_quotes_only_shortened_names(name, path):
    document, messages = INPUTS[name]
    assert not any("hunter" in each for each in messages(document))
    place = ".".join(map(str, path))
    if place not in NAMES:
        assert [
            each for each in messages(replaced(document, path, SECRET)) if "hunter" in each
        ] == []
    for each in messages(replaced(document, path, LONG)):
        assert len(each) < MOST, each


DB = vm_ref("db", "pg-0")
DESIRED = make_desired(
    want("2Gi", DB),
    kubevirt={
        fields.FEATURE_GATES: NameSet.of(("A", "B")),
        fields.ROLLOUT_STRATEGY: "LiveUpdate",
        fields.MAX_GUEST: MemoryQuantity.parse("64Gi"),
    },
)
LIVE = make_live(make_vm(DB), vmis=(make_vmi(DB),))
PLAN = json.loads("".join(plan_json(plan_of(DESIRED, LIVE, windows=(ALWAYS,)))))
SNAPSHOT = json.loads(snapshot_file.dump(LIVE))


def plan_message(document, path):
    path.write_text(json.dumps(document))
    try:
        read_approval(path)
    except SourceError as error:
        return f"{error} {error.hint}".replace(str(path), "plan.json")
    return ""


def snapshot_message(document, _):
    try:
        snapshot_file.load(json.dumps(document).encode(), "snapshot.json")
    except ClusterError as error:
        return f"{error} {error.hint}"
    return ""


FILES = {"plan": (PLAN, plan_message), "snapshot": (SNAPSHOT, snapshot_message)}
FILE_CASES = [(name, path) for name, (document, _) in FILES.items() for path in places(document)]
CHOICES = {
    "kind",
    "op",
    "verb",
    "effect",
    "severity",
    "wave",
    "mark",
    "name",
    "namespace",
    "phase",
}
"""The last keys of fields for names and choices in plans and snapshot files."""


@pytest.mark.parametrize(("name", "path"), FILE_CASES, ids=ids)
def test_error_about_an_edited_input_file_quotes_only_shortened_names(name, path, tmp_path):
    document, message = FILES[name]
    file = tmp_path / "plan.json"
    assert message(document, file) == ""
    if path[-1] not in CHOICES:
        for new in (SECRET, {SECRET: 1}, [SECRET]):
            found = message(replaced(document, path, new), file)
            assert "hunter" not in found or isinstance(new, dict)
    for new in (LONG, {LONG: 1}, [LONG]):
        assert len(message(replaced(document, path, new), file)) < MOST
