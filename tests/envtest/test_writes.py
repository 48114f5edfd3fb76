"""Tests VM patches with an API server: guards, rejected fields and verified results."""

from __future__ import annotations

import json

import pytest

from reconciler.cluster.api import resource_paths
from reconciler.model.fields import GUEST_MEMORY, WaveName
from reconciler.model.plan.plan import Action, Effect, PatchOp, Reason, Verb
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import pointer, vm_ref
from reconciler.model.run.write_result import Refusal
from reconciler.plan.patches import guest_patch

GUEST = pointer(GUEST_MEMORY)


def action(ref, patch, **more):
    base = {
        "ref": ref,
        "uid": None,
        "wave": WaveName.MEMORY,
        "effect": Effect.COLD,
        "reason": Reason.NOT_RUNNING,
        "patch": patch,
        "digest": "sha256:0",
    }
    return Action(**(base | more))


def grow(vm, guest="2Gi"):
    """Return the patch with which the product sets the guest memory size of a VM."""
    return action(vm.ref, guest_patch(vm, MemoryQuantity.parse(guest)))


def replaced(patch, path, value):
    """Return a copy of a patch with a different value at *path*."""
    return tuple(
        PatchOp(op=op.op, path=op.path, value=value if op.path == path else op.value)
        for op in patch
    )


def spec(vm):
    """Return the spec fields of a VM that controllers never change."""
    return (vm.uid, vm.generation, str(vm.guest), vm.guest_manager)


@pytest.fixture
def vm(writer, make_vm):
    return writer.read_vm(make_vm())


def test_response_to_an_accepted_vm_patch_contains_the_patched_vm(writer, vm):
    written = writer.write(grow(vm))
    assert (written.refusal, written.status) == (None, 200)
    assert str(written.vm.guest) == "2Gi"
    assert spec(writer.read_vm(vm.ref)) == spec(written.vm)
    assert written.vm.generation == vm.generation + 1


def test_vm_patch_changes_only_the_guest_size(writer, client, vm):
    before = json.loads(client.get(resource_paths.of(vm.ref)))["spec"]
    writer.write(grow(vm))
    before["template"]["spec"]["domain"]["memory"]["guest"] = "2Gi"
    assert json.loads(client.get(resource_paths.of(vm.ref)))["spec"] == before


def test_vm_patch_that_writes_2gi_as_2048mi_is_accepted(writer, vm):
    written = writer.write(grow(vm, "2048Mi"))
    assert written.refusal is None
    assert written.vm.guest == MemoryQuantity.parse("2Gi")


def test_json_patch_that_tests_the_uid_of_a_different_vm_is_rejected(writer, vm):
    other = replaced(grow(vm).patch, "/metadata/uid", "00000000-0000-0000-0000-000000000000")
    written = writer.write(action(vm.ref, other))
    assert (written.refusal, written.status) == (Refusal.GUARD, 422)
    assert spec(writer.read_vm(vm.ref)) == spec(vm)


def test_json_patch_that_tests_the_old_size_in_a_different_notation_is_rejected(writer, vm):
    patch = (
        PatchOp(op="test", path=GUEST, value="1024Mi"),
        PatchOp(op="replace", path=GUEST, value="2Gi"),
    )
    assert writer.write(action(vm.ref, patch)).refusal == Refusal.GUARD
    assert spec(writer.read_vm(vm.ref)) == spec(vm)


def test_json_patch_that_tests_an_outdated_size_is_rejected(writer, vm):
    stale = grow(vm, "3Gi")
    assert writer.write(grow(vm, "2Gi")).refusal is None
    assert writer.write(stale).refusal == Refusal.GUARD
    assert str(writer.read_vm(vm.ref).guest) == "2Gi"


def test_patch_that_adds_a_field_is_rejected_if_the_vm_was_edited_after_it_was_read(
    writer, client, make_vm
):
    bare = writer.read_vm(make_vm(guest=None))
    assert bare.guest is None
    patch = grow(bare, "2Gi")
    assert ("test", "/metadata/generation") in [(op.op, op.path) for op in patch.patch]
    meddle = [{"op": "add", "path": "/spec/template/metadata/labels", "value": {"a": "b"}}]
    answer = client.patch(resource_paths.of(bare.ref), meddle)
    if answer.status == 422:
        # Without KubeVirt's webhooks, the template has no metadata yet.
        meddle = [
            {"op": "add", "path": "/spec/template/metadata", "value": {"labels": {"a": "b"}}}
        ]
        answer = client.patch(resource_paths.of(bare.ref), meddle)
    assert answer.status == 200, answer.body
    assert writer.write(patch).refusal == Refusal.GUARD
    again = writer.write(grow(writer.read_vm(bare.ref), "2Gi"))
    assert (again.refusal, str(again.vm.guest)) == (None, "2Gi")


def test_patch_with_an_unknown_field_is_rejected_instead_of_applied_without_the_field(
    writer, client, vm
):
    path = "/spec/template/spec/domain/memory/gueest"
    patch = (PatchOp(op="add", path=path, value="2Gi"),)
    written = writer.write(action(vm.ref, patch))
    assert (written.refusal, written.status) == (Refusal.DENIED, 422)
    assert 'unknown field "spec.template.spec.domain.memory.gueest"' in written.message
    ignored = client.send(
        "PATCH",
        resource_paths.of(vm.ref),
        query={"fieldManager": "somebody", "fieldValidation": "Ignore"},
        body=[op.plain() for op in patch],
    )
    assert ignored.status == 200
    assert (
        b"gueest" not in ignored.body
    )  # without Strict: status 200, and the field is pruned silently


def test_patch_with_a_value_of_the_wrong_type_is_rejected(writer, vm):
    patch = (PatchOp(op="replace", path=GUEST, value={"a": 1}),)
    assert writer.write(action(vm.ref, patch)).refusal == Refusal.DENIED


def test_patch_of_a_deleted_vm_returns_not_found(writer, client, vm, eventually):
    client.send("DELETE", resource_paths.of(vm.ref))
    eventually(lambda: writer.read_vm(vm.ref) is None, f"{vm.ref} is gone")
    written = writer.write(grow(vm))
    assert (written.refusal, written.status) == (Refusal.NOT_FOUND, 404)


def test_second_create_request_for_a_vm_returns_an_already_exists_error(writer, namespace):
    ref = vm_ref(namespace, "new")
    domain = {"devices": {}, "memory": {"guest": "1Gi"}}
    manifest = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"runStrategy": "Halted", "template": {"spec": {"domain": domain}}},
    }
    create = action(ref, (), verb=Verb.CREATE, manifest=manifest)
    written = writer.write(create)
    assert (written.refusal, str(written.vm.guest)) == (None, "1Gi")
    assert writer.write(create).refusal == Refusal.EXISTS
    domain["memory"]["gueest"] = "1Gi"
    manifest["metadata"]["name"] = "wrong"
    refused = writer.write(
        action(vm_ref(namespace, "wrong"), (), verb=Verb.CREATE, manifest=manifest)
    )
    assert refused.refusal == Refusal.DENIED
    assert 'unknown field "spec.template.spec.domain.memory.gueest"' in refused.message


def test_decoded_vm_contains_the_field_manager_that_last_set_the_guest_size(writer, vm):
    assert vm.guest_manager == "somebody"
    written = writer.write(grow(vm))
    assert written.vm.guest_manager == "reconciler"
    assert writer.read_vm(vm.ref).guest_manager == "reconciler"


def test_reconciler_is_field_manager_of_only_the_guest_size_of_a_vm(writer, client, vm):
    writer.write(grow(vm))
    entries = json.loads(client.get(resource_paths.of(vm.ref)))["metadata"]["managedFields"]
    (own,) = [each for each in entries if each["manager"] == "reconciler"]
    leaf = {"f:guest": {}}
    for key in ("memory", "domain", "spec", "template", "spec"):
        leaf = {f"f:{key}": leaf}
    assert (own["operation"], own["fieldsV1"]) == ("Update", leaf)
