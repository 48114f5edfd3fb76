"""Tests the API request that restarts a VM, and the result of each response."""

from __future__ import annotations

import pytest

from reconciler.cluster.write.writer import ClusterWriter
from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Action, Effect, Reason, Verb
from reconciler.model.references import Uid, vm_ref
from reconciler.model.run.write_result import Refusal

PATH = "/apis/subresources.kubevirt.io/v1/namespaces/db/virtualmachines/pg-0/restart"
RESTART = Action(
    ref=vm_ref("db", "pg-0"),
    uid=Uid("uid-pg-0"),
    wave=WaveName.RESTART,
    effect=Effect.RESTART,
    reason=Reason.RESTART_PENDING,
    verb=Verb.RESTART,
    digest="sha256:0",
)
HALTED = (
    'Operation cannot be fulfilled on virtualmachine.kubevirt.io "pg-0": RunStategy Halted does'
    " not support manual restart requests"
)
NOT_RUNNING = (
    'Operation cannot be fulfilled on virtualmachine.kubevirt.io "pg-0": VM is not running: Halted'
)
NOT_JSON = "Can not unmarshal Request body to struct, error: unexpected EOF"
UNDER_WAY = "Internal error occurred: unable to complete request: stop/start already underway"


@pytest.fixture
def writer(client):
    return ClusterWriter(client)


def test_restart_request_rejected_with_406_is_reported_with_the_http_reason_phrase(
    server, writer, reply
):
    text = "406: Not Acceptable\n\nAvailable representations: "
    server.on(PATH, reply(406, text, (("Content-Type", "text/plain; charset=utf-8"),)))
    written = writer.write(RESTART)
    assert (written.refusal, written.status) == (Refusal.DENIED, 406)
    assert written.message == "Not Acceptable"


@pytest.mark.parametrize(
    ("code", "reason", "message", "refusal"),
    [
        (409, "Conflict", HALTED, Refusal.CONFLICT),
        (409, "Conflict", NOT_RUNNING, Refusal.CONFLICT),
        (500, "InternalError", UNDER_WAY, Refusal.CONFLICT),
        (404, "NotFound", 'virtualmachine.kubevirt.io "pg-0" not found', Refusal.NOT_FOUND),
        (403, "Forbidden", "cannot update resource", Refusal.FORBIDDEN),
        (400, "BadRequest", NOT_JSON, Refusal.DENIED),
        (400, "BadRequest", "gracePeriod has to be greater or equal to 0", Refusal.DENIED),
        (405, "MethodNotAllowed", "not here", Refusal.DENIED),
    ],
)
def test_rejected_restart_request_is_returned_as_a_result_instead_of_an_exception(
    server, writer, failure, code, reason, message, refusal
):
    server.on(PATH, failure(code, message, reason))
    written = writer.write(RESTART)
    assert (written.refusal, written.status, written.message) == (refusal, code, message)
    assert len(server.requests) == 1
