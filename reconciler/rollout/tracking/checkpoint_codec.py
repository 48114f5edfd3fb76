"""The record that one pass leaves to the next, as the value of one annotation of a Lease."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.model.references import KUBEVIRT_GROUP, ObjectRef, Uid, vm_ref
from reconciler.model.run.checkpoint import Checkpoint, RecordedFailure, Soak, Start

if TYPE_CHECKING:
    from collections.abc import Mapping

ANNOTATION = "memory.reconciler.dev/rollout"
"""The annotation's name."""
MOST_FAILURES = 200
"""More are not kept: the oldest go first."""
LONGEST_MESSAGE = 300
"""Characters of a message that are kept."""
MOST_BYTES = 128 * 1024
"""Half of what an object may hold in all its annotations.

Source: kubernetes v1.33 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
TotalAnnotationSizeLimitB.
"""
LASTS = timedelta(hours=1)
"""After this long a failure is forgotten, and the VM is tried again."""
_SHOWN = 80
"""Characters of what cannot be read that a message quotes."""
_UNREADABLE = (
    AttributeError,
    KeyError,
    OverflowError,  # a time in year 1, east of Greenwich
    RecursionError,  # brackets in brackets, a thousand deep
    TypeError,
    ValueError,
)


class Decoded(NamedTuple):
    """What an annotation holds."""

    checkpoint: Checkpoint
    problem: str = ""
    """Why it cannot be read, in one sentence; the record is empty then."""


def encoded(checkpoint: Checkpoint) -> str | None:
    """*checkpoint* as the annotation's value; None if there is nothing to keep.

    Of more failures than may be kept the oldest are left out, and long messages are cut.
    """
    newest = sorted(checkpoint.failures.items(), key=_age, reverse=True)[:MOST_FAILURES]
    begun = sorted(checkpoint.starts.items(), key=lambda item: item[1].at, reverse=True)
    starts = [_start_document(ref, each) for ref, each in begun[:MOST_FAILURES]]
    while newest or checkpoint.soak or starts:
        failures = [_failure_document(ref, each) for ref, each in newest]
        soak = {"soak": _soak_document(checkpoint.soak)} if checkpoint.soak else {}
        document = {**soak, "failures": failures, **({"starts": starts} if starts else {})}
        text = json.dumps(document, separators=(",", ":"))
        if len(text) <= MOST_BYTES or not newest:
            return text
        newest = newest[: len(newest) * 3 // 4]
    return None


def decoded(text: str | None) -> Decoded:
    """What the annotation *text* holds; None or empty where there is none."""
    if not text:
        return Decoded(Checkpoint())
    try:
        document = json.loads(text)
        soak = document.get("soak")
        failures = dict(_failure(each) for each in document.get("failures", []))
        starts = dict(_start(each) for each in document.get("starts", []))
        return Decoded(
            Checkpoint(soak=_soak(soak) if soak else None, failures=failures, starts=starts)
        )
    except _UNREADABLE as error:
        why = _cut(f"{type(error).__name__}: {error}", _SHOWN)
        return Decoded(
            Checkpoint(),
            f"the annotation {ANNOTATION} of the lease cannot be read ({why}); this run starts a"
            f" new one instead of {_cut(text, _SHOWN)!r}",
        )


def without_expired(checkpoint: Checkpoint, now: datetime) -> Checkpoint:
    """*checkpoint* without the failures and starts that are older than an hour at *now*."""
    kept = {ref: each for ref, each in checkpoint.failures.items() if now - each.at <= LASTS}
    starts = {ref: each for ref, each in checkpoint.starts.items() if now - each.at <= LASTS}
    return replace(checkpoint, failures=kept, starts=starts)


def _age(item: tuple[ObjectRef, RecordedFailure]) -> tuple[datetime, ObjectRef]:
    ref, failure = item
    return failure.at, ref


def _soak_document(soak: Soak) -> dict[str, str]:
    return {"digest": soak.digest, "since": _rfc3339(soak.since)}


def _soak(document: Mapping[str, Any]) -> Soak:
    return Soak(digest=_text(document["digest"]), since=_time(document["since"]))


def _failure_document(ref: ObjectRef, failure: RecordedFailure) -> dict[str, str | None]:
    return {
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "uid": failure.uid,
        "target": failure.target,
        "reason": failure.reason,
        "message": _cut(failure.message, LONGEST_MESSAGE),
        "at": _rfc3339(failure.at),
    }


def _failure(document: Mapping[str, Any]) -> tuple[ObjectRef, RecordedFailure]:
    uid = document["uid"]
    ref = ObjectRef(
        group=KUBEVIRT_GROUP,
        kind=_text(document["kind"]),
        namespace=_text(document["namespace"]),
        name=_text(document["name"]),
    )
    return ref, RecordedFailure(
        uid=None if uid is None else Uid(_text(uid)),
        target=_text(document["target"]),
        reason=_text(document["reason"]),
        message=_text(document["message"]),
        at=_time(document["at"]),
    )


def _start_document(ref: ObjectRef, start: Start) -> dict[str, str | None]:
    return {
        "namespace": ref.namespace,
        "name": ref.name,
        "uid": start.uid,
        "target": start.target,
        "instance": start.instance,
        "at": _rfc3339(start.at),
    }


def _start(document: Mapping[str, Any]) -> tuple[ObjectRef, Start]:
    uid, instance = document["uid"], document["instance"]
    return vm_ref(_text(document["namespace"]), _text(document["name"])), Start(
        uid=None if uid is None else Uid(_text(uid)),
        target=_text(document["target"]),
        instance=None if instance is None else Uid(_text(instance)),
        at=_time(document["at"]),
    )


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _time(value: object) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError(f"{value} names no time zone")
    return at.astimezone(UTC)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
