"""``notices``: explains in sentences what keeps ``serve`` from applying the newest commit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.desired.config import Mode
from reconciler.model.plan.plan import Effect
from reconciler.model.service.view import Role, WaitKind
from reconciler.report.fleet_page.page_times import time_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.revision.commit_in_force import CommitInForce
    from reconciler.model.service.view import ServiceView

_MAX_REFUSED = 5
"""The maximum number of rejected commits that the status page lists."""
_WAITS = {
    WaitKind.FIRST_PLAN: "Waiting for the first plan",
    WaitKind.LEADERSHIP: "Waiting to become the leader",
    WaitKind.REPOSITORY: "The repository cannot be read",
    WaitKind.CLUSTER: "The cluster does not respond",
    WaitKind.VALID_COMMIT: "No commit on the branch can be applied",
    WaitKind.FRESH_COMMIT: "A new leader waits for its first Git poll",
    WaitKind.ROLLOUT_LEASE: "Another run is writing",
}


class Tone(StrEnum):
    """The urgency of a notice on the status page; each value is the CSS class of the notice."""

    BAD = "bad"
    WARN = "warn"
    CALM = "calm"


_TONES = {
    WaitKind.REPOSITORY: Tone.BAD,
    WaitKind.CLUSTER: Tone.BAD,
    WaitKind.VALID_COMMIT: Tone.BAD,
    WaitKind.ROLLOUT_LEASE: Tone.WARN,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence about the state of the ``serve`` process."""

    tone: Tone
    text: str


def notices(view: ServiceView) -> tuple[Notice, ...]:
    """Return the notices about the state of ``serve``, most urgent first."""
    found = [*_waits(view), *_hold(view), *_rejected(view), *_problems(view), *_role(view)]
    rank = list(Tone)
    return tuple(sorted(found, key=lambda each: rank.index(each.tone)))


def _waits(view: ServiceView) -> Iterator[Notice]:
    for each in view.waits:
        if each.kind is WaitKind.LEADERSHIP and _is_led_by_other(view):
            continue  # the notice about the standby replica explains this wait
        since = time_text(each.since, view.at)
        label, message = _WAITS[each.kind], f": {each.message}" if each.message else ""
        yield Notice(_TONES.get(each.kind, Tone.CALM), f"{label} (since {since}){message}")


def _hold(view: ServiceView) -> Iterator[Notice]:
    if view.hold is None:
        return
    since = time_text(view.hold.since, view.at)
    hint = f"; {view.hold.hint}" if view.hold.hint else ""
    yield Notice(
        Tone.BAD, f"New changes have been paused since {since}: {view.hold.message}{hint}"
    )


def _rejected(view: ServiceView) -> Iterator[Notice]:
    found = view.source.in_force
    if found is None:
        return
    for each in found.refused[:_MAX_REFUSED]:
        at = f" ({each.at})" if each.at else ""
        yield Notice(Tone.BAD, f"Commit {each.commit[:12]} is rejected: {each.message}{at}")
    if (more := len(found.refused) - _MAX_REFUSED) and more > 0:
        yield Notice(Tone.BAD, f"{more} other newer commits are rejected")
    if found.refused and found.commit is not None:
        yield Notice(Tone.CALM, _kept(found))


def _kept(found: CommitInForce) -> str:
    return f"Until then, commit {(found.commit or '')[:12]} stays applied"


def _problems(view: ServiceView) -> Iterator[Notice]:
    if view.plan is None:
        return
    if view.plan.errored:
        yield Notice(Tone.BAD, "Some files of the desired state are invalid; the rest is applied")
    for each in view.plan.decisions:
        if not each.ref.is_vm and each.effect is Effect.BLOCKED:
            yield Notice(Tone.BAD, f"{each.ref} is blocked: {each.why.message}")


def _role(view: ServiceView) -> Iterator[Notice]:
    if _is_led_by_other(view):
        yield Notice(
            Tone.CALM,
            f"This replica is on standby; {view.leader} is the leader. The page shows what this "
            "replica reads, but not the progress of the leader's run",
        )
    if view.mode is Mode.OBSERVE:
        yield Notice(Tone.CALM, "Mode observe: this process plans and never writes")


def _is_led_by_other(view: ServiceView) -> bool:
    return view.role is Role.STANDBY and view.leader not in {"", view.instance}
