"""``commit_statuses``: computes the status that the Git host shows next to a commit.

The state says whether the cluster matches the commit:

======= =========================================================================================
State   Meaning
======= =========================================================================================
pending changes are due, waiting or in progress
success no change is left to make; the description counts the VMs that need a user
failure the commit is rejected, one of its files is invalid, or a change has failed
======= =========================================================================================
"""

from __future__ import annotations

from collections import Counter
from operator import is_
from typing import TYPE_CHECKING

from reconciler.model.phrases import plural
from reconciler.model.plan.plan import Effect
from reconciler.model.service.shown_status import ShownStatus, StatusState
from reconciler.model.service.view import Role
from reconciler.rollout.tracking.judge_convergence import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.plan.plan import Plan
    from reconciler.model.service.view import ServiceView
    from reconciler.serve.view_store import ViewStore

_OPEN = (Effect.CONFIG, Effect.LIVE, Effect.COLD, Effect.CREATE, Effect.WAIT)


def commit_statuses(view: ServiceView) -> Iterator[ShownStatus]:
    """Yield the status for the applied commit, and one for the newest commit if it is rejected."""
    found = view.source.in_force
    if found is not None and found.refused and found.refused[0].commit == found.newest:
        refused = found.refused[0]
        yield ShownStatus(
            commit=refused.commit,
            state=StatusState.FAILURE,
            description=f"commit rejected: {refused.message}",
        )
    if found is not None and view.plan is not None and view.plan.revision == found.commit:
        yield _status_of_plan(view.plan)


def _status_of_plan(plan: Plan) -> ShownStatus:
    counted = Counter(each.effect for each in plan.decisions)
    n_failed = sum(each.reason in FAILURES for each in plan.decisions)
    n_open = sum(counted[each] for each in _OPEN)
    n_done = counted[Effect.NONE]
    verb = "matches" if n_done == 1 else "match"
    words = [f"{n_done} of {plural(len(plan.decisions), 'object')} {verb} Git"]
    if n_failed:
        words.append(f"{n_failed} failed")
    if n_open:
        words.append(f"{plural(n_open, 'change')} pending")
    if n_restart := counted[Effect.RESTART]:
        words.append(f"{n_restart} {'needs' if n_restart == 1 else 'need'} a restart")
    if n_blocked := counted[Effect.BLOCKED]:
        words.append(f"{n_blocked} blocked")
    state = StatusState.PENDING if n_open else StatusState.SUCCESS
    if plan.errored:
        words.append("some files of the commit are invalid")
    if plan.errored or n_failed:
        state = StatusState.FAILURE
    return ShownStatus(commit=plan.revision, state=state, description=", ".join(words))


class StatusUpdates:
    """Updates the commit statuses when the plan, the applied commit or the leader changes."""

    def __init__(self, store: ViewStore, show: Callable[[Iterator[ShownStatus]], None]) -> None:
        """Prepare to call *show* with the statuses, or with no status on standby."""
        self._store, self._show = store, show
        self._last: tuple[object, ...] = ()

    def __call__(self) -> None:
        """Update the shown statuses if the plan, a commit or the leader has changed."""
        view = self._store.read()[1]
        if view.role is not Role.LEADER:
            if self._last:
                # A status that is still being retried would replace that of the new leader.
                self._last = ()
                self._show(iter(()))
            return
        shown = (view.plan, view.source.in_force)
        if len(self._last) == len(shown) and all(map(is_, shown, self._last)):
            return
        self._last = shown
        self._show(commit_statuses(view))
