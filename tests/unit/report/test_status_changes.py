"""``status --watch`` prints one line per VM, and prints the line again only after a change."""

from __future__ import annotations

from reconciler.report.status_changes import changed_lines, status_lines, without_times

CR = {"namespace": "kubevirt", "name": "kubevirt", "version": "v1.9.0", "phase": "Deployed"}


def vm(name: str = "pg-0", **overrides) -> dict:
    base = {
        "kind": "VirtualMachine",
        "namespace": "db",
        "name": name,
        "desired": "12Gi",
        "desiredInstancetype": None,
        "spec": "8Gi",
        "specInstancetype": None,
        "guestRequested": "8Gi",
        "guestCurrent": "8Gi",
        "guestAtBoot": "8Gi",
        "maxGuest": "32Gi",
        "phase": "Running",
        "node": "node01",
        "conditions": [],
        "migration": None,
        "convergence": None,
    }
    return base | overrides


def document(*vms: dict, at: str = "2026-03-02T09:30:00Z", **cr: str) -> dict:
    return {"kind": "Status", "observedAt": at, "kubevirt": CR | cr, "vms": list(vms)}


def judged(message: str = "m", verdict: str = "in-progress", reason: str = "in-flight") -> dict:
    return {"verdict": verdict, "reason": reason, "message": message, "hint": ""}


def line(found: dict) -> str:
    return status_lines(document(found))["db/pg-0"]


def test_status_watch_line_shows_memory_node_migration_and_state_of_a_vm():
    migration = {"phase": "Running", "sourceNode": "node01", "targetNode": "node02"}
    found = vm(migration=migration, convergence=judged(), conditions=["HotMemoryChange"])
    assert line(found) == (
        "desired 12Gi, spec 8Gi, guest 8Gi, Running on node01, migration Running node01 -> "
        "node02, in-progress (in-flight), HotMemoryChange"
    )


def test_status_watch_line_shows_the_instancetype_of_a_vm_without_a_memory_size():
    found = vm(desired=None, desiredInstancetype="large", spec=None, guestCurrent=None, node=None)
    assert line(found) == "desired large, spec -, guest -, Running"


def test_status_watch_line_shows_a_migration_that_has_no_phase():
    found = vm(migration={"phase": "", "sourceNode": None, "targetNode": None})
    assert line(found).endswith(", migration Unset")


def test_status_watch_prints_only_changed_vms():
    before = status_lines(document(vm(), vm("pg-1")))
    now = status_lines(document(vm(), vm("pg-1", guestCurrent="12Gi")))
    assert list(changed_lines(before, now)) == [
        "db/pg-1: desired 12Gi, spec 8Gi, guest 12Gi, Running on node01"
    ]
    assert list(changed_lines(now, now)) == []


def test_status_watch_prints_removed_vms_and_changes_of_the_kubevirt_cr():
    before = status_lines(document(vm()))
    now = status_lines(document(phase="Updating"))
    assert list(changed_lines(before, now)) == [
        "KubeVirt kubevirt/kubevirt: v1.9.0 Updating",
        "db/pg-0: no longer exists",
    ]


def test_status_watch_ignores_changes_of_times_and_durations():
    before = document(vm(convergence=judged("for 5 s")))
    now = document(vm(convergence=judged("for 6 s")), at="2026-03-02T09:30:01Z")
    assert without_times(before) == without_times(now)
    assert status_lines(before) == status_lines(now)
    failed = document(vm(convergence=judged("for 6 s", "failed", "guest-silent")))
    assert without_times(failed) != without_times(now)


def test_status_watch_line_escapes_control_characters():
    (_, found) = status_lines(document(vm("pg\x1b[2J")))
    assert found == "db/pg\\x1b[2J"
