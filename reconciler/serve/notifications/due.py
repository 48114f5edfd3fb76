"""``due``: decides which notifications are due: one when a problem starts, and one when it ends.

The function has no side effects. A problem that returns some minutes after its end counts as
new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from reconciler.escaping import printable
from reconciler.model.phrases import listed_refs, plural
from reconciler.model.service.notification import (
    Notification,
    NotificationKind,
    NotificationSubject,
)
from reconciler.report.wording import name_of
from reconciler.serve.notifications.cause import Cause, cause_id
from reconciler.serve.notifications.causes import causes_of
from reconciler.serve.notifications.rollout_events import remembered, reportable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.service.view import ServiceView

OVER_AFTER = timedelta(minutes=5)
"""How long a problem must be absent before its end is reported; many problems come and go."""
RESTORED_OVER_AFTER = timedelta(minutes=20)
"""How long a reported problem must be absent after a process restart to count as ended.

A new process finds some problems only after 15 minutes, such as an unreadable repository.
"""
KEPT_FOR = timedelta(hours=6)
"""How long the same event, such as the end of one commit's rollout, is not reported again."""
GROUPED_FROM = 50
"""The number of objects above which the same problem is reported once for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A reported event or problem, with the times at which it was found."""

    since: datetime
    """When the event or problem was first found."""
    seen: datetime
    """When the event or problem was last found."""
    cause: Cause | None = None
    """The event or problem, or None for an event that an earlier process reported."""
    restored: bool = False
    """Whether an earlier process reported the problem, and this process has not found it yet."""
    subjects: tuple[Cause, ...] = ()
    """The problem of each affected object, for at most ``GROUPED_FROM`` objects."""
    n_subjects: int = 1
    members: frozenset[str] = frozenset()
    """The identifiers of all problems in a group, or none for a single event or problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """All reported events and problems that are still remembered, keyed by identifier."""

    known: Mapping[str, Known] = field(default_factory=dict)


class Due(NamedTuple):
    """The notifications to send now, and the updated state of what was reported."""

    notifications: tuple[Notification, ...]
    """The notifications to send, in this order."""
    lasting: tuple[Notification, ...]
    """All reported problems that still exist, for receivers that expect repetitions."""
    reported: Reported
    """The remembered events and problems after the notifications are sent."""


class _Group(NamedTuple):
    """An event or problem to report, for one object or for many objects together."""

    id: str
    members: tuple[Cause, ...]

    @property
    def known(self) -> Cause:
        return self.members[0]

    @property
    def ids(self) -> frozenset[str]:
        """The identifiers of the grouped problems, or none if the group is a single problem."""
        alone = self.id == self.known.id
        return frozenset() if alone else frozenset(each.id for each in self.members)


def due(view: ServiceView, reported: Reported) -> Due:
    """Return the due notifications for the process state, and the updated reported causes.

    Args:
        view: The state of the process.
        reported: The causes that this or an earlier process reported.
    """
    now = view.at
    found = reportable({each.id: each for each in causes_of(view)}, reported.known.keys())
    groups = tuple(_groups(found.values(), reported))
    known = dict(reported.known)
    new: dict[str, Known] = {}
    for group in groups:
        earlier, ids = known.get(group.id), group.ids
        known[group.id] = state = Known(
            since=earlier.since if earlier else now,
            seen=now,
            cause=group.known,
            subjects=group.members[:GROUPED_FROM],
            n_subjects=len(group.members),
            members=ids,
        )
        if earlier is None:
            new[group.id] = state
        elif added := _added(group, ids, earlier):
            new[group.id] = replace(
                state, since=now, subjects=added[:GROUPED_FROM], n_subjects=len(added)
            )
        else:
            known[group.id] = replace(state, members=ids | earlier.members)
    for each in (found.keys() | remembered(found.values(), view)) & known.keys():
        known[each] = replace(known[each], seen=now)
    over = {each: state for each, state in known.items() if _is_over(state, view)}
    ended = {each: state for each, state in over.items() if state.cause and state.cause.lasting}
    notifications = (
        *_merged(new, view, resolved=False),
        *_merged(ended, view, resolved=True),
    )
    left = {each: state for each, state in known.items() if each not in over}
    lasting = {
        each: state
        for each, state in left.items()
        if state.cause and state.cause.lasting and not state.restored
    }
    return Due(
        notifications=tuple(sorted(notifications, key=lambda each: _ORDER.index(each.kind))),
        lasting=tuple(_merged(lasting, view, resolved=False)),
        reported=Reported(known=left),
    )


def _groups(found: Iterable[Cause], reported: Reported) -> Iterator[_Group]:
    """Yield each event or problem to report; many objects with the same problem form one group.

    A later commit does not end the problem of a group or of a single object.
    """
    alike: dict[tuple[str, str], list[Cause]] = {}
    for each in found:
        if each.ref is None:
            yield _Group(each.id, (each,))
        else:
            alike.setdefault((each.kind, each.reason), []).append(each)
    for key, members in alike.items():
        together = cause_id(" ".join(key))
        # After a large group was reported, its members are not reported again one by one.
        if len(members) > GROUPED_FROM or together in reported.known:
            yield _Group(together, tuple(members))
        else:
            yield from (_Group(each.id, (each,)) for each in members)


def _added(group: _Group, ids: frozenset[str], earlier: Known) -> tuple[Cause, ...]:
    """Return the problems that a new commit has added to a reported group."""
    before = earlier.cause
    # The members that an earlier process has reported are unknown.
    if before is None or earlier.restored or group.known.revision == before.revision:
        return ()
    added = ids - earlier.members
    return tuple(each for each in group.members if each.id in added)


def _is_over(state: Known, view: ServiceView) -> bool:
    absent = view.at - state.seen
    if state.cause is None:
        # The first plan shows whether the rollout is unfinished.
        absent = view.at - max(state.seen, view.started_at)
        return view.plan is not None and absent >= KEPT_FOR
    if not state.cause.lasting:
        return absent >= KEPT_FOR
    # Without a new plan, nothing is known about the objects.
    fresh = state.cause.ref is None or (view.planned_at or view.at) > state.seen
    if state.restored:
        absent = view.at - max(state.seen, view.started_at)
        return fresh and view.plan is not None and absent >= RESTORED_OVER_AFTER
    return fresh and absent >= OVER_AFTER


def _merged(
    states: Mapping[str, Known], view: ServiceView, *, resolved: bool
) -> Iterator[Notification]:
    """Yield one notification per kind and reason, so that a commit causes few notifications."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for each, state in states.items():
        cause = state.cause
        if cause is not None:
            key = (cause.kind, cause.reason, cause.severity, cause.title)
            alike.setdefault((*key, "" if cause.ref else each), []).append(each)
    for ids in alike.values():
        yield _notification(ids, [states[each] for each in ids], view, resolved=resolved)


def _notification(
    ids: Sequence[str], states: Sequence[Known], view: ServiceView, *, resolved: bool
) -> Notification:
    first = states[0].cause
    if first is None:
        raise ValueError("a notification needs at least one known cause")
    members = [(each, state.since) for state in states for each in state.subjects]
    count = sum(state.n_subjects for state in states)
    subjects = tuple(
        NotificationSubject(ref=each.ref, message=each.message, hint=each.hint, since=since)
        for each, since in members[:GROUPED_FROM]
        if each.ref is not None
    )
    # A group can be reported again for a later commit.
    commit = [first.revision] if any(each.members for each in states) else []
    # A problem that returns after its end is another occurrence, and has another identifier.
    occurrences = sorted(
        f"{each} {minutes(state.since)}" for each, state in zip(ids, states, strict=True)
    )
    return Notification(
        id=cause_id(" ".join((*occurrences, *commit, "over" if resolved else ""))),
        causes=tuple(ids),
        kind=first.kind,
        severity=first.severity,
        reason=first.reason,
        title=_title(first, subjects, count, resolved=resolved),
        text=_text(first, subjects, count),
        subjects=subjects,
        n_subjects=count if subjects else 0,
        at=view.at,
        since=min(each.since for each in states),
        resolved=resolved,
        lasting=first.lasting,
        revision=first.revision,
        run_id=first.run_id,
        cluster=view.plan.cluster if view.plan else "",
        path=_path(subjects, count),
    )


def minutes(at: datetime) -> int:
    """Return a time in whole minutes since 1970, which is how precisely the Lease stores it.

    A problem returns at least ``OVER_AFTER`` after its end, so no two occurrences start in one
    minute.
    """
    return int(at.timestamp() // 60)


_ORDER = (
    NotificationKind.START,
    NotificationKind.INVALID_COMMIT,
    NotificationKind.FAILURE,
    NotificationKind.WAITS_FOR_PERSON,
    NotificationKind.END,
)
"""The order of notifications that are due at the same time."""
_WORDS = {
    NotificationKind.FAILURE: ("failed", "no longer fails", "no longer fail"),
    NotificationKind.WAITS_FOR_PERSON: (
        "needs manual action",
        "no longer needs manual action",
        "no longer need manual action",
    ),
}


def _title(
    cause: Cause, subjects: Sequence[NotificationSubject], count: int, *, resolved: bool
) -> str:
    if not subjects:
        return f"Resolved: {cause.title}" if resolved else cause.title
    name = name_of(subjects[0].ref) if count == 1 else plural(count, "object")
    present, over_one, over_many = _WORDS[cause.kind]
    if resolved:
        return f"{name} {over_one if count == 1 else over_many} ({cause.reason})"
    if count > 1:
        present = present.replace("needs", "need")
    return f"{name} {present} ({cause.reason})"


def _text(cause: Cause, subjects: Sequence[NotificationSubject], count: int) -> str:
    if not subjects:
        return "\n".join(map(printable, filter(None, (cause.message, _hint(cause.hint)))))
    lines = [printable(f"{name_of(each.ref)}: {each.message}") for each in subjects[:5]]
    if count > len(lines):
        rest = listed_refs((each.ref for each in subjects[5:]), most=10)
        more = count - len(subjects)
        lines.append(
            f"also affected: {rest}" if not more else f"and {count - len(lines)} more objects"
        )
    return "\n".join((*lines, *filter(None, (printable(_hint(subjects[0].hint)),))))


def _hint(hint: str) -> str:
    return f"hint: {hint}" if hint else ""


def _path(subjects: Sequence[NotificationSubject], count: int) -> str:
    if count == 1 and subjects and subjects[0].ref.is_vm:
        return f"/vm/{subjects[0].ref.namespaced_name}"
    return ""
