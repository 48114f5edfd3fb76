"""``rollout_notes``: creates a plan's notes about alerts, windows, canaries and restarts."""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.model.annotations import RESTART
from reconciler.model.clock_difference import CLOCKS_DIFFER
from reconciler.model.diagnostic import Diagnostic, Severity, warning
from reconciler.model.phrases import listed_refs
from reconciler.model.plan.plan import Effect, Reason
from reconciler.plan.capacity.capacity_warnings import NAMED
from reconciler.plan.ordering import CANARY, named
from reconciler.plan.timing.clock_disagreement import HINT, clock_disagreement
from reconciler.plan.timing.disruption import Disruption, disruption_of, window_need_s
from reconciler.plan.timing.windows import Opening, opening

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from reconciler.model.desired.config import Canary, Window
    from reconciler.model.plan.plan import Decision
    from reconciler.model.references import ObjectRef
    from reconciler.plan.context import PlanContext
    from reconciler.plan.plan_policy import PlanPolicy

WINDOWS_AHEAD = 32
"""The number of upcoming maintenance windows that are checked: a month of nightly windows."""

_MOST_MINUTES = 120


def rollout_notes(
    decisions: Sequence[Decision], context: PlanContext, ranks: Mapping[ObjectRef, int]
) -> tuple[Diagnostic, ...]:
    """Return diagnostics about VMs that the rollout will delay or restart."""
    if not any(each.actions for each in decisions):
        return ()
    vms = [each for each in decisions if each.effect is not Effect.CONFIG and each.actions]
    return (
        *_alerts(context),
        *_windows(vms, context),
        *_canaries(decisions, vms, context.policy.canary, ranks),
        *_batches(vms, context.policy, ranks),
        *_restarts(vms, context),
    )


def _alerts(context: PlanContext) -> Iterator[Diagnostic]:
    if context.hold is not None:
        message = f"no new change starts: {context.hold.message}"
        yield warning(context.hold.reason, message, context.hold.hint)


def _windows(vms: Sequence[Decision], context: PlanContext) -> Iterator[Diagnostic]:
    windows = context.policy.windows
    if not windows:
        return
    needs = {each.ref: window_need_s(each, context.live, context.after) for each in vms}
    if dispute := clock_disagreement(context.clocks, windows, needs):
        yield warning(
            CLOCKS_DIFFER,
            (f"{dispute}; the reconciler writes nothing until the clocks agree"),
            HINT,
        )
    now = opening(windows, context.now)
    if not now.is_open:
        yield _closed(now.opens)
    most = max(needs.values(), default=0.0)
    if now.is_open and now.fits(context.now, most):
        return
    longest = _longest(windows, now, context.now, most)
    never = [ref for ref, seconds in needs.items() if seconds > longest]
    if never and longest:
        yield warning(
            "window-too-short",
            f"the longest upcoming maintenance window lasts {_minutes(longest)}, but the first "
            f"attempt to change {_vms(never)} might take longer: {_named(never, needs)}",
            "extend a window, or lower completionTimeoutPerGiB in the KubeVirt CR; otherwise, "
            "these VMs never change",
        )
    if now.is_open and now.until is not None:
        late = [
            ref
            for ref, seconds in needs.items()
            if seconds <= longest and not now.fits(context.now, seconds)
        ]
        if late:
            yield _note(
                "next-window",
                f"the open maintenance window closes at {_moment(now.until)}, but the first "
                f"attempt to change {_vms(late)} might end later: {_named(late, needs)}",
                "no action is needed: a change that does not fit into this window starts in a "
                "later window",
            )


def _closed(opens: datetime | None) -> Diagnostic:
    hint = "to write now, run `apply --ignore-windows`"
    if opens is None:
        message = "no maintenance window is open, and none opens within a year"
        return warning("outside-window", message, f"correct `windows`; {hint}")
    message = f"no maintenance window is open; the next one opens at {_moment(opens)}"
    return _note(
        "outside-window", message, f"the reconciler writes nothing until the window opens; {hint}"
    )


def _longest(
    windows: tuple[Window, ...], opened: Opening, now: datetime, enough_s: float
) -> float:
    """Return the length in seconds of the longest open or upcoming maintenance window.

    The search ends at the first window that is long enough.
    """
    if not opened.is_open:
        return _longest_from(windows, opened.opens, enough_s) if opened.opens else 0.0
    if opened.until is None:
        return math.inf
    left_s = (opened.until - now).total_seconds()
    if left_s >= enough_s:
        return left_s
    return max(left_s, _longest_from(windows, opened.until, enough_s))


@lru_cache(maxsize=16)
def _longest_from(windows: tuple[Window, ...], moment: datetime, enough_s: float) -> float:
    """Return the length in seconds of the longest maintenance window that starts after a moment.

    The result is cached, because the evaluation takes 0.1 s, and ``serve`` plans many times while
    no window opens or closes.
    """
    longest = 0.0
    for _ in range(2 * WINDOWS_AHEAD):
        found = opening(windows, moment)
        if not found.is_open:
            if found.opens is None:
                break
            moment = found.opens
            continue
        if found.until is None:
            return math.inf
        longest = max(longest, (found.until - moment).total_seconds())
        if longest >= enough_s:
            break
        moment = found.until
    return longest


def _canaries(
    decisions: Sequence[Decision],
    vms: Sequence[Decision],
    canary: Canary | None,
    ranks: Mapping[ObjectRef, int],
) -> Iterator[Diagnostic]:
    if canary is None:
        return
    canaries = [each for each in decisions if ranks.get(each.ref) == CANARY]
    others = sum(ranks[each.ref] > CANARY for each in vms)
    if not canaries:
        if vms:
            yield warning(
                "no-canary",
                f"rollout.canary selects no VM ({canary.selector}), so no VM changes",
                "label a VM in Git, or remove rollout.canary",
            )
        return
    changing = sum(bool(each.actions) for each in canaries)
    if others and not changing and not any(_may_prove(each) for each in canaries):
        yield warning(
            "canaries-held",
            f"no canary ({canary.selector}) has its new memory, and none can be changed, so no "
            f"other VM changes: {listed_refs([each.ref for each in canaries], NAMED)}",
            "find out why the canaries cannot change",
        )
    elif others:
        of = f" of {len(canaries)}" if changing not in (0, len(canaries)) else ""
        first = f"{changing}{of} {'canary' if len(canaries) == 1 else 'canaries'}"
        verb = "changes" if changing == 1 else "change"
        then = f"{others} other VM{'s change' if others > 1 else ' changes'}"
        yield _note(
            "canary",
            f"{first} ({canary.selector}) {verb} first; {canary.soak} after all canaries have "
            f"their new memory, {then}"
            if changing
            else f"no canary ({canary.selector}) changes; {canary.soak} after all canaries have "
            f"the memory that Git sets, {then}",
            "if a canary fails, the other VMs are not changed",
        )


def _may_prove(canary: Decision) -> bool:
    """Return whether a canary without a planned change has, or will have, its new memory."""
    unchanged = canary.effect in (Effect.NONE, Effect.WAIT)
    return unchanged and canary.reason is not Reason.SUSPENDED


def _batches(
    vms: Sequence[Decision], policy: PlanPolicy, ranks: Mapping[ObjectRef, int]
) -> Iterator[Diagnostic]:
    sizes = Counter(rank for each in vms if (rank := ranks.get(each.ref, CANARY)) > CANARY)
    if sizes and policy.batches:
        batches = ", ".join(f"{named(rank, policy)}: {n}" for rank, n in sorted(sizes.items()))
        yield _note("batches", f"VMs are changed in batches, one batch at a time: {batches}")


def _restarts(vms: Sequence[Decision], context: PlanContext) -> Iterator[Diagnostic]:
    refs = [each.ref for each in vms if disruption_of(each) is Disruption.RESTART]
    if not refs:
        return
    by_git = sum(context.desired.vms[ref].restart is not None for ref in refs)
    sources = (
        (len(refs) - by_git, "because of `restart: window`"),
        (by_git, f"because of the annotation {RESTART} in Git"),
    )
    consents = ", ".join(f"{n} {words}" for n, words in sources if n)
    yield _note(
        "restarts",
        f"{_vms(refs)} {'is' if len(refs) == 1 else 'are'} restarted during the rollout: "
        f"{listed_refs(refs, NAMED)} ({consents})",
    )


def _named(refs: Sequence[ObjectRef], needs: Mapping[ObjectRef, float]) -> str:
    """Return the names of VMs, those with the longest changes first, and the longest duration."""
    ranked = sorted(refs, key=lambda ref: (-needs[ref], ref))
    most = needs[ranked[0]]
    bound = "without a limit" if math.isinf(most) else f"up to {_minutes(most)}"
    return f"{listed_refs(ranked, NAMED)} ({bound})"


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < _MOST_MINUTES else f"{minutes / 60:.1f} h"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}"


def _vms(refs: Sequence[ObjectRef]) -> str:
    return f"{len(refs)} VM{'' if len(refs) == 1 else 's'}"


def _note(code: str, message: str, hint: str = "") -> Diagnostic:
    return Diagnostic(severity=Severity.NOTE, code=code, message=message, hint=hint)
