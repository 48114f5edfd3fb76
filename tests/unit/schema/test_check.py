"""Each schema violation has a path, a message with the value, and a hint."""

import pytest
from ruamel.yaml import YAML

from reconciler.schema.check import Violation, check

CONFIG = {"apiVersion": "reconciler/v1alpha1", "kind": "Config"}
CR = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "kubevirt"}}
LIVE_UPDATE = "spec.configuration.liveUpdateConfiguration"


def cr(**configuration):
    return CR | {"spec": {"configuration": configuration}}


@pytest.mark.parametrize(
    ("document", "schema", "path", "code", "message", "hint"),
    [
        pytest.param(
            CONFIG | {"selectr": "a=b"},
            "config",
            ("selectr",),
            "unknown-field",
            "selectr is not a known field",
            "did you mean selector? allowed: annotate, apiVersion, cluster, create, exclude, "
            "hyperConverged, kind, mode, paths, restart, rollout, selector, snapshotMaxAge, "
            "windows",
            id="unknown key, with a suggestion",
        ),
        pytest.param(
            CONFIG | {"rollout": {"zzz": 1}},
            "config",
            ("rollout", "zzz"),
            "unknown-field",
            "rollout.zzz is not a known field",
            "allowed: antiAffinity, batches, canary, failedMigrations, failureBudget, "
            "holdWhile, maxConcurrent, maxPerNode, timeouts",
            id="unknown key, without a suggestion",
        ),
        pytest.param(
            {"apiVersion": "reconciler/v1alpha1"},
            "config",
            ("kind",),
            "missing-field",
            "kind is missing",
            "",
            id="missing key",
        ),
        pytest.param(
            CONFIG | {"create": "true"},
            "config",
            ("create",),
            "wrong-type",
            "create is a string of 4 characters; expected true or false",
            "remove the quotes",
            id="text for a boolean",
        ),
        pytest.param(
            CONFIG | {"rollout": {"timeouts": {"guest": 300}}},
            "config",
            ("rollout", "timeouts", "guest"),
            "wrong-type",
            "rollout.timeouts.guest is an integer; expected text",
            "add a unit, such as 90s, 10m or 1h30m",
            id="a bare number for a duration",
        ),
        pytest.param(
            CONFIG | {"rollout": {"timeouts": {"guest": "0s"}}},
            "config",
            ("rollout", "timeouts", "guest"),
            "bad-duration",
            "rollout.timeouts.guest: '0s' is not greater than zero",
            "write it as 90s, 10m or 1h30m",
            id="a timeout of zero",
        ),
        pytest.param(
            CONFIG | {"paths": ["a", "../b"]},
            "config",
            ("paths", 1),
            "bad-path",
            "paths[1]: '../b' is not a path inside the repository",
            "use a path relative to its root, with '/' and without '..'",
            id="a path outside the repository",
        ),
        pytest.param(
            CONFIG | {"paths": []},
            "config",
            ("paths",),
            "bad-value",
            "paths is empty",
            "",
            id="an empty list",
        ),
        pytest.param(
            CONFIG | {"mode": "Observe"},
            "config",
            ("mode",),
            "bad-value",
            "mode is 'Observe'; expected observe or enforce",
            "did you mean observe?",
            id="a value that is not in the enumeration",
        ),
        pytest.param(
            CONFIG | {"mode": None},
            "config",
            ("mode",),
            "wrong-type",
            "mode is null; expected text",
            "set a value, or remove the key",
            id="null for text",
        ),
        pytest.param(
            ["x"],
            "config",
            (),
            "wrong-type",
            "the document is a list; expected a mapping",
            "",
            id="a list instead of a mapping",
        ),
        pytest.param(
            cr(liveUpdateConfiguration={"maxGuest": "2GB"}),
            "manifest",
            ("spec", "configuration", "liveUpdateConfiguration", "maxGuest"),
            "bad-quantity",
            f"{LIVE_UPDATE}.maxGuest: a string of 3 characters is not a quantity",
            "did you mean 2Gi, or 2G for the decimal size?",
            id="a quantity with a trailing B",
        ),
        pytest.param(
            cr(liveUpdateConfiguration={"maxGuest": 1.5}),
            "manifest",
            ("spec", "configuration", "liveUpdateConfiguration", "maxGuest"),
            "wrong-type",
            f"{LIVE_UPDATE}.maxGuest is a decimal number; expected text or an integer",
            "write a size such as 1536Mi, or a whole number of bytes",
            id="a quantity with a fraction, which the CRD rejects",
        ),
        pytest.param(
            cr(liveUpdateConfiguration={"maxHotplugRatio": 0}),
            "manifest",
            ("spec", "configuration", "liveUpdateConfiguration", "maxHotplugRatio"),
            "bad-value",
            f"{LIVE_UPDATE}.maxHotplugRatio is 0; expected at least 1",
            "KubeVirt treats 0 as its default, 4; remove the field to use the default",
            id="a ratio of zero, which KubeVirt reads as four",
        ),
        pytest.param(
            cr(vmRolloutStrategie="LiveUpdate"),
            "manifest",
            ("spec", "configuration", "vmRolloutStrategie"),
            "unknown-field",
            "spec.configuration.vmRolloutStrategie is not a known field",
            "did you mean vmRolloutStrategy?",
            id="a typo in an open mapping",
        ),
        pytest.param(
            cr(workloadUpdateStrategy={}),
            "manifest",
            ("spec", "configuration", "workloadUpdateStrategy"),
            "unknown-field",
            "spec.configuration.workloadUpdateStrategy is not a known field",
            "move the field to spec.workloadUpdateStrategy",
            id="a known key in the wrong mapping",
        ),
        pytest.param(
            CR | {"metadata": {"name": "x", "labels": {"a": True}}},
            "manifest",
            ("metadata", "labels", "a"),
            "wrong-type",
            "metadata.labels.a is true (a boolean); expected text",
            "put the value in quotes",
            id="a label that is not text",
        ),
    ],
)
def test_schema_violation_has_a_path_a_message_and_a_hint(
    document, schema, path, code, message, hint
):
    assert check(document, schema) == (
        Violation(path=path, code=code, message=message, hint=hint),
    )


@pytest.mark.parametrize(
    "siblings",
    [
        {"ksmConfiguration": {}, "apiConfiguration": {}, "network": {}, "smbios": {}},
        {"controllerConfiguration": {}, "handlerConfiguration": {}, "tlsConfiguration": {}},
        {"machineType": "q35", "memBalloonStatsPeriod": 5, "vmStateStorageClass": "x"},
    ],
)
def test_manifest_schema_allows_kubevirt_fields_that_the_program_does_not_manage(siblings):
    assert check(cr(**siblings), "manifest") == ()


@pytest.mark.parametrize("key", ["network", "disableTLS", "maxDowntimeMs", "nodeDrainTaintKey"])
def test_manifest_schema_allows_migration_fields_that_the_program_does_not_manage(key):
    assert check(cr(migrations={key: "anything"}), "manifest") == ()


def test_schema_violations_include_each_unknown_field_once():
    document = cr(migrations={"a": 1, "b": 2}, liveUpdateConfiguration={"c": 3})
    assert sorted(each.path[-1] for each in check(document, "manifest")) == ["a", "b", "c"]


def test_schema_check_treats_values_from_ruamel_yaml_like_plain_python_values():
    tree = YAML(typ="rt").load("apiVersion: reconciler/v1alpha1\nkind: Config\nmod: observe\n")
    assert [each.path for each in check(tree, "config")] == [("mod",)]
