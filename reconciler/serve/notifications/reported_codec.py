"""Encodes and decodes the reported causes as an annotation of the Lease: ``encoded``, ``decoded``.

The annotation contains two times per cause, in minutes since 1970. Users can edit it, so an
unreadable value is reported and never raises an exception.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import NamedTuple

from reconciler.model.annotations import NOTIFIED
from reconciler.serve.notifications.due import Known, Reported

MOST_CAUSES = 1000
"""The maximum number of stored causes, about 40 kB; those not seen for longest are dropped."""
_CAUSE = re.compile(r"[0-9a-f]{16}")
_MOST_MINUTES = 10**8
"""The year 2160; a greater number is a mistake."""


class Decoded(NamedTuple):
    """The reported causes that were read from an annotation."""

    reported: Reported
    problem: str = ""
    """Why the annotation cannot be read, as one sentence; there are then no reported causes."""


def encoded(reported: Reported) -> str | None:
    """Return the reported causes as the value of an annotation; None if there are none."""
    newest = sorted(reported.known.items(), key=lambda item: (item[1].seen, item[0]))[::-1]
    if not newest:
        return None
    causes = {
        each: [_minutes(state.since), _minutes(state.seen)]
        for each, state in sorted(newest[:MOST_CAUSES])
    }
    return json.dumps({"causes": causes}, separators=(",", ":"))


def decoded(text: str | None) -> Decoded:
    """Return the reported causes in an annotation's value; an empty value means none."""
    if not text:
        return Decoded(Reported())
    try:
        causes = json.loads(text)["causes"]
        known = {each: _known(each, *causes[each]) for each in list(causes)[:MOST_CAUSES]}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = type(error).__name__  # its text may quote a value of the annotation
        return Decoded(
            Reported(),
            f"the annotation {NOTIFIED} of the lease cannot be read ({why}); notifications may "
            "be sent again",
        )
    return Decoded(Reported(known=known))


def _known(cause: str, since: int, seen: int) -> Known:
    if _CAUSE.fullmatch(cause) is None:
        raise ValueError("not the identifier of a cause")
    return Known(since=_time(since), seen=_time(seen))


def _minutes(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _time(minutes: int) -> datetime:
    if type(minutes) is not int or not 0 <= minutes <= _MOST_MINUTES:
        raise ValueError("not a time in minutes")
    return datetime.fromtimestamp(minutes * 60, UTC)
