"""Tests how the objects from which an operator generates the KubeVirt CR are found and read."""

from __future__ import annotations

import pytest

from reconciler.cluster.decode.owner_field_managers import owner_field_managers
from reconciler.cluster.read.lists import list_kubevirt
from reconciler.cluster.read.owner_reader import read_owners
from reconciler.errors import KubeVirtMissingError, UnauthorizedError


@pytest.fixture
def groups(server, reply):
    def serve(**versions):
        found = [
            {"name": name, "versions": [{"version": each} for each in served]}
            for name, served in versions.items()
        ]
        server.on("/apis", reply(200, {"kind": "APIGroupList", "groups": found}))

    return serve


HCO = {
    "metadata": {
        "name": "kubevirt-hyperconverged",
        "namespace": "cnv",
        "uid": "u",
        "generation": 4,
        "managedFields": [
            {
                "manager": "argocd",
                "time": "2026-01-01T00:00:00Z",
                "fieldsV1": {
                    "f:metadata": {"f:annotations": {"f:kubevirt.kubevirt.io/jsonpatch": {}}},
                    "f:spec": {"f:liveMigrationConfig": {"f:parallelMigrationsPerCluster": {}}},
                },
            }
        ],
        "annotations": {"kubevirt.kubevirt.io/jsonpatch": "[]"},
        "labels": {"kustomize.toolkit.fluxcd.io/name": "infra"},
    },
    "spec": {"liveMigrationConfig": {"parallelMigrationsPerCluster": 7}},
    "status": {
        "observedGeneration": 3,
        "versions": [{"name": "operator", "version": "1.17.0"}],
        "conditions": [{"type": "Available", "status": "False", "reason": "CDI"}],
    },
}


@pytest.mark.parametrize(
    ("served", "expected"),
    [(["v1beta1"], "v1beta1"), (["v1", "v1beta1"], "v1"), (["v1beta1", "v1"], "v1"), (["v2"], "")],
)
def test_hyperconverged_is_read_in_the_newest_version_whose_fields_are_known(
    server, client, page, groups, served, expected
):
    groups(**{"hco.kubevirt.io": served})
    server.on(f"/apis/hco.kubevirt.io/{expected}/hyperconvergeds", page(HCO))
    assert [each.version for each in read_owners(client).values] == [expected] * bool(expected)


def test_hyperconverged_is_decoded_with_its_settings_and_their_field_managers(
    server, client, page, groups
):
    groups(**{"hco.kubevirt.io": ["v1beta1"]})
    server.on("/apis/hco.kubevirt.io/v1beta1/hyperconvergeds", page(HCO))
    (found,) = read_owners(client).values
    path = ("spec", "liveMigrationConfig", "parallelMigrationsPerCluster")
    assert (found.release, found.generation, found.observed_generation) == ("1.17.0", 4, 3)
    assert (found.spellings, found.managers) == ({path: 7}, {path: "argocd"})
    assert found.containers == {path[:1], path[:2]}
    assert (found.json_patch, found.json_patch_manager) == ("[]", "argocd")
    assert found.tracked_by == "Flux Kustomization infra"
    assert found.conditions["Available"].reason == "CDI"


def test_virt_platform_autopilot_stays_field_manager_if_another_tool_applies_the_field_later(
    server, client, page, groups
):
    groups(**{"hco.kubevirt.io": ["v1beta1"]})
    (argocd,) = HCO["metadata"]["managedFields"]
    autopilot = {**argocd, "manager": "virt-platform-autopilot", "time": "2025-01-01T00:00:00Z"}
    meta = {**HCO["metadata"], "managedFields": [autopilot, argocd]}
    server.on("/apis/hco.kubevirt.io/v1beta1/hyperconvergeds", page({**HCO, "metadata": meta}))
    (found,) = read_owners(client).values
    assert set(found.managers.values()) == {"virt-platform-autopilot"}


@pytest.mark.parametrize("manager", ["argocd", "virt-platform-autopilot"])
@pytest.mark.parametrize("written", ["v1beta1", "v1"])
@pytest.mark.parametrize("read", ["v1beta1", "v1"])
def test_field_manager_of_a_hyperconverged_field_is_found_regardless_of_the_api_version(
    server, client, page, groups, read, written, manager
):
    leaf = {"f:liveMigrationConfig": {"f:parallelMigrationsPerCluster": {}}}
    entry = {
        "apiVersion": f"hco.kubevirt.io/{written}",
        "manager": manager,
        "time": "2026-01-01T00:00:00Z",
        "fieldsV1": {"f:spec": {"f:virtualization": leaf} if written == "v1" else leaf},
    }
    groups(**{"hco.kubevirt.io": [read]})
    meta = {**HCO["metadata"], "managedFields": [entry]}
    server.on(f"/apis/hco.kubevirt.io/{read}/hyperconvergeds", page({**HCO, "metadata": meta}))
    (found,) = read_owners(client).values
    place = ("spec", "virtualization") if read == "v1" else ("spec",)
    path = (*place, "liveMigrationConfig", "parallelMigrationsPerCluster")
    assert found.managers == {path: manager}


@pytest.mark.parametrize(
    ("annotations", "manager"),
    [
        ({"mode": "unmanaged"}, "argocd"),
        ({"mode": ""}, "virt-platform-autopilot"),
        ({"autopilot": "false"}, "argocd"),
        ({"autopilot": "true"}, "virt-platform-autopilot"),
        ({"ignore-fields": "/spec/liveMigrationConfig/parallelMigrationsPerCluster"}, "argocd"),
        ({"ignore-fields": "/spec/featureGates, /spec/liveMigrationConfig"}, "argocd"),
        ({"ignore-fields": "/spec/liveMigrationConfig/parallel"}, "virt-platform-autopilot"),
        ({"ignore-fields": "spec/liveMigrationConfig"}, "virt-platform-autopilot"),
        ({"ignore-fields": ""}, "virt-platform-autopilot"),
    ],
)
def test_virt_platform_autopilot_does_not_manage_fields_that_annotations_exclude(
    annotations, manager
):
    path = ("spec", "liveMigrationConfig", "parallelMigrationsPerCluster")
    (argocd,) = HCO["metadata"]["managedFields"]
    autopilot = {**argocd, "manager": "virt-platform-autopilot", "time": "2099-01-01T00:00:00Z"}
    meta = {
        "annotations": {f"platform.kubevirt.io/{key}": each for key, each in annotations.items()},
        "managedFields": [autopilot, argocd],
    }
    found = owner_field_managers(meta, (path,), "virt-platform-autopilot")
    assert found == {path: manager}


@pytest.mark.parametrize(
    ("ignored", "managed"),
    [("/spec/liveMigrationConfig", False), ("/spec/virtualization/liveMigrationConfig", True)],
)
def test_ignore_fields_annotation_refers_to_the_api_version_that_the_autopilot_applies(
    ignored, managed
):
    old = ("spec", "liveMigrationConfig", "parallelMigrationsPerCluster")
    new = ("spec", "virtualization", *old[1:])
    entry = {
        "apiVersion": "hco.kubevirt.io/v1beta1",
        "manager": "virt-platform-autopilot",
        "fieldsV1": {"f:spec": {f"f:{old[1]}": {f"f:{old[2]}": {}}}},
    }
    annotations = {"platform.kubevirt.io/ignore-fields": ignored}
    meta = {"annotations": annotations, "managedFields": [entry]}
    by_version = {"hco.kubevirt.io/v1beta1": (old,), "hco.kubevirt.io/v1": (new,)}
    found = owner_field_managers(meta, (new,), "virt-platform-autopilot", by_version)
    assert (new in found) is managed


def test_hotplug_ratio_is_the_only_harvester_setting_that_is_requested(
    server, client, groups, reply
):
    groups(**{"harvesterhci.io": ["v1beta1"]})
    path = "/apis/harvesterhci.io/v1beta1/settings/max-hotplug-ratio"
    server.on(path, reply(200, {"metadata": {"name": "max-hotplug-ratio"}, "value": "6"}))
    found = read_owners(client)
    assert [each.spellings for each in found.values] == [{("value",): "6"}]
    assert found.groups == {"harvesterhci.io"}
    assert [each.path for each in server.requests] == ["/apis", path]


def test_search_for_hyperconverged_and_harvester_sends_one_request_if_neither_is_installed(
    server, client, groups
):
    groups(**{"kubevirt.io": ["v1"]})
    assert read_owners(client).values == ()
    assert [each.path for each in server.requests] == ["/apis"]


HYPERCONVERGEDS = "/apis/hco.kubevirt.io/v1/hyperconvergeds"
SETTING = "/apis/harvesterhci.io/v1beta1/settings/max-hotplug-ratio"
NO_PERMISSION = (
    "no permission to {what}, so the settings of the operator that manages the KubeVirt CR are "
    "unknown"
)
FAILED = (
    "cannot {what}, so the settings of the operator that manages the KubeVirt CR are unknown: "
    "cannot read"
)


@pytest.mark.parametrize(
    "request_of",
    [
        ("/apis", "list API groups"),
        (HYPERCONVERGEDS, "list hyperconvergeds"),
        (SETTING, "get settings max-hotplug-ratio"),
    ],
)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, ("note", NO_PERMISSION)),
        (404, None),
        (429, ("warning", FAILED)),
        (500, ("warning", FAILED)),
        (503, ("warning", FAILED)),
        (504, ("warning", FAILED)),
    ],
)
def test_unreadable_hyperconverged_or_harvester_setting_causes_only_a_diagnostic(
    server, client, page, groups, failure, request_of, status, expected
):
    path, what = request_of
    groups(**{"hco.kubevirt.io": ["v1"], "harvesterhci.io": ["v1beta1"]})
    server.on(HYPERCONVERGEDS, page())
    server.on(path, failure(status, "no", "Forbidden" if status == 403 else ""))
    found = [each for each in read_owners(client).diagnostics if what in each.message]
    if expected is None or (path, status) == ("/apis", 403):
        assert found == []  # without the API groups, the KubeVirt CR alone shows its owner
        return
    severity, message = expected
    (finding,) = found
    assert (finding.code, finding.severity.value) == ("owner-unreadable", severity)
    assert finding.message.startswith(message.format(what=what))
    assert finding.hint


@pytest.mark.parametrize("path", ["/apis", HYPERCONVERGEDS, SETTING])
def test_reading_hyperconverged_and_harvester_settings_fails_if_a_request_is_rejected_with_401(
    server, client, page, groups, failure, path
):
    groups(**{"hco.kubevirt.io": ["v1"], "harvesterhci.io": ["v1beta1"]})
    server.on(HYPERCONVERGEDS, page())
    server.on(path, failure(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(UnauthorizedError):
        read_owners(client)


def test_invalid_list_of_api_groups_causes_a_diagnostic(server, client, reply):
    server.on("/apis", reply(200, {"kind": "Status"}))
    (finding,) = read_owners(client).diagnostics
    assert finding.code == "owner-unreadable"
    assert "cannot be read" in finding.message


def test_error_about_missing_kubevirt_kinds_mentions_deckhouse_if_it_is_installed(
    server, client, groups, failure
):
    groups(**{"internal.virtualization.deckhouse.io": ["v1"]})
    server.on("/apis/kubevirt.io/v1/kubevirts", failure(404, "", ""))
    with pytest.raises(KubeVirtMissingError) as caught:
        list_kubevirt(client)
    assert "this cluster runs Deckhouse virtualization" in caught.value.hint
    assert "ModuleConfig virtualization" in caught.value.hint
