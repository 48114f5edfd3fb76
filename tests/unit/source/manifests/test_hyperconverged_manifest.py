"""Tests HyperConverged manifests in Git, which set fields of the KubeVirt CR."""

from __future__ import annotations

import pytest
from support.manifest_texts import cr, read, said

from reconciler.model.fields import (
    MAX_HOTPLUG_RATIO,
    PARALLEL_MIGRATIONS,
    UPDATE_METHODS,
    NameSet,
)
from reconciler.model.references import ObjectRef
from reconciler.model.selector import Selector
from reconciler.source.build_desired_state import build_desired_state

REF = ObjectRef(
    kind="HyperConverged",
    namespace="kubevirt-hyperconverged",
    name="kubevirt-hyperconverged",
    group="hco.kubevirt.io",
)
HEAD = """\
apiVersion: hco.kubevirt.io/{version}
kind: HyperConverged
metadata: {{name: kubevirt-hyperconverged, namespace: kubevirt-hyperconverged}}
spec:
"""
V1 = (
    HEAD.format(version="v1")
    + """\
  virtualization:
    workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}
    liveUpdateConfiguration: {maxHotplugRatio: 8}
    liveMigrationConfig:
      parallelMigrationsPerCluster: 7
"""
)
V1BETA1 = (
    HEAD.format(version="v1beta1")
    + """\
  workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}
  liveUpdateConfiguration: {maxHotplugRatio: 8}
  liveMigrationConfig: {parallelMigrationsPerCluster: 7}
"""
)
SETTINGS = {
    UPDATE_METHODS: NameSet.of(("LiveMigrate",)),
    MAX_HOTPLUG_RATIO: 8,
    PARALLEL_MIGRATIONS: 7,
}


def state_of(*texts):
    return build_desired_state(
        [read(each) for each in texts],
        revision="r",
        dirty=False,
        selector=Selector.parse(""),
    )


@pytest.mark.parametrize("text", [V1, V1BETA1])
def test_settings_in_a_hyperconverged_manifest_are_read_as_settings_of_the_kubevirt_cr(text):
    result = read(text)
    assert said(result) == []
    (found,) = result.objects
    assert found.desired.ref == REF
    assert found.desired.settings == SETTINGS


def test_location_of_a_setting_is_in_the_hyperconverged_manifest():
    state = state_of(V1)
    assert str(state.at(REF, PARALLEL_MIGRATIONS)) == "vms/db.yaml:9:37"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (V1.replace("/v1", "/v2"), "bad-api-version", "write hco.kubevirt.io/v1 or"),
        (
            HEAD.format(version="v1") + "  liveMigrationConfig: {}\n",
            "unknown-field",
            "spec.virtualization.liveMigrationConfig",
        ),
        (
            V1.replace("parallelMigrationsPerCluster: 7", "parallelMigrations: 7"),
            "unknown-field",
            "parallelMigrations",
        ),
        (V1 + "  certConfig: {}\n", "not-managed", "spec.certConfig"),
        (V1.replace("[LiveMigrate]", "[Migrate]"), "unknown-method", "Migrate is not a workload"),
    ],
)
def test_mistake_in_a_hyperconverged_manifest_is_reported(text, code, words):
    found = next(each for each in said(read(text)) if each.code == code)
    assert words in f"{found.message} {found.hint}"


def test_other_kinds_of_the_hyperconverged_api_group_are_only_counted():
    text = "apiVersion: hco.kubevirt.io/v1\nkind: Other\nmetadata: {name: x}\n"
    assert read(text).skipped == {"Other": 1}


def test_settings_of_kubevirt_and_hyperconverged_manifests_in_git_are_combined():
    kubevirt = cr("  configuration: {liveUpdateConfiguration: {maxGuest: 64Gi}}\n")
    state = state_of(V1, kubevirt)
    assert state.diagnostics == ()
    assert state.kubevirt.ref.is_kubevirt
    assert state.kubevirt.hyperconverged == REF
    assert len(state.kubevirt.settings) == 4
    assert str(state.at(state.kubevirt.ref, PARALLEL_MIGRATIONS)) == "vms/db.yaml:9:37"


def test_kubevirt_and_hyperconverged_manifests_with_different_values_of_a_setting_are_an_error():
    kubevirt = cr("  configuration: {liveUpdateConfiguration: {maxHotplugRatio: 4}}\n")
    (found,) = state_of(V1, kubevirt).diagnostics
    assert (found.code, found.ref) == ("conflicting-setting", REF)
    assert "maxHotplugRatio is 8 here, but 4 in KubeVirt" in found.message


def test_second_hyperconverged_manifest_in_git_is_an_error():
    other = V1.replace("name: kubevirt-hyperconverged", "name: other", 1)
    (found,) = state_of(V1, other).diagnostics
    assert found.code == "two-kubevirts"
