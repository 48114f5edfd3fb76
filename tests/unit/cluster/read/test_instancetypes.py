"""Tests that instancetypes are decoded, and listed only if a VM uses an instancetype."""

from __future__ import annotations

import json

import pytest

from reconciler.cluster.decode import instancetypes, workloads
from reconciler.cluster.informer.informer import ClusterInformer
from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.model.references import CLUSTER_INSTANCETYPE, INSTANCETYPE, instancetype_ref

API = "/apis/instancetype.kubevirt.io/v1beta1"
TYPES, CLUSTER_TYPES = (
    f"{API}/virtualmachineinstancetypes",
    f"{API}/virtualmachineclusterinstancetypes",
)
SMALL = {
    "metadata": {"name": "small", "namespace": "db", "uid": "u-1", "generation": 3},
    "spec": {
        "annotations": {"secret-of-others": "s3cret"},
        "cpu": {"guest": 2, "dedicatedCPUPlacement": True, "maxSockets": 8, "realtime": None},
        "memory": {
            "guest": "1Gi",
            "maxGuest": "4Gi",
            "overcommitPercent": 50,
            "hugepages": {"pageSize": "2Mi"},
        },
        "nodeSelector": {"zone": "a"},
        "gpus": [{"name": "g", "deviceName": "d"}],
        "launchSecurity": {},
    },
}


def decoded(body):
    return instancetypes.NAMESPACED.one(json.dumps(body).encode())


def test_instancetype_is_decoded_with_every_field_except_annotations():
    found = decoded(SMALL)
    assert found.ref == instancetype_ref(INSTANCETYPE, "db", "small")
    assert (str(found.guest), str(found.max_guest)) == ("1Gi", "4Gi")
    assert (found.overcommit_percent, found.cpus) == (50, 2)
    assert found.constraints.dedicated_cpus
    assert found.constraints.launch_security
    assert not found.constraints.realtime
    assert found.constraints.hugepages == "2Mi"
    assert found.others == {
        "cpu.dedicatedCPUPlacement": "true",
        "cpu.maxSockets": "8",
        "gpus": '[{"deviceName":"d","name":"g"}]',
        "launchSecurity": "{}",
        "memory.hugepages.pageSize": '"2Mi"',
        "nodeSelector.zone": '"a"',
    }


@pytest.mark.parametrize(
    ("revision", "kept"),
    [
        # recorded v1.6.3 and v1.9.0 instancetype-change: VM, type, version, uid, generation
        ("pg-0-small-v1beta1-u-1-3", True),
        ("pg-0-small-v1beta1-u-1-2", False),
        ("pg-0-small-v1beta1-u-2-3", False),
        ("", False),
    ],
)
def test_controller_revision_of_an_instancetype_is_recognized_by_its_name(revision, kept):
    assert decoded(SMALL).kept_by(revision) is kept


@pytest.mark.parametrize("spec", [None, {}, {"memory": {}}, {"memory": {"guest": "1GB"}}])
def test_instancetype_without_a_readable_memory_size_is_reported(spec):
    body = json.dumps({**SMALL, "spec": spec}).encode()
    taken = instancetypes.CLUSTER_WIDE.take(body)
    assert taken.values == ()
    assert taken.diagnostics[0].ref.kind == CLUSTER_INSTANCETYPE


@pytest.mark.parametrize(
    ("kind", "wide"),
    [
        # v1.9.0 pkg/instancetype/find/spec.go
        ("VirtualMachineInstancetype", False),
        ("virtualmachineinstancetype", False),
        ("virtualmachineinstancetypes", False),
        ("VirtualMachineClusterInstancetype", True),
        ("virtualmachineclusterinstancetypes", True),
        ("", True),
        (None, True),
    ],
)
def test_instancetype_kind_is_interpreted_as_in_kubevirt(kind, wide):
    assert instancetype_ref(kind, "db", "small").namespace == ("" if wide else "db")


def vm_with_type(raw_vm, spec=None, status=None):
    body = raw_vm()
    named = {"kind": INSTANCETYPE, "name": "small"}
    body["spec"]["instancetype"] = named | (spec or {})
    body["status"] |= status or {}
    return body


def reference(name):
    return {"instancetypeRef": {"name": name, "controllerRevisionRef": {"name": "pg-0-small-1"}}}


@pytest.mark.parametrize(
    ("spec", "status", "revision_name", "revision"),
    [
        pytest.param({}, {}, "", "", id="no revision yet"),
        pytest.param({"revisionName": "r"}, {}, "r", "r", id="revision in the spec (v1.3.1)"),
        pytest.param(
            {}, reference("small"), "", "pg-0-small-1", id="revision in the status (v1.6.3)"
        ),
        pytest.param({}, reference("large"), "", "", id="status of the previous instancetype"),
        pytest.param(
            {"revisionName": "r"},
            reference("small"),
            "r",
            "r",
            id="spec takes precedence over status",
        ),
    ],
)
def test_instancetype_revision_of_a_vm_is_read_from_spec_or_status(
    raw_vm, spec, status, revision_name, revision
):
    vm = workloads.VMS.one(json.dumps(vm_with_type(raw_vm, spec, status)).encode())
    assert (vm.instancetype, vm.instancetype_kind) == ("small", INSTANCETYPE)
    assert (vm.revision_name, vm.revision) == (revision_name, revision)


def test_live_update_features_in_a_kubevirt_v1_1_vm_are_decoded(raw_vm):
    body = raw_vm()
    assert not workloads.VMS.one(json.dumps(body).encode()).live_update_memory
    body["spec"]["liveUpdateFeatures"] = {"memory": {"maxGuest": "8Gi"}}
    vm = workloads.VMS.one(json.dumps(body).encode())
    assert (vm.live_update_memory, str(vm.max_guest)) == (True, "8Gi")


def test_field_manager_of_a_vm_with_an_instancetype_is_the_last_writer_of_the_instancetype_name(
    raw_vm,
):
    body = vm_with_type(raw_vm)
    fields = {"f:spec": {"f:instancetype": {"f:name": {}, "f:kind": {}}}}
    other = {"f:spec": {"f:instancetype": {"f:revisionName": {}}}}
    body["metadata"]["managedFields"] = [
        {"manager": "flux", "time": "2026-11-23T00:00:00Z", "fieldsV1": fields},
        {"manager": "virt-controller", "time": "2026-11-23T00:00:09Z", "fieldsV1": other},
    ]
    assert workloads.VMS.one(json.dumps(body).encode()).guest_manager == "flux"


@pytest.fixture
def with_types(cluster, page, raw_vm):
    wide = {**SMALL, "metadata": {"name": "wide", "uid": "u-2", "generation": 1}}
    cluster.on("/apis/kubevirt.io/v1/virtualmachines", page(vm_with_type(raw_vm)))
    cluster.on(TYPES, page(SMALL))
    cluster.on(CLUSTER_TYPES, page(wide))
    return cluster


def asked(cluster):
    return [each.path for each in cluster.requests if each.path.startswith(API)]


def test_both_instancetype_kinds_are_listed_if_a_vm_has_an_instancetype(with_types, client, clock):
    state = ClusterReader(client, clock=clock).read()
    assert {str(ref) for ref in state.instancetypes} == {
        "VirtualMachineInstancetype db/small",
        "VirtualMachineClusterInstancetype wide",
    }
    assert state.instancetype_kinds == {INSTANCETYPE, CLUSTER_INSTANCETYPE}
    assert (asked(with_types), state.diagnostics) == ([TYPES, CLUSTER_TYPES], ())


def test_instancetypes_are_not_listed_if_no_vm_has_an_instancetype(cluster, client, clock):
    state = ClusterReader(client, clock=clock).read()
    assert (asked(cluster), state.instancetypes, state.instancetype_kinds) == (
        [],
        {},
        frozenset(),
    )


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (403, "no permission to list virtualmachineclusterinstancetypes"),
        (404, "the API server does not serve virtualmachineclusterinstancetypes"),
    ],
)
def test_instancetype_kind_that_cannot_be_listed_is_reported(
    with_types, client, clock, failure, code, says
):
    with_types.on(CLUSTER_TYPES, failure(code, "no", {403: "Forbidden", 404: "NotFound"}[code]))
    state = ClusterReader(client, clock=clock).read()
    assert state.instancetype_kinds == {INSTANCETYPE}
    (finding,) = state.diagnostics
    assert finding.code == "instancetypes-unreadable"
    assert finding.message == f"{says}, so the memory sizes in instancetypes are unknown"
    assert finding.hint


def test_informer_snapshot_contains_instancetypes(with_types, client, clock):
    with ClusterInformer(client, clock=clock) as informer:
        state = informer.read()
    assert len(state.instancetypes) == 2
    assert state.instancetype_kinds == {INSTANCETYPE, CLUSTER_INSTANCETYPE}
