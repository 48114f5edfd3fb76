"""Tests how VMs, VM instances, migrations and nodes are decoded, including unreadable ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from reconciler.cluster.decode import cluster_nodes, workloads
from reconciler.cluster.decode.pages import UnreadableError
from reconciler.model.live import snapshot_codec
from reconciler.model.live.conditions import is_true
from reconciler.model.live.live_migration import MigrationPhase
from reconciler.model.live.live_state import Constraints
from reconciler.model.quantity import GIB, MIB, MemoryQuantity
from reconciler.model.references import vm_ref

PG0 = vm_ref("db", "pg-0")


def read(kind, body):
    return kind.one(json.dumps(body).encode())


def test_vm_fields_are_decoded(raw_vm):
    body = raw_vm(guest="2048Mi")
    body["metadata"] |= {"labels": {"app": "pg"}, "deletionTimestamp": "2026-11-23T01:00:00Z"}
    body["spec"]["instancetype"] = {"name": "u1.medium"}
    body["spec"]["template"]["spec"]["domain"]["memory"]["maxGuest"] = "8Gi"
    body["status"]["conditions"] = [
        {"type": "RestartRequired", "status": "True", "message": "memory updated"}
    ]
    vm = read(workloads.VMS, body)
    assert vm.ref == PG0
    assert vm.uid == "uid-pg-0"
    assert vm.generation == 1
    assert vm.guest == MemoryQuantity.parse("2Gi")
    assert vm.guest.raw == "2048Mi"
    assert vm.max_guest.n_bytes == 8 * GIB
    assert vm.memory_present
    assert vm.instancetype == "u1.medium"
    assert vm.constraints == Constraints(architecture="amd64")
    assert is_true(vm.conditions, "RestartRequired")
    assert vm.conditions["RestartRequired"].message == "memory updated"
    assert vm.printable_status == "Running"
    assert vm.labels == {"app": "pg"}
    assert vm.deleting
    assert not vm.suspended


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"runStrategy": "Always"}, True),
        ({"runStrategy": "Manual"}, True),
        ({"runStrategy": "RerunOnFailure"}, True),
        ({"runStrategy": "Halted"}, False),
        ({"running": True}, True),
        ({"running": False}, False),
        ({"running": None, "runStrategy": "Halted"}, False),
    ],
)
def test_vm_should_run_unless_its_run_strategy_is_halted(raw_vm, spec, wanted):
    assert read(workloads.VMS, raw_vm(spec=spec)).running_wanted is wanted


@pytest.mark.parametrize(
    ("annotations", "suspended"),
    [
        ({"memory.reconciler.dev/suspend": "true"}, True),
        ({"memory.reconciler.dev/suspend": "false"}, False),
        ({"suspend": "true"}, False),
        (None, False),
    ],
)
def test_suspend_annotation_without_the_annotation_prefix_of_reconciler_is_ignored(
    raw_vm, annotations, suspended
):
    body = raw_vm()
    body["metadata"]["annotations"] = annotations
    assert read(workloads.VMS, body).suspended is suspended


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ({"cpu": {"realtime": {}}}, {"realtime": True}),
        ({"cpu": {"numa": {"guestMappingPassthrough": {}}}}, {"numa_passthrough": True}),
        ({"cpu": {"numa": {}}}, {}),
        ({"cpu": {"dedicatedCpuPlacement": True}}, {"dedicated_cpus": True}),
        ({"launchSecurity": {"sev": {}}}, {"launch_security": True}),
        ({"memory": {"hugepages": {"pageSize": "1Gi"}}}, {"hugepages": "1Gi"}),
        (
            {"resources": {"requests": {"memory": 2**20}, "limits": {"memory": "2Mi"}}},
            {"requests": MemoryQuantity.of(MIB), "limits": MemoryQuantity.of(2 * MIB)},
        ),
        (
            {"resources": {"limits": {"cpu": "500m"}}},
            {"cpu_limited": True},
        ),
        (
            {"resources": {"limits": {"cpu": 0}}},
            {"cpu_limited": False},
        ),
    ],
)
def test_memory_constraints_are_decoded_from_the_vm_template_and_from_the_vmi(
    raw_vm, raw_vmi, domain, found
):
    vm, vmi = raw_vm(), raw_vmi()
    vm["spec"]["template"]["spec"] = {"domain": domain}
    vmi["spec"] = {"domain": domain}
    assert read(workloads.VMS, vm).constraints == Constraints(**found)
    assert read(workloads.VMIS, vmi).constraints == Constraints(**found)


def owner(manager: str, time: str, *path: str) -> dict:
    fields: dict = {}
    for key in reversed(path):
        fields = {f"f:{key}": fields}
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields}


GUEST = ("spec", "template", "spec", "domain", "memory", "guest")


def test_field_manager_of_the_guest_size_is_the_last_writer_of_the_size(raw_vm):
    body = raw_vm()
    body["metadata"]["managedFields"] = [
        owner("kubectl", "2026-11-23T00:48:49Z", *GUEST),
        owner("argocd", "2026-11-23T00:48:47Z", *GUEST),
        owner("virt-controller", "2026-11-23T00:49:00Z", "status", "conditions"),
        owner("other", "2026-11-23T00:50:00Z", *GUEST[:-1]),
        {"manager": "odd", "fieldsV1": None},
    ]
    vm = read(workloads.VMS, body)
    assert vm.guest_manager == "kubectl"
    assert vm.guest_changed_at == datetime(2026, 11, 23, 0, 48, 49, tzinfo=UTC)


def test_vmi_fields_are_decoded(raw_vmi):
    body = raw_vmi(
        memory={"guestAtBoot": "1Gi", "guestRequested": "2Gi", "guestCurrent": 1610612736},
        migrationState={
            "startTimestamp": "2026-11-23T00:41:23Z",
            "endTimestamp": "2026-11-23T00:41:25Z",
            "migrationUid": "m-1",
            "targetDirectMigrationNodePorts": {"49152": 49152},
        },
    )
    vmi = read(workloads.VMIS, body)
    assert vmi.ref == PG0
    assert (vmi.phase, vmi.node, vmi.vcpus) == ("Running", "node01", 6)
    assert (vmi.guest.raw, vmi.max_guest.raw) == ("1Gi", "4Gi")
    sizes = (vmi.guest_at_boot, vmi.guest_requested, vmi.guest_current)
    assert [each.n_bytes for each in sizes] == [GIB, 2 * GIB, 3 * GIB // 2]
    assert is_true(vmi.conditions, "LiveMigratable")
    assert vmi.conditions["LiveMigratable"].since == datetime(2026, 11, 23, 0, 40, 29, tzinfo=UTC)
    assert vmi.migration_started_at == datetime(2026, 11, 23, 0, 41, 23, tzinfo=UTC)
    assert vmi.migration_ended_at == datetime(2026, 11, 23, 0, 41, 25, tzinfo=UTC)
    assert vmi.migration_uid == "m-1"
    assert (vmi.kernel, vmi.guest_os) == ("6.12.8-0-virt", "alpine")


def test_migration_fields_are_decoded(raw_migration):
    body = raw_migration(
        status={
            "phase": "Failed",
            "migrationState": {
                "startTimestamp": "2026-11-23T00:41:23Z",
                "endTimestamp": "2026-11-23T00:41:25Z",
                "sourceNode": "node01",
                "targetNode": "node02",
                "failureReason": "Live migration has been aborted",
            },
        }
    )
    migration = read(workloads.MIGRATIONS, body)
    assert str(migration.ref).endswith("db/kubevirt-workload-update-mwljw")
    assert migration.vmi_name == "pg-0"
    assert migration.phase is MigrationPhase.FAILED
    assert migration.for_update
    assert migration.created_at == datetime(2026, 11, 23, 0, 40, 27, tzinfo=UTC)
    assert (migration.source_node, migration.target_node) == ("node01", "node02")
    assert migration.failure_reason == "Live migration has been aborted"
    assert migration.ended_at == datetime(2026, 11, 23, 0, 41, 25, tzinfo=UTC)


def test_end_time_of_a_migration_that_failed_early_is_the_time_of_its_last_phase_change(
    raw_migration,
):
    entered = {"phase": "Failed", "phaseTransitionTimestamp": "2026-11-23T00:46:00Z"}
    status = {"phase": "Failed", "phaseTransitionTimestamps": [entered]}
    migration = read(workloads.MIGRATIONS, raw_migration(status=status))
    assert migration.ended_at == datetime(2026, 11, 23, 0, 46, tzinfo=UTC)


def test_migration_with_an_unknown_phase_counts_as_unfinished(raw_migration):
    migration = read(workloads.MIGRATIONS, raw_migration(status={"phase": "Teleporting"}))
    assert not migration.phase.finished


def test_migrations_are_grouped_by_vm_and_sorted_from_oldest_to_newest(raw_migration):
    bodies = [raw_migration("b"), raw_migration("a"), raw_migration("c")]
    bodies[1]["metadata"]["creationTimestamp"] = "2026-11-23T00:00:00Z"
    found = workloads.by_vm([read(workloads.MIGRATIONS, body) for body in bodies])
    assert {ref: [each.ref.name for each in group] for ref, group in found.items()} == {
        PG0: ["a", "b", "c"]
    }


@pytest.mark.parametrize(
    ("labels", "spec", "schedulable"),
    [
        ({"kubevirt.io/schedulable": "true"}, {}, True),
        ({"kubevirt.io/schedulable": "true"}, None, True),
        ({"kubevirt.io/schedulable": "true"}, {"unschedulable": True}, False),
        ({"kubevirt.io/schedulable": "false"}, {}, False),
        (None, {}, False),
    ],
)
def test_node_is_schedulable_if_labeled_and_not_cordoned(labels, spec, schedulable):
    body = {"metadata": {"name": "n", "labels": labels}, "spec": spec, "status": {}}
    assert read(cluster_nodes.NODES, body).schedulable is schedulable


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"name": "pg-0"}},
        {"metadata": {"name": "pg-0", "labels": None, "annotations": None}, "spec": None},
        {"metadata": {"name": "pg-0"}, "spec": {"template": {"spec": {"domain": None}}}},
        {"metadata": {"name": "pg-0"}, "status": {"conditions": None, "memory": None}},
    ],
)
@pytest.mark.parametrize(
    "kind", [workloads.VMS, workloads.VMIS, workloads.MIGRATIONS, cluster_nodes.NODES]
)
def test_objects_with_absent_or_null_fields_are_decoded(kind, body):
    assert read(kind, body)


def test_vm_with_a_null_memory_size_counts_as_a_vm_without_a_memory_size(raw_vm):
    body = raw_vm()
    body["spec"]["template"]["spec"]["domain"]["memory"] = None
    vm = read(workloads.VMS, body)
    assert vm.guest is None
    assert not vm.memory_present


@pytest.mark.parametrize(
    ("guest", "said"),
    [("2GB", "memory.guest: a string of 3 characters"), ({"a": 1}, "got `object`")],
)
def test_unreadable_vm_or_migration_does_not_prevent_reading_other_objects(raw_vm, guest, said):
    body = {"items": [raw_vm("a"), raw_vm("odd", guest), raw_vm("b")]}
    decoded = workloads.VMS.page(json.dumps(body).encode())
    assert [vm.ref.name for vm in decoded.values] == ["a", "b"]
    (finding,) = decoded.diagnostics
    assert finding.ref == vm_ref("db", "odd")
    assert said in finding.message


def test_unreadable_vmi_is_reported_as_a_problem_of_its_vm(raw_vmi):
    body = {"items": [raw_vmi(memory={"guestCurrent": []})]}
    (finding,) = workloads.VMIS.page(json.dumps(body).encode()).diagnostics
    assert finding.ref == PG0
    assert "VirtualMachineInstance" in finding.message


@pytest.mark.parametrize("body", ["[]", '"x"', "{", '{"metadata": {}}'])
def test_workload_that_is_not_a_json_object_is_reported_as_unreadable(body):
    with pytest.raises(UnreadableError):
        workloads.VMS.one(body.encode())
    assert workloads.VMS.take(body.encode()).diagnostics


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"backupName": "nightly"}, "nightly"),
        ({"backupName": "nightly", "completed": True}, ""),
        ({"backupName": "nightly", "failed": True}, ""),
        ({}, ""),
    ],
)
def test_vm_backup_with_a_name_is_running_until_it_has_completed_or_failed(
    raw_vmi, status, expected
):
    """Source: CRD virtualmachineinstances v1.9, status.changedBlockTracking.backupStatus."""
    body = raw_vmi()
    body["status"]["changedBlockTracking"] = {"state": "Enabled", "backupStatus": status}
    assert read(workloads.VMIS, body).backup == expected


def test_vm_template_cpu_is_decoded_only_if_set(raw_vm):
    body = raw_vm()
    assert read(workloads.VMS, body).cpu == (None, None, None)
    body["spec"]["template"]["spec"]["domain"]["cpu"] = {"cores": 2, "sockets": 3}
    assert read(workloads.VMS, body).cpu == (3, 2, None)


def test_vmi_cpu_and_eviction_strategy_are_decoded(raw_vmi):
    body = raw_vmi()
    body["spec"]["domain"]["cpu"] = {"cores": 2, "sockets": 3, "maxSockets": 8}
    assert read(workloads.VMIS, body).cpu == (3, 2, None)
    assert read(workloads.VMIS, body).eviction_strategy == ""
    body["spec"]["evictionStrategy"] = "LiveMigrate"
    assert read(workloads.VMIS, body).eviction_strategy == "LiveMigrate"


@pytest.mark.parametrize(
    ("requests", "asked"),
    [
        (None, False),
        ([], False),
        ([{"action": "Start"}], True),
        ([{"action": "Stop", "uid": "u"}, {"action": "Start", "data": {"paused": "true"}}], True),
    ],
)
def test_pending_restart_request_is_decoded(raw_vm, requests, asked):
    body = raw_vm()
    body["status"]["stateChangeRequests"] = requests
    assert read(workloads.VMS, body).restart_asked is asked


@pytest.mark.parametrize(
    ("owners", "pool"),
    [
        (None, ""),
        ([], ""),
        ([{"kind": "VirtualMachinePool", "name": "web", "controller": True}], "web"),
        ([{"kind": "Other", "name": "o"}, {"kind": "VirtualMachinePool", "name": "web"}], "web"),
        ([{"kind": "Other", "name": "web"}], ""),
    ],
)
def test_pool_of_a_vm_is_decoded_from_the_owner_references(raw_vm, owners, pool):
    body = raw_vm()
    body["metadata"]["ownerReferences"] = owners
    assert read(workloads.VMS, body).pool == pool


@pytest.mark.parametrize(("annotations", "there"), [(None, False), ({}, True), ({"a": "b"}, True)])
def test_vm_decoder_records_whether_the_vm_has_annotations(raw_vm, annotations, there):
    body = raw_vm()
    body["metadata"]["annotations"] = annotations
    assert read(workloads.VMS, body).annotated is there


def test_vms_that_differ_only_in_resource_version_are_equal(raw_vm):
    one, other = raw_vm(), raw_vm()
    other["metadata"]["resourceVersion"] = "8"
    seen = [read(workloads.VMS, body) for body in (one, other)]
    assert [each.resource_version for each in seen] == ["7", "8"]
    assert seen[0] == seen[1]
    assert snapshot_codec.encode(seen[0]) == snapshot_codec.encode(seen[1])
