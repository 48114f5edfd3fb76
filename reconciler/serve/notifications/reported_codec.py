"""Encodes and decodes the Lease annotation with the problems that users were notified about.

The annotation contains, for each problem, when it was first and last seen, in minutes since 1970.
For the newest problems, it also contains what another process needs to report their end. It
contains no messages, because anyone who edits the annotation could then send texts to users. If
the value cannot be decoded, the result contains the error, and no exception is raised.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, NamedTuple

from reconciler.model.annotations import NOTIFIED
from reconciler.model.references import (
    HYPERCONVERGED,
    HYPERCONVERGED_GROUP,
    KUBEVIRT,
    KUBEVIRT_GROUP,
    VM,
    ObjectRef,
)
from reconciler.model.service.notification import NotificationKind, NotificationSeverity
from reconciler.serve.notifications.cause import Cause
from reconciler.serve.notifications.due import Known, Reported, minutes

MOST_CAUSES = 1000
"""The maximum number of stored causes (40 kB); the least recently seen causes are dropped."""
MOST_DETAILED = 300
"""The maximum number of problems whose end another process can report (about 110 kB).

The annotations of an object have at most 256 KiB.

Source: apimachinery v0.36 pkg/api/validation/objectmeta.go (TotalAnnotationSizeLimitB).
"""
_REASON = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_GROUPS = {VM: KUBEVIRT_GROUP, KUBEVIRT: KUBEVIRT_GROUP, HYPERCONVERGED: HYPERCONVERGED_GROUP}
_OF_OBJECTS = {NotificationKind.FAILURE, NotificationKind.WAITS_FOR_PERSON}
_MOST_SUBJECTS = 1_000_000
_CAUSE = re.compile(r"[0-9a-f]{16}")
_MOST_MINUTES = 10**8
"""The year 2160 in minutes since 1970; greater numbers are rejected."""


class Decoded(NamedTuple):
    """The reported causes that were decoded from a Lease annotation."""

    reported: Reported
    problem: str = ""
    """Why the annotation cannot be decoded, as one sentence; no causes are then returned."""


def encoded(reported: Reported) -> str | None:
    """Encode the reported causes as an annotation value, or None if nothing was reported."""
    newest = sorted(reported.known.items(), key=lambda item: (item[1].seen, item[0]))[::-1]
    if not newest:
        return None
    detailed = {each for each, state in newest if state.cause and state.cause.lasting}
    detailed &= {each for each, _ in newest[:MOST_DETAILED]}
    causes = {
        each: [
            *(minutes(state.since), minutes(state.seen)),
            *(_details(state) if each in detailed else ()),
        ]
        for each, state in sorted(newest[:MOST_CAUSES], key=itemgetter(0))
    }
    return json.dumps({"causes": causes}, separators=(",", ":"))


def decoded(text: str | None) -> Decoded:
    """Decode the reported causes from an annotation value; an empty value contains no causes."""
    if not text:
        return Decoded(Reported())
    try:
        causes = json.loads(text)["causes"]
        known = {each: _known(each, *causes[each]) for each in list(causes)[:MOST_CAUSES]}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = type(error).__name__  # its message may quote a value of the annotation
        return Decoded(
            Reported(),
            f"cannot parse the annotation {NOTIFIED} of the leader Lease ({why}); earlier "
            "notifications might be sent again",
        )
    return Decoded(Reported(known=known))


def _details(state: Known) -> tuple[str | int, ...]:
    cause = state.cause
    if cause is None:
        return ()
    ref = cause.ref or ObjectRef("", "", "")
    found = (cause.kind, cause.severity, cause.reason, *ref[:3], state.n_subjects)
    try:
        _problem(*found)
    except ValueError:
        return ()  # its end is not reported, which is better than an annotation nobody can read
    return found


def _known(cause: str, since: int, seen: int, *details: Any) -> Known:  # noqa: ANN401 - decoded JSON
    if _CAUSE.fullmatch(cause) is None:
        raise ValueError("invalid identifier of a notification cause")
    times = _time(since), _time(seen)
    if not details:
        return Known(since=times[0], seen=times[1])
    found, count = _problem(*details)
    return Known(
        since=times[0],
        seen=times[1],
        cause=found,
        subjects=(found,),
        n_subjects=count,
        restored=True,
    )


def _problem(
    kind: str, severity: str, reason: str, object_kind: str, namespace: str, name: str, count: int
) -> tuple[Cause, int]:
    """Decode a problem that an earlier process reported, and the number of its objects."""
    names = [each for each in (namespace, name) if each]
    valid = _REASON.fullmatch(reason) and all(map(_NAME.fullmatch, names))
    if not valid or bool(object_kind) != bool(name):
        raise ValueError("invalid description of a problem")
    if object_kind and (object_kind not in _GROUPS or kind not in _OF_OBJECTS):
        raise ValueError("this kind of object cannot have this kind of problem")
    if type(count) is not int or not 1 <= count <= _MOST_SUBJECTS:
        raise ValueError("invalid number of objects")
    known = Cause(
        key="",
        kind=NotificationKind(kind),
        severity=NotificationSeverity(severity),
        reason=reason,
        ref=ObjectRef(object_kind, namespace, name, _GROUPS[object_kind]) if name else None,
        title=f"A problem that was reported before reconciler restarted ({reason})",
        message="reconciler reported this problem before it restarted, and no longer finds it",
    )
    return known, count


def _time(minutes: int) -> datetime:
    if type(minutes) is not int or not 0 <= minutes <= _MOST_MINUTES:
        raise ValueError("invalid time in minutes")
    return datetime.fromtimestamp(minutes * 60, UTC)
