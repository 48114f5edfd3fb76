"""Tests what each response to a write means for the written object."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.builders import make_desired, make_live, make_vm, make_vmi, plan_of, want
from support.fake_ports import FakePorts, FakeWriter

from reconciler.errors import UnauthorizedError, UnavailableError, UnreachableError
from reconciler.model.plan.plan import Verb
from reconciler.model.references import vm_ref
from reconciler.model.run.outcome import Actuation, Result
from reconciler.model.run.progress import Step
from reconciler.model.run.write_result import Refusal, Written
from reconciler.rollout.tracking.build_outcome import build_outcome
from reconciler.rollout.tracking.tracked_object import State, TrackedObject
from reconciler.rollout.writes.send_and_handle_answer import (
    APPLIED,
    ATTEMPTS,
    PendingWrite,
    Writes,
)

REFS = [vm_ref("db", f"vm-{n}") for n in range(3)]
DECISIONS = plan_of(
    make_desired(*(want("2Gi", ref) for ref in REFS)),
    make_live(*map(make_vm, REFS), vmis=tuple(map(make_vmi, REFS))),
).decisions
DENIED = Written(refusal=Refusal.DENIED, status=422, message="no, said a webhook")
GUARD = Written(refusal=Refusal.GUARD, status=422, message="a test failed")
INTERNAL = UnavailableError("a webhook does not answer", status=500)
TAKEN = Written(status=200, warnings=("deprecated",))


class Sender:
    """Writes up to three VMs to a fake server that returns the given responses in order."""

    def __init__(self, *answers, annotate=False) -> None:
        self.ports = FakePorts(writer=FakeWriter(answers))
        self.writes = Writes(
            self.ports.context, self.ports.closer, revision="0123abc", annotate=annotate
        )
        self.objects = [TrackedObject(planned=each, latest=each) for each in DECISIONS]

    def send(self, count=1, **changes):
        pending = [
            PendingWrite(
                tracked=each,
                decision=each.latest,
                action=replace(each.latest.actions[0], **changes),
                vm=make_vm(each.ref),
            )
            for each in self.objects[:count]
        ]
        return self.writes.send(pending, self.ports.memory_lease)

    @property
    def steps(self):
        return [each.step for each in self.ports.progress]


@pytest.mark.parametrize(
    ("verb", "step", "event"),
    [
        (Verb.PATCH, Step.PATCHED, "MemoryPatched"),
        (Verb.CREATE, Step.CREATED, "VMCreated"),
        (Verb.RESTART, Step.RESTARTED, "RestartAsked"),
    ],
)
def test_accepted_write_is_reported_as_progress_and_as_a_kubernetes_event(verb, step, event):
    sender = Sender(TAKEN)
    (accepted,) = sender.send(verb=verb)
    assert accepted.tracked.state is State.WRITTEN
    assert sender.steps == [step]
    assert sender.ports.progress[0].message.endswith("(the server warns: deprecated)")
    assert sender.ports.recorder.events == [(event, "vm-0")]
    assert (accepted.tracked.restarted_at is not None) == (verb is Verb.RESTART)


@pytest.mark.parametrize(
    ("answer", "verb", "reason"),
    [
        (DENIED, Verb.PATCH, "denied"),
        (replace(DENIED, refusal=Refusal.FORBIDDEN), Verb.PATCH, "forbidden"),
        (replace(DENIED, refusal=Refusal.NOT_AS_WRITTEN), Verb.PATCH, "not-as-written"),
        (replace(DENIED, refusal=Refusal.NOT_FOUND), Verb.CREATE, "namespace-not-found"),
    ],
)
def test_vm_change_fails_if_the_server_rejects_the_write(answer, verb, reason):
    sender = Sender(answer)
    assert sender.send(verb=verb) == []
    outcome = build_outcome(sender.objects[0])
    assert (outcome.result, outcome.reason) == (Result.FAILED, reason)
    assert outcome.actuation is Actuation.FAILED
    assert sender.steps == [Step.FAILED]
    assert sender.ports.recorder.events == [("WriteRefused", "vm-0")]
    assert not sender.ports.closer.memory.checkpoint.failures


@pytest.mark.parametrize("refusal", [Refusal.GUARD, Refusal.CONFLICT, Refusal.NOT_FOUND])
def test_vm_that_changed_since_the_plan_is_planned_again_after_a_pause(refusal):
    sender = Sender(replace(GUARD, refusal=refusal))
    sender.send()
    tracked = sender.objects[0]
    assert (tracked.state, tracked.unanswered_at) == (State.WAITING, None)
    assert (tracked.attempts, tracked.not_before) == (1, 1.0)
    assert sender.steps == [Step.FOLLOWING]
    assert sender.ports.recorder.events == []


@pytest.mark.parametrize(
    ("answer", "reason"), [(GUARD, "changed-meanwhile"), (INTERNAL, "unavailable")]
)
def test_vm_change_fails_after_the_last_allowed_write_attempt(answer, reason):
    sender = Sender(*[answer] * ATTEMPTS)
    pauses = []
    for _ in range(ATTEMPTS - 1):
        sender.send()
        pauses.append(sender.objects[0].not_before)
        assert sender.objects[0].open
    sender.send()
    assert pauses == [1.0, 2.0, 4.0, 8.0]
    assert build_outcome(sender.objects[0]).reason == reason
    assert sender.ports.recorder.events == [("WriteRefused", "vm-0")]


def test_accepted_write_resets_the_count_of_write_attempts():
    sender = Sender(GUARD, TAKEN)
    sender.send()
    sender.send()
    assert (sender.objects[0].state, sender.objects[0].attempts) == (State.WRITTEN, 0)


def test_write_request_without_a_response_has_an_unknown_result_and_pauses_all_writes():
    sender = Sender(UnreachableError("no answer"))
    assert sender.send() == []
    assert sender.objects[0].in_doubt
    assert not sender.writes.may_send(sender.ports.memory_lease)
    assert sender.steps == [Step.BARRIER]
    sender.ports.clock.sleep(60)
    assert sender.writes.may_send(sender.ports.memory_lease)


def test_webhook_error_for_one_vm_does_not_pause_writes_to_other_vms():
    sender = Sender(INTERNAL)
    sender.send()
    assert sender.objects[0].in_doubt
    assert sender.writes.may_send(sender.ports.memory_lease)


def test_fatal_server_response_prevents_all_further_writes():
    sender = Sender(UnauthorizedError("401", status=401))
    with pytest.raises(UnauthorizedError):
        sender.send(count=3)
    assert [each.ref for each in sender.ports.writer.sent] == REFS[:1]
    assert not sender.objects[0].in_doubt


def test_rollout_sends_no_more_writes_after_the_loss_of_the_lease_or_a_stop_signal():
    sender = Sender()
    assert sender.writes.may_send(sender.ports.memory_lease)
    sender.ports.stopping = True
    assert not sender.writes.may_send(sender.ports.memory_lease)
    sender.ports.stopping = False
    sender.ports.memory_lease.is_held = False
    assert not sender.writes.may_send(sender.ports.memory_lease)


@pytest.mark.parametrize(
    ("annotate", "verb"), [(True, Verb.PATCH), (True, Verb.RESTART), (False, Verb.PATCH)]
)
def test_vm_patch_contains_the_commit_annotation_only_if_configured(annotate, verb):
    sender = Sender(annotate=annotate)
    sender.send(verb=verb)
    (sent,) = sender.ports.writer.sent
    text = json.dumps([each.plain() for each in sent.patch]).replace("~1", "/")
    assert (APPLIED in text) == (annotate and verb is Verb.PATCH)
