"""Tests server-side apply: field ownership, conflicts, and forced changes."""

import pytest
from support.apiserver import APPLY_PATCH, VMS, vm

GUEST = "/spec/template/spec/domain/memory/guest"


def minimal(guest="2Gi", **metadata):
    return vm(guest=guest, **metadata)


def apply(server, config, manager="git", *, force=False, name="pg"):
    query = f"fieldManager={manager}" + ("&force=true" if force else "")
    return server.send("PATCH", f"{VMS}/{name}?{query}", config, APPLY_PATCH)


def entry(answer, manager, operation="Apply"):
    return next(
        e
        for e in answer.body["metadata"]["managedFields"]
        if (e["manager"], e["operation"]) == (manager, operation)
    )


def test_server_side_apply_creates_an_absent_object(server):
    created = apply(server, minimal())
    assert (created.status, created.guest) == (201, "2Gi")
    memory = entry(created, "git")["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:domain"]
    assert memory["f:memory"] == {"f:guest": {}}


def test_server_side_apply_accepts_yaml(server):
    text = """
        apiVersion: kubevirt.io/v1
        kind: VirtualMachine
        metadata: {name: pg}
        spec:
          runStrategy: Halted
          template: {spec: {domain: {devices: {}, memory: {guest: 3Gi}}}}
    """
    assert apply(server, text).guest == "3Gi"


def test_second_identical_server_side_apply_changes_nothing(server):
    first = apply(server, minimal())
    server.clock.advance(60)
    assert apply(server, minimal()).body == first.body


def test_server_side_apply_over_another_managers_value_is_a_conflict(server):
    apply(server, minimal("1Gi"))
    refused = apply(server, minimal("2Gi"), "other")
    path = GUEST.replace("/", ".")
    assert refused.status == 409
    assert refused.body["message"] == f'Apply failed with 1 conflict: conflict with "git": {path}'
    assert refused.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "git"', "field": path}
    ]
    assert server.send("GET", f"{VMS}/pg").guest == "1Gi"


def test_server_side_apply_conflict_with_an_update_by_another_manager_shows_its_api_version(
    server,
):
    server.create_vm()
    refused = apply(server, minimal("2Gi", labels={"a": "b"}))
    assert 'conflict with "test" using kubevirt.io/v1: ' in refused.body["message"]


def test_server_side_apply_conflicts_are_listed_by_manager(server):
    server.create_vm()
    config = minimal("2Gi")
    config["spec"]["runStrategy"] = "Always"
    assert apply(server, config).body["message"] == (
        'Apply failed with 2 conflicts: conflicts with "test" using kubevirt.io/v1:\n'
        "- .spec.runStrategy\n"
        "- .spec.template.spec.domain.memory.guest"
    )


def test_forced_server_side_apply_takes_a_field_over_from_its_owner(server):
    apply(server, minimal("1Gi"))
    forced = apply(server, minimal("2Gi"), "other", force=True)
    assert forced.guest == "2Gi"
    left = entry(forced, "git")["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:domain"]
    assert "f:memory" not in left


def test_managers_that_apply_the_same_value_share_ownership_of_the_field(server):
    apply(server, minimal("1Gi"))
    shared = apply(server, minimal("1Gi"), "other")
    assert shared.status == 200
    assert entry(shared, "git")["fieldsV1"] == entry(shared, "other")["fieldsV1"]


def test_server_side_apply_removes_a_field_that_its_only_manager_omits(server):
    apply(server, minimal(labels={"tier": "db"}))
    dropped = apply(server, minimal())
    assert "labels" not in dropped.body["metadata"]


def test_server_side_apply_keeps_a_field_that_another_manager_shares(server):
    apply(server, minimal(labels={"tier": "db"}))
    apply(server, minimal(labels={"tier": "db"}), "other")
    assert apply(server, minimal()).body["metadata"]["labels"] == {"tier": "db"}


def test_server_side_apply_keeps_fields_that_are_not_in_the_applied_configuration(server):
    server.create_vm(labels={"mine": "yes"})
    applied = apply(server, minimal("1Gi", labels={"git": "yes"}))
    assert applied.body["metadata"]["labels"] == {"mine": "yes", "git": "yes"}


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        (
            lambda c: c["spec"].update(nope=1),
            500,
            (
                "failed to create typed patch object (db/pg; kubevirt.io/v1, "
                "Kind=VirtualMachine): .spec.nope: field not declared in schema"
            ),
        ),
        (
            lambda c: c["metadata"].update(managedFields=[{}]),
            400,
            "metadata.managedFields must be nil",
        ),
        (
            lambda c: c["metadata"].update(name="other"),
            400,
            "the name of the object (other) does not match the name on the URL (pg)",
        ),
    ],
)
def test_server_side_apply_of_an_invalid_configuration_is_rejected(
    server, change, status, message
):
    config = minimal()
    change(config)
    refused = apply(server, config)
    assert (refused.status, refused.body["message"]) == (status, message)


def test_server_side_apply_requires_a_field_manager(server):
    refused = server.send("PATCH", f"{VMS}/pg", minimal(), APPLY_PATCH)
    assert refused.status == 422
    assert refused.body["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for '
        "apply patch"
    )


def test_dry_run_of_a_server_side_apply_stores_nothing(server):
    query = f"{VMS}/pg?fieldManager=git&dryRun=All"
    assert server.send("PATCH", query, minimal(), APPLY_PATCH).status == 201
    assert server.send("GET", f"{VMS}/pg").status == 404
