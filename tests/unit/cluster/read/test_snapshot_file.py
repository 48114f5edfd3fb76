"""Tests that cluster snapshot files keep all values, and that damaged files are reported."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cluster.read import snapshot_file
from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.cluster.read.snapshot_file import SnapshotReader
from reconciler.errors import ClusterError
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import KUBEVIRT_FIELDS, FieldType, NameSet
from reconciler.model.live import snapshot_codec
from reconciler.model.live.capacity import (
    AwareQuotas,
    Capacity,
    Launcher,
    LimitBound,
    LimitRange,
    NodeUse,
    Quota,
    ResourceUse,
)
from reconciler.model.live.conditions import Condition
from reconciler.model.live.live_migration import LiveMigration, LiveMigrationPolicy, MigrationPhase
from reconciler.model.live.live_owner import LiveOwner
from reconciler.model.live.live_state import (
    Constraints,
    LiveInstancetype,
    LiveKubeVirt,
    LiveNode,
    LiveState,
    LiveVM,
    LiveVMI,
)
from reconciler.model.live.placement import (
    NodeTerm,
    Placement,
    Requirement,
    Spread,
    Taint,
    Toleration,
)
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.references import (
    CLUSTER_INSTANCETYPE,
    INSTANCETYPE,
    Location,
    ObjectRef,
    Uid,
    instancetype_ref,
    vm_ref,
)

SCHEMA = json.loads((Path(__file__).parents[4] / "schemas/snapshot.schema.json").read_text())

names = st.text("abcdefgh-.0", min_size=1, max_size=8)
texts = st.text(max_size=12)
times = st.datetimes(timezones=st.just(UTC))
spelled = st.one_of(st.integers(0, 2**63 - 1), st.sampled_from(["1Gi", "1.5G", "1e9", "500m"]))
quantities = st.builds(MemoryQuantity.parse, spelled)
conditions = st.dictionaries(
    texts, st.builds(Condition, status=texts, reason=texts, message=texts, since=st.none() | times)
)
constraints = st.builds(
    Constraints,
    architecture=texts,
    realtime=st.booleans(),
    hugepages=st.none() | texts,
    requests=st.none() | quantities,
    limits=st.none() | quantities,
)
refs = st.builds(vm_ref, names, names)
sizes = st.none() | quantities
vms = st.builds(
    LiveVM,
    ref=refs,
    uid=texts.map(Uid),
    guest=sizes,
    max_guest=sizes,
    instancetype=st.none() | texts,
    revision=texts,
    constraints=constraints,
    conditions=conditions,
    labels=st.dictionaries(texts, texts),
    guest_changed_at=st.none() | times,
    pool=texts,
    preference=texts,
    restart_asked=st.booleans(),
    annotated=st.booleans(),
    resource_version=texts,
)
vmis = st.builds(
    LiveVMI,
    ref=refs,
    uid=texts.map(Uid),
    guest=sizes,
    max_guest=sizes,
    guest_at_boot=sizes,
    guest_requested=sizes,
    guest_current=sizes,
    constraints=constraints,
    conditions=conditions,
    created_at=st.none() | times,
    migration_started_at=st.none() | times,
    migration_ended_at=st.none() | times,
)
migrations = st.builds(
    LiveMigration,
    ref=st.builds(ObjectRef, kind=st.just("Migration"), namespace=names, name=names),
    uid=texts.map(Uid),
    vmi_name=names,
    phase=st.sampled_from(MigrationPhase),
    conditions=conditions,
    created_at=st.none() | times,
    started_at=st.none() | times,
    ended_at=st.none() | times,
)
paths = st.sampled_from([each.path for each in KUBEVIRT_FIELDS])
VALUES = {
    FieldType.GATES: st.lists(names).map(tuple).map(NameSet.of),
    FieldType.NAMES: st.lists(names).map(tuple).map(NameSet.of),
    FieldType.WORD: texts,
    FieldType.BOOLEAN: st.booleans(),
    FieldType.INTEGER: st.integers(0, 100),
    FieldType.QUANTITY: quantities,
    FieldType.DURATION: st.sampled_from(["60s", "1m0s", "0"]).map(Duration.parse),
}
kubevirts = st.builds(
    LiveKubeVirt,
    ref=refs,
    uid=texts.map(Uid),
    observed_generation=st.none() | st.integers(),
    settings=st.fixed_dictionaries(
        {}, optional={each.path: VALUES[each.type] for each in KUBEVIRT_FIELDS}
    ),
    containers=st.frozensets(paths.map(lambda path: path[:-1])),
    spellings=st.dictionaries(paths, st.none() | texts | st.integers() | st.lists(texts)),
    disabled_gates=st.frozensets(texts),
    managers=st.dictionaries(paths, texts),
    owners=st.lists(texts).map(tuple),
)
findings = st.builds(
    Diagnostic,
    severity=st.sampled_from(Severity),
    code=texts,
    message=texts,
    at=st.none() | st.builds(Location, path=texts, line=st.just(1), column=st.just(2)),
    ref=st.none() | refs,
    context=st.lists(texts).map(tuple),
)


def by_ref(values):
    return st.lists(values, max_size=3).map(lambda found: {each.ref: each for each in found})


def grouped(found):
    groups = {}
    for each in found:
        ref = vm_ref(each.ref.namespace, each.vmi_name)
        groups[ref] = (*groups.get(ref, ()), each)
    return groups


instancetypes = st.builds(
    LiveInstancetype,
    ref=st.builds(instancetype_ref, st.sampled_from([INSTANCETYPE, ""]), names, names),
    uid=texts.map(Uid),
    guest=quantities,
    max_guest=sizes,
    constraints=constraints,
    others=st.dictionaries(texts, texts),
)

amounts = st.dictionaries(texts, st.integers(0, 2**63 - 1), max_size=2)
uses = st.builds(ResourceUse, memory=st.integers(0, 2**63 - 1), hugepages=amounts)
launchers = st.builds(Launcher, namespace=names, node=texts, requests=uses, limit=st.integers(0))
capacities = st.builds(
    Capacity,
    observed_at=times,
    pods_known=st.booleans(),
    nodes=st.dictionaries(
        texts, st.builds(NodeUse, requested=uses, moving=uses | st.just(ResourceUse())), max_size=2
    ),
    launchers=st.dictionaries(
        texts.map(Uid), st.lists(launchers, max_size=2).map(tuple), max_size=2
    ),
    quotas=st.dictionaries(
        names,
        st.lists(st.builds(Quota, name=names, hard=amounts, used=amounts), max_size=2).map(tuple),
        max_size=2,
    ),
    diagnostics=st.lists(findings, max_size=1).map(tuple),
)
owners = st.builds(
    LiveOwner,
    ref=st.builds(ObjectRef, kind=texts, namespace=names, name=names, group=texts),
    version=texts,
    uid=texts.map(Uid),
    generation=st.integers(0, 9),
    observed_generation=st.none() | st.integers(0, 9),
    release=texts,
    conditions=conditions,
    spellings=st.dictionaries(paths, texts | st.integers() | st.lists(texts), max_size=2),
    containers=st.frozensets(paths, max_size=2),
    managers=st.dictionaries(paths, texts, max_size=2),
    json_patch=st.none() | texts,
    json_patch_manager=texts,
    annotated=st.booleans(),
    deleting=st.booleans(),
)
states = st.builds(
    LiveState,
    owners=st.lists(owners, max_size=2).map(tuple),
    api_groups=st.frozensets(names, max_size=2),
    cluster_id=texts,
    observed_at=times.filter(lambda each: 1 < each.year < 9999),
    kubevirt=kubevirts,
    vms=by_ref(vms),
    vmis=by_ref(vmis),
    migrations=st.lists(migrations, max_size=3).map(grouped),
    nodes=st.lists(
        st.builds(
            LiveNode,
            name=names,
            schedulable=st.booleans(),
            allocatable=sizes,
            hugepages=st.dictionaries(texts, quantities, max_size=2),
            labels=st.dictionaries(texts, texts, max_size=2),
        ),
        max_size=2,
    ).map(tuple),
    capacity=st.none() | capacities,
    instancetypes=by_ref(instancetypes),
    instancetype_kinds=st.frozensets(st.sampled_from([INSTANCETYPE, CLUSTER_INSTANCETYPE])),
    migration_policies=st.lists(
        st.builds(
            LiveMigrationPolicy,
            name=names,
            bandwidth=sizes,
            completion_timeout_per_gib=st.none() | st.integers(0, 1000),
            allow_post_copy=st.none() | st.booleans(),
            allow_workload_disruption=st.none() | st.booleans(),
            vmi_labels=st.dictionaries(texts, texts, max_size=2),
            namespace_labels=st.dictionaries(texts, texts, max_size=2),
        ),
        max_size=2,
    ).map(tuple),
    namespace_labels=st.dictionaries(names, st.dictionaries(texts, texts, max_size=2), max_size=2),
    diagnostics=st.lists(findings, max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(states)
def test_snapshot_file_is_read_back_unchanged(state):
    text = snapshot_file.dump(state)
    found = snapshot_file.load(text, "it")
    assert found == state
    assert list(found.vms) == list(state.vms)
    assert found.kubevirt.spellings == state.kubevirt.spellings
    assert snapshot_file.dump(found) == text
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text))


def test_snapshot_schema_has_every_field_of_an_object_reference():
    named = SCHEMA["$defs"]["ref"]
    assert set(named["properties"]) == set(ObjectRef._fields)
    assert set(named["required"]) == set(ObjectRef._fields) - ObjectRef._field_defaults.keys()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("condition", Condition),
        ("constraints", Constraints),
        ("kubevirt", LiveKubeVirt),
        ("owner", LiveOwner),
        ("virtualMachine", LiveVM),
        ("instance", LiveVMI),
        ("migration", LiveMigration),
        ("migrationPolicy", LiveMigrationPolicy),
        ("node", LiveNode),
        ("resourceUse", ResourceUse),
        ("taint", Taint),
        ("toleration", Toleration),
        ("requirement", Requirement),
        ("nodeTerm", NodeTerm),
        ("spread", Spread),
        ("placement", Placement),
        ("launcher", Launcher),
        ("nodeUse", NodeUse),
        ("quota", Quota),
        ("awareQuotas", AwareQuotas),
        ("limitRange", LimitRange),
        ("limitBound", LimitBound),
        ("room", Capacity),
        ("instancetype", LiveInstancetype),
        ("location", Location),
        ("diagnostic", Diagnostic),
    ],
)
def test_snapshot_schema_has_every_stored_field_of_each_python_type_in_a_snapshot(name, kind):
    def camel(text):
        head, *rest = text.split("_")
        return head + "".join(part.title() for part in rest)

    named = SCHEMA["$defs"][name]
    always = [
        each.name
        for each in dataclasses.fields(kind)
        if each.default is each.default_factory is dataclasses.MISSING
    ]
    kept = {each.name for each in dataclasses.fields(kind) if each.metadata.get("kept", True)}
    assert set(named["properties"]) == {camel(each) for each in kept}
    assert set(named["required"]) == {camel(each) for each in always}


@pytest.mark.parametrize("raw", ["1Gi", "1024Mi", "1e9", 1073741824])
def test_snapshot_file_keeps_the_notation_of_sizes(raw):
    vm = LiveVM(
        ref=vm_ref("db", "pg-0"),
        uid=Uid("u"),
        generation=1,
        guest=MemoryQuantity.parse(raw),
        max_guest=None,
    )
    again = snapshot_codec.decode(LiveVM, snapshot_codec.encode(vm), "vm")
    assert again.guest.raw == raw
    assert type(again.guest.raw) is type(raw)


@pytest.fixture
def make_state(cluster, client, clock):
    return lambda: ClusterReader(client, clock=clock).read()


def test_snapshot_file_contains_only_decoded_fields(cluster, make_state, page, raw_vm):
    body = raw_vm()
    body["metadata"]["annotations"] = {"secret-of-others": "s3cret"}
    body["spec"]["template"]["spec"]["volumes"] = [{"cloudInitNoCloud": {"userData": "s3cret"}}]
    cluster.on("/apis/kubevirt.io/v1/virtualmachines", page(body))
    text = snapshot_file.dump(make_state()).decode()
    assert "s3cret" not in text
    document = json.loads(text)
    assert document["virtualMachines"][0] == {
        "ref": {"kind": "VirtualMachine", "namespace": "db", "name": "pg-0"},
        "uid": "uid-pg-0",
        "generation": 1,
        "guest": "1Gi",
        "maxGuest": None,
        "constraints": {"architecture": "amd64"},
        "printableStatus": "Running",
    }
    assert document["kubevirt"]["settings"]["spec.configuration.vmRolloutStrategy"] == "LiveUpdate"


def test_snapshot_reader_returns_the_state_in_the_snapshot_file(make_state, tmp_path):
    state = make_state()
    path = tmp_path / "live.json"
    path.write_bytes(snapshot_file.dump(state))
    assert SnapshotReader(path).read() == state
    assert SnapshotReader(path).read().observed_at == datetime(2026, 11, 23, tzinfo=UTC)


WRONG = [
    pytest.param(lambda _: "{", "is not valid JSON", id="truncated JSON"),
    pytest.param(
        lambda _: "[]",
        "the document is not a Snapshot: it is not a JSON object",
        id="list instead of an object",
    ),
    pytest.param(lambda d: {**d, "kind": "Plan"}, "kind is 'Plan'", id="another kind"),
    pytest.param(
        lambda d: {**d, "apiVersion": "reconciler/v9"},
        "apiVersion is 'reconciler/v9'; this reconciler supports only 'reconciler/v1alpha1'",
        id="another apiVersion",
    ),
    pytest.param(
        lambda d: {**d, "kubevirt": {}},
        "kubevirt: the field ref is missing",
        id="missing field",
    ),
    pytest.param(
        lambda d: {**d, "virtualMachines": {}},
        "virtualMachines: expected the type array",
        id="object instead of a list",
    ),
    pytest.param(
        lambda d: {**d, "virtualMachines": [{**d["virtualMachines"][0], "guest": "2GB"}]},
        r"virtualMachines\[0\].guest: a string of 3 characters is not a quantity",
        id="invalid quantity",
    ),
    pytest.param(
        lambda d: {**d, "virtualMachines": [{**d["virtualMachines"][0], "gueest": 1}]},
        r"virtualMachines\[0\]: the field gueest is unknown",
        id="unknown field",
    ),
    pytest.param(lambda d: {**d, "observedAt": "now"}, "observedAt: ", id="invalid time"),
    pytest.param(
        lambda d: {**d, "observedAt": "2026-03-02T09:30:00"},
        "observedAt: expected a time in RFC 3339 format with a time zone",
        id="time without a zone",
    ),
    pytest.param(
        lambda d: {**d, "observedAt": "0001-01-01T00:00:00+14:00"},
        "observedAt is 0001-01-01T00:00:00.14:00, which is out of range",
        id="time before any computer",
    ),
]


@pytest.mark.parametrize(("damage", "sentence"), WRONG)
def test_damaged_snapshot_file_raises_an_error_with_the_location(
    make_state, tmp_path, damage, sentence
):
    damaged = damage(json.loads(snapshot_file.dump(make_state())))
    path = tmp_path / "live.json"
    path.write_text(damaged if isinstance(damaged, str) else json.dumps(damaged))
    with pytest.raises(ClusterError, match=sentence) as caught:
        SnapshotReader(path).read()
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_missing_snapshot_file_raises_an_error(tmp_path):
    with pytest.raises(ClusterError, match="cannot be read: No such file"):
        SnapshotReader(tmp_path / "none").read()
