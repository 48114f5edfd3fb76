"""Tests how the KubeVirt CR is decoded: each managed field by its type, and the status."""

from __future__ import annotations

import json

import pytest

from reconciler.cluster.decode.kubevirt_cr import KubeVirts, kubevirt
from reconciler.model import fields
from reconciler.model.fields import NameSet
from reconciler.model.quantity import GIB, Duration, MemoryQuantity


def read(body):
    return kubevirt(json.dumps(body).encode())


def test_kubevirt_cr_status_is_decoded_with_versions_and_generations(raw_kubevirt):
    live, findings = read(raw_kubevirt())
    assert findings == ()
    assert str(live.ref) == "KubeVirt kubevirt/kubevirt"
    assert (live.generation, live.observed_generation, live.phase) == (2, 2, "Deployed")
    assert (live.version, live.target_version) == ("v1.9.0", "v1.9.0")
    assert (live.deployment_id, live.target_deployment_id) == ("d1", "d1")
    assert not live.deleting


def test_each_kubevirt_cr_setting_is_decoded_according_to_its_type(raw_kubevirt):
    live, _ = read(raw_kubevirt())
    assert live.settings == {
        fields.FEATURE_GATES: NameSet.of(("Snapshot",)),
        fields.ROLLOUT_STRATEGY: "LiveUpdate",
        fields.MAX_GUEST: MemoryQuantity.of(8 * GIB),
        fields.UPDATE_METHODS: NameSet.of(("LiveMigrate",)),
        ("spec", "workloadUpdateStrategy", "batchEvictionInterval"): Duration.parse("60s"),
    }
    interval = ("spec", "workloadUpdateStrategy", "batchEvictionInterval")
    assert live.spellings[interval] == "1m0s"
    assert live.spellings[fields.FEATURE_GATES] == ["Snapshot"]


def test_kubevirt_cr_decoder_records_which_parent_fields_exist(raw_kubevirt):
    live, _ = read(raw_kubevirt(configuration={"migrations": {}, "liveUpdateConfiguration": None}))
    assert live.containers == {
        ("spec",),
        ("spec", "configuration"),
        ("spec", "configuration", "migrations"),
    }


def test_null_field_of_a_kubevirt_cr_counts_as_unset_unlike_an_empty_list(raw_kubevirt):
    developer = {"featureGates": None, "disabledFeatureGates": ["A"]}
    live, _ = read(
        raw_kubevirt(
            configuration={"developerConfiguration": developer},
            workloadUpdateStrategy={"workloadUpdateMethods": []},
        )
    )
    assert live.settings == {fields.UPDATE_METHODS: NameSet.of(())}
    assert live.disabled_gates == {"A"}


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"vmRolloutStrategy": 1}, "vmRolloutStrategy cannot be read"),
        ({"liveUpdateConfiguration": {"maxGuest": "8GB"}}, "did you mean 8Gi"),
        ({"migrations": {"parallelMigrationsPerCluster": True}}, "true is not a whole number"),
        (
            {"migrations": {"allowPostCopy": "yes"}},
            "a string of 3 characters is not true or false",
        ),
        ({"developerConfiguration": {"featureGates": [1]}}, "a list is not a list of names"),
    ],
)
def test_kubevirt_cr_field_of_the_wrong_type_is_reported_and_treated_as_unset(
    raw_kubevirt, configuration, said
):
    live, findings = read(raw_kubevirt(configuration=configuration))
    assert live.settings == {}
    assert len(live.spellings) == 1
    (finding,) = findings
    assert said in finding.message
    assert finding.ref == live.ref


def test_field_manager_of_a_kubevirt_cr_field_is_the_last_writer_of_the_field(raw_kubevirt):
    def entry(manager, time, fields_v1):
        return {"manager": manager, "time": time, "fieldsV1": fields_v1}

    strategy = {"f:spec": {"f:configuration": {"f:vmRolloutStrategy": {}}}}
    gates = {"f:spec": {"f:configuration": {"f:developerConfiguration": {"f:featureGates": {}}}}}
    body = raw_kubevirt()
    body["metadata"]["managedFields"] = [
        entry("kubectl", "2026-11-23T00:00:02Z", strategy),
        entry("helm", "2026-11-23T00:00:01Z", {"f:spec": {**strategy["f:spec"]}}),
        entry("hco", "2026-11-23T00:00:01Z", gates),
        entry("odd", "2026-11-23T00:00:03Z", None),
    ]
    body["metadata"]["ownerReferences"] = [{"kind": "HyperConverged", "name": "hco", "uid": "x"}]
    body["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "infra:x", "odd": 7}
    live, _ = read(body)
    assert live.tracked_by == "Argo CD infra"
    assert live.managers == {fields.ROLLOUT_STRATEGY: "kubectl", fields.FEATURE_GATES: "hco"}
    assert live.owners == ("HyperConverged/hco",)


@pytest.mark.parametrize(("value", "expected"), [("External", "External"), (None, ""), (7, "")])
def test_kubevirt_cr_eviction_strategy_is_decoded_only_if_the_value_is_a_string(
    raw_kubevirt, value, expected
):
    body = raw_kubevirt()
    body["spec"].setdefault("configuration", {})["evictionStrategy"] = value
    assert read(body)[0].eviction_strategy == expected


@pytest.mark.parametrize("part", ["spec", "status"])
@pytest.mark.parametrize("value", [None, {}, [], "x"])
def test_kubevirt_cr_without_optional_fields_is_decoded(raw_kubevirt, part, value):
    live, _ = read({**raw_kubevirt(), part: value})
    assert live.ref.name == "kubevirt"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"metadata": {}}'])
def test_list_item_that_is_not_a_kubevirt_cr_is_reported(body):
    decoded = KubeVirts().take(body)
    assert decoded.values == ()
    assert "cannot be read" in decoded.diagnostics[0].message
