"""``encoded`` and ``decoded``: convert saved rollout progress to and from an annotation value.

Users can edit the annotation, so ``decoded`` reports an invalid value and raises no exception.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from reconciler.decoders import convert, json_decoder
from reconciler.escaping import json_text
from reconciler.model.annotations import ROLLOUT
from reconciler.model.references import VM, ObjectRef, vm_ref
from reconciler.model.run.checkpoint import (
    Checkpoint,
    RecordedFailure,
    Soak,
    Start,
    WrittenSize,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FAILURES = 200
"""The maximum number of failures in a checkpoint; the oldest failures are dropped."""
LONGEST_MESSAGE = 300
"""The maximum length, in characters, of a failure message in a checkpoint."""
MOST_BYTES = 128 * 1024
"""The maximum size of a checkpoint in bytes: half of Kubernetes' limit for all annotations.

Source: kubernetes v1.33 staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go,
TotalAnnotationSizeLimitB.
"""
MOST_WRITTEN = 2_000
"""The maximum number of changes in flight in a checkpoint; the oldest are dropped."""
KEPT_FOR = timedelta(hours=1)
"""How long a checkpoint keeps a failure; after that, a run can change the object again."""
_UNREADABLE = (
    msgspec.MsgspecError,
    OverflowError,  # a time in year 1 with a time zone east of UTC
    RecursionError,  # thousands of nested brackets
    ValueError,
)


class Decoded(NamedTuple):
    """Saved rollout progress (a checkpoint) that was decoded from an annotation value."""

    checkpoint: Checkpoint
    problem: str = ""
    """Why the annotation value is unreadable, as a sentence; the checkpoint is then empty."""


class _Name(msgspec.Struct, frozen=True):
    kind: str
    namespace: str
    name: str


class _Document(msgspec.Struct, frozen=True):
    soak: Soak | None = None
    failures: tuple[dict[str, Any], ...] = ()
    starts: tuple[dict[str, Any], ...] = ()
    written: dict[str, dict[str, dict[str, tuple[str, str]]]] = {}
    """The target size and the first part of the VM's uid, by commit, namespace and name."""


def encoded(checkpoint: Checkpoint) -> str | None:
    """Encode a checkpoint as an annotation value, or return None if the checkpoint is empty.

    If the checkpoint is too long, the oldest changes in flight are dropped, and then the oldest
    failures. Long messages are truncated.
    """
    known = sorted(checkpoint.failures.items(), key=lambda item: (item[1].at, item[0]))
    newest = known[::-1][:MOST_FAILURES]
    latest = sorted(checkpoint.starts.items(), key=lambda item: item[1].at, reverse=True)
    starts = [_start_document(ref, each) for ref, each in latest[:MOST_FAILURES]]
    soak = checkpoint.soak and replace(checkpoint.soak, since=_utc(checkpoint.soak.since))
    written = tuple(checkpoint.written.items())[-MOST_WRITTEN:]
    while newest or soak or starts or written:
        failures = [_failure_document(ref, each) for ref, each in newest]
        document = {
            **({"soak": soak} if soak else {}),
            "failures": failures,
            **({"starts": starts} if starts else {}),
            **({"written": _written_document(written)} if written else {}),
        }
        text = json_text(json.dumps(msgspec.to_builtins(document), separators=(",", ":")))
        if len(text) <= MOST_BYTES or not (newest or written):
            return text
        if written:
            written = written[len(written) // 4 + 1 :]
            continue
        newest = newest[: len(newest) * 3 // 4]
    return None


def decoded(text: str | None) -> Decoded:
    """Decode a checkpoint from an annotation value; a missing value is an empty checkpoint."""
    if not text:
        return Decoded(Checkpoint())
    try:
        document = json_decoder(_Document).decode(text)
        soak = document.soak and replace(document.soak, since=_utc(document.soak.since))
        failures = dict(_failure(each) for each in document.failures)
        starts = dict(_start(each) for each in document.starts)
        written = dict(_written(document.written))
        found = Checkpoint(soak=soak, failures=failures, starts=starts, written=written)
        return Decoded(found)
    except _UNREADABLE as error:
        why = type(error).__name__  # its text may quote a value of the annotation
        return Decoded(
            Checkpoint(),
            f"the annotation {ROLLOUT} of a Lease, which stores the progress of earlier runs, "
            f"cannot be read ({why}); this run starts without this progress",
        )


def without_expired(checkpoint: Checkpoint, now: datetime) -> Checkpoint:
    """Return a copy of a checkpoint without the failures and VM starts older than an hour."""
    failures = {
        ref: each for ref, each in checkpoint.failures.items() if now - each.at <= KEPT_FOR
    }
    starts = {ref: each for ref, each in checkpoint.starts.items() if now - each.at <= KEPT_FOR}
    return replace(checkpoint, failures=failures, starts=starts)


def _failure_document(ref: ObjectRef, failure: RecordedFailure) -> dict[str, object]:
    return {
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "uid": failure.uid,
        "target": failure.target,
        "reason": failure.why.reason,
        "message": _cut(failure.why.message, LONGEST_MESSAGE),
        "at": _utc(failure.at),
    }


def _failure(document: dict[str, Any]) -> tuple[ObjectRef, RecordedFailure]:
    failure = convert({**document, "why": document}, RecordedFailure)
    return _ref(document), replace(failure, at=_utc(failure.at))


def _start_document(ref: ObjectRef, start: Start) -> dict[str, object]:
    at = _utc(start.at)
    fields = {"uid": start.uid, "target": start.target, "instance": start.instance, "at": at}
    return {"namespace": ref.namespace, "name": ref.name, **fields}


def _start(document: dict[str, Any]) -> tuple[ObjectRef, Start]:
    start = convert(document, Start)
    return _ref({**document, "kind": VM}), replace(start, at=_utc(start.at))


def _written_document(
    written: tuple[tuple[ObjectRef, WrittenSize], ...],
) -> dict[str, dict[str, dict[str, tuple[str, str]]]]:
    """Group changes in flight, so that each commit and each namespace is stored once."""
    found: dict[str, dict[str, dict[str, tuple[str, str]]]] = {}
    for ref, each in written:
        names = found.setdefault(each.commit, {}).setdefault(ref.namespace or "", {})
        names[ref.name] = (each.target, each.uid)
    return found


def _written(
    document: dict[str, dict[str, dict[str, tuple[str, str]]]],
) -> Iterator[tuple[ObjectRef, WrittenSize]]:
    for commit, namespaces in document.items():
        for namespace, names in namespaces.items():
            for name, (target, uid) in names.items():
                yield vm_ref(namespace, name), WrittenSize(uid=uid, target=target, commit=commit)


def _ref(document: dict[str, Any]) -> ObjectRef:
    found = convert(document, _Name)
    return ObjectRef(kind=found.kind, namespace=found.namespace, name=found.name)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
