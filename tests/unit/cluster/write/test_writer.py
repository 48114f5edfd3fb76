"""Tests that each write sends one request, and how the response is checked."""

from __future__ import annotations

import pytest

from reconciler.cluster.api.transport import Transport
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import UnauthorizedError, UnavailableError, UnreachableError
from reconciler.model import fields
from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Action, Effect, PatchOp, Reason, Verb
from reconciler.model.references import Uid, kubevirt_ref, pointer, vm_ref
from reconciler.model.run.write_result import Refusal

PG0 = vm_ref("db", "pg-0")
KUBEVIRT = kubevirt_ref("kubevirt", "kubevirt")
VM_PATH = "/apis/kubevirt.io/v1/namespaces/db/virtualmachines"
CR_PATH = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt"


def action(ref=PG0, *ops, **more):
    base = {
        "ref": ref,
        "uid": Uid("uid-pg-0"),
        "wave": WaveName.MEMORY,
        "effect": Effect.LIVE,
        "reason": Reason.HOTPLUG,
        "patch": ops,
        "digest": "sha256:0",
    }
    return Action(**{**base, **more})


def grow(guest="2Gi"):
    path = pointer(fields.GUEST_MEMORY)
    return action(
        PG0,
        PatchOp(op="test", path="/metadata/uid", value="uid-pg-0"),
        PatchOp(op="test", path=path, value="1Gi"),
        PatchOp(op="replace", path=path, value=guest),
    )


@pytest.fixture
def writer(client):
    return ClusterWriter(client)


def test_accepted_patch_returns_the_patched_vm(server, writer, reply, raw_vm):
    server.on(f"{VM_PATH}/pg-0", reply(200, raw_vm(guest="2Gi"), (("Warning", '299 - "w"'),)))
    written = writer.write(grow())
    assert written.refusal is None
    assert written.status == 200
    assert written.vm.guest.raw == "2Gi"
    assert written.warnings == ("w",)
    (request,) = server.requests
    assert request.headers["Content-Type"] == "application/json-patch+json"
    assert [op["op"] for op in request.body] == ["test", "test", "replace"]
    assert "dryRun" not in request.query


def test_patch_counts_as_written_if_the_response_has_the_size_in_another_notation(
    server, writer, reply, raw_vm
):
    server.on(f"{VM_PATH}/pg-0", reply(200, raw_vm(guest=2147483648)))
    assert writer.write(grow("2048Mi")).refusal is None


@pytest.mark.parametrize("held", ["1Gi", None])
def test_patch_counts_as_not_written_if_the_response_has_a_different_size(
    server, writer, reply, raw_vm, held
):
    server.on(f"{VM_PATH}/pg-0", reply(200, raw_vm(guest=held)))
    written = writer.write(grow())
    assert written.refusal is Refusal.NOT_AS_WRITTEN
    assert f"memory.guest is {held or 'absent'}, not 2Gi" in written.message
    assert written.vm is None


TEST_FAILED = "the server rejected our request due to an error in our request"
WEBHOOK = 'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: '
POLICY = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression"
CAUSE = ({"reason": "FieldValueInvalid", "message": "m", "field": "spec"},)
REFUSALS = [
    pytest.param(422, TEST_FAILED, "Invalid", (), Refusal.GUARD, id="test-failed"),
    pytest.param(422, WEBHOOK + "no", "Invalid", CAUSE, Refusal.DENIED, id="webhook"),
    pytest.param(422, WEBHOOK + "no", "Invalid", (), Refusal.DENIED, id="webhook-no-cause"),
    pytest.param(403, WEBHOOK + "no", "Forbidden", (), Refusal.DENIED, id="webhook-403"),
    pytest.param(400, WEBHOOK + "no", "", (), Refusal.DENIED, id="webhook-400"),
    pytest.param(422, POLICY, "Invalid", (), Refusal.DENIED, id="policy"),
    pytest.param(422, "is invalid: spec", "Invalid", CAUSE, Refusal.DENIED, id="schema"),
    pytest.param(400, "error decoding patch", "BadRequest", (), Refusal.DENIED, id="decoding"),
    pytest.param(403, 'User "u" cannot patch', "Forbidden", (), Refusal.FORBIDDEN, id="rbac"),
    pytest.param(404, '"pg-0" not found', "NotFound", (), Refusal.NOT_FOUND, id="not-found"),
    pytest.param(409, "has been modified", "Conflict", (), Refusal.CONFLICT, id="conflict"),
    pytest.param(409, "already exists", "AlreadyExists", (), Refusal.EXISTS, id="exists"),
]


@pytest.mark.parametrize(("code", "message", "reason", "causes", "refusal"), REFUSALS)
def test_rejected_patch_is_returned_as_a_result_instead_of_an_exception(
    server, writer, failure, code, message, reason, causes, refusal
):
    server.on(f"{VM_PATH}/pg-0", failure(code, message, reason, causes))
    written = writer.write(grow())
    assert written.refusal is refusal
    assert written.status == code
    assert written.message == message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [(401, UnauthorizedError), (429, UnavailableError), (500, UnavailableError)]
)
def test_error_response_that_does_not_reject_the_write_raises_an_error(
    server, writer, failure, code, kind
):
    server.on(f"{VM_PATH}/pg-0", failure(code, WEBHOOK + "no" if code == 500 else "no"))
    with pytest.raises(kind):
        writer.write(grow())


def test_write_to_a_kind_that_the_server_does_not_serve_raises_an_error(server, writer):
    with pytest.raises(Exception, match="Not Found"):
        writer.write(grow())


def test_interrupted_write_raises_an_error(server, writer, reply):
    server.on(f"{VM_PATH}/pg-0", reply(cut=True))
    with pytest.raises(UnreachableError):
        writer.write(grow())


LIVE_UPDATE = "/spec/configuration/liveUpdateConfiguration"
GATES = "/spec/configuration/developerConfiguration/featureGates"
METHODS = "/spec/workloadUpdateStrategy/workloadUpdateMethods"
HELD = [
    pytest.param(PatchOp(op="add", path=LIVE_UPDATE, value={"maxGuest": "8192Mi"}), id="nested"),
    pytest.param(PatchOp(op="add", path=LIVE_UPDATE, value={}), id="empty-parent"),
    pytest.param(PatchOp(op="add", path=f"{GATES}/-", value="Snapshot"), id="append"),
    pytest.param(PatchOp(op="replace", path=METHODS, value=["LiveMigrate"]), id="list"),
    pytest.param(PatchOp(op="remove", path="/spec/configuration/migrations"), id="remove"),
    pytest.param(
        PatchOp(op="add", path="/spec/workloadUpdateStrategy/batchEvictionInterval", value="60s"),
        id="duration",
    ),
]
UNHELD = [
    pytest.param(PatchOp(op="add", path=LIVE_UPDATE, value={"maxGuest": "9Gi"}), id="nested"),
    pytest.param(PatchOp(op="add", path=LIVE_UPDATE, value={"maxCpuSockets": 4}), id="pruned"),
    pytest.param(PatchOp(op="add", path="/spec/configuration/migrations", value={}), id="parent"),
    pytest.param(PatchOp(op="add", path=f"{GATES}/-", value="Sidecar"), id="append"),
    pytest.param(PatchOp(op="replace", path=METHODS, value=["Evict"]), id="list"),
    pytest.param(PatchOp(op="remove", path=METHODS), id="remove"),
]


@pytest.mark.parametrize(("held", "refusal"), [("u1", None), ("u2", Refusal.NOT_AS_WRITTEN)])
def test_instancetype_name_in_the_response_is_compared_exactly(
    server, writer, reply, raw_vm, held, refusal
):
    body = raw_vm()
    body["spec"]["instancetype"] = {"name": held}
    server.on(f"{VM_PATH}/pg-0", reply(200, body))
    op = PatchOp(op="replace", path="/spec/instancetype/name", value="u1")
    assert writer.write(action(PG0, op)).refusal is refusal


@pytest.mark.parametrize("op", HELD)
def test_kubevirt_cr_patch_counts_as_written_if_the_response_has_the_value(
    server, writer, reply, raw_kubevirt, op
):
    server.on(CR_PATH, reply(200, raw_kubevirt()))
    written = writer.write(action(KUBEVIRT, op))
    assert written.refusal is None
    assert written.kubevirt.ref == KUBEVIRT


@pytest.mark.parametrize("op", UNHELD)
def test_kubevirt_cr_patch_counts_as_not_written_if_the_response_lacks_the_value(
    server, writer, reply, raw_kubevirt, op
):
    server.on(CR_PATH, reply(200, raw_kubevirt()))
    written = writer.write(action(KUBEVIRT, op))
    assert written.refusal is Refusal.NOT_AS_WRITTEN
    assert written.message


def test_vm_create_request_is_a_post_of_the_manifest(server, writer, reply, raw_vm):
    manifest = raw_vm(guest="2Gi")
    server.on(VM_PATH, reply(201, raw_vm(guest="2048Mi")))
    written = writer.write(action(verb=Verb.CREATE, manifest=manifest, uid=None))
    assert (written.refusal, written.status) == (None, 201)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", VM_PATH)
    assert request.body == manifest
    assert request.query == {"fieldManager": "reconciler", "fieldValidation": "Strict"}


def test_vm_create_counts_as_not_written_if_the_response_has_a_different_memory_size(
    server, writer, reply, raw_vm
):
    server.on(VM_PATH, reply(201, raw_vm(guest="1Gi")))
    written = writer.write(action(verb=Verb.CREATE, manifest=raw_vm(guest="2Gi"), uid=None))
    assert written.refusal is Refusal.NOT_AS_WRITTEN


def test_cluster_writer_reads_a_single_vm_with_a_get_request(
    server, writer, reply, raw_vm, failure
):
    server.on(f"{VM_PATH}/pg-0", reply(200, raw_vm()))
    server.on(f"{VM_PATH}/pg-1", failure(404, "not found", "NotFound"))
    assert writer.read_vm(PG0).guest.raw == "1Gi"
    assert writer.read_vm(vm_ref("db", "pg-1")) is None


WEBHOOK = (
    'Internal error occurred: failed calling webhook "virtualmachine-validator.kubevirt.io":'
    ' failed to call webhook: Post "https://virt-api.kubevirt.svc:443/virtualmachines-validate?'
    'timeout=10s": dial tcp 10.96.0.7:443: connect: connection refused'
)


@pytest.mark.parametrize("verb", Verb)
def test_failed_call_of_an_admission_webhook_does_not_count_as_a_denied_write(
    server, writer, failure, verb
):
    server.on("/apis", failure(500, WEBHOOK, "InternalError"))
    with pytest.raises(UnavailableError, match="failed calling webhook") as caught:
        writer.write(action(verb=verb, manifest={}))
    assert caught.value.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize("verb", Verb)
def test_write_response_with_retry_after_raises_an_error_without_a_retry(
    server, writer, reply, verb
):
    server.on("/apis", reply(429, "", (("Retry-After", "7"),)))
    with pytest.raises(UnavailableError) as caught:
        writer.write(action(verb=verb, manifest={}))
    assert caught.value.retry_after_s == 7.0
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("own_s", "given_s", "waits_s"), [(5.0, 2.0, 2.0), (2.0, 5.0, 2.0), (3.0, None, 3.0)]
)
@pytest.mark.parametrize("verb", Verb)
def test_write_timeout_is_the_shorter_of_the_client_timeout_and_the_given_timeout(
    server, make_client, failure, monkeypatch, verb, own_s, given_s, waits_s
):
    server.on("/apis", failure(503, "not now"))
    client = make_client(request_timeout_s=own_s)
    seen = []
    sent = Transport.open

    def watched(self, request, timeout_s):
        seen.append(timeout_s)
        return sent(self, request, timeout_s)

    monkeypatch.setattr(Transport, "open", watched)
    with pytest.raises(UnavailableError):
        ClusterWriter(client).write(action(verb=verb, manifest={}), timeout_s=given_s)
    assert seen == [waits_s]
