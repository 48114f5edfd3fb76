"""Tests the states of a tracked object in a run, and its result in the report."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import (
    NOW,
    VM,
    make_desired,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    want,
)

from reconciler.model.explanation import Explanation
from reconciler.model.plan.plan import Verb
from reconciler.model.run.outcome import Actuation, Result
from reconciler.rollout.tracking.build_outcome import build_outcome
from reconciler.rollout.tracking.tracked_object import (
    Cause,
    FinalResult,
    IllegalTransitionError,
    State,
    TrackedObject,
)

LIVE = make_live(make_vm(), vmis=(make_vmi(),))
(DECISION,) = plan_of(make_desired(want("2Gi")), LIVE).decisions
(ACTION,) = DECISION.actions
END = FinalResult(result=Result.DONE, why=Explanation(reason="converged", message="it has 2Gi"))
LATER = NOW + timedelta(seconds=3)

TRANSITIONS = {
    "sent": lambda it: it.sent(ACTION, NOW),
    "accepted": lambda it: it.accepted(LATER),
    "refused": lambda it: it.refused(),
    "found_written": lambda it: it.found_written(),
    "followed": lambda it: it.followed(NOW),
    "recreated": lambda it: it.recreated(),
    "ended": lambda it: it.ended(END, LATER),
}
PATHS = {
    "waiting": (),
    "waiting, unanswered": ("sent",),
    "following": ("followed",),
    "following, unanswered": ("followed", "sent"),
    "written": ("sent", "accepted"),
    "written, unanswered": ("sent", "accepted", "sent"),
    "ended": ("ended",),
    "ended, unanswered": ("sent", "ended"),
}
ANSWERS = ("accepted", "refused")
LEGAL = {
    "waiting": {"sent": "waiting", "followed": "following", "ended": "ended"},
    "waiting, unanswered": {
        "sent": "waiting",
        "accepted": "written",
        "refused": "waiting",
        "found_written": "written",
        "followed": "following",
        "ended": "ended",
    },
    "following": {"sent": "following", "ended": "ended"},
    "following, unanswered": {
        "sent": "following",
        "accepted": "written",
        "refused": "following",
        "ended": "ended",
    },
    "written": {"sent": "written", "recreated": "waiting", "ended": "ended"},
    "written, unanswered": {
        "sent": "written",
        "accepted": "written",
        "refused": "written",
        "recreated": "waiting",
        "ended": "ended",
    },
    "ended": {},
    "ended, unanswered": {},
}
CASES = [(before, name) for before in PATHS for name in TRANSITIONS]


def tracked(*path: str, **fields) -> TrackedObject:
    found = TrackedObject(planned=DECISION, latest=DECISION, **fields)
    for name in path:
        TRANSITIONS[name](found)
    return found


@pytest.mark.parametrize(("before", "transition"), CASES)
def test_tracked_object_allows_only_legal_state_transitions(before, transition):
    found, after = tracked(*PATHS[before]), LEGAL[before].get(transition)
    state = found.state
    if after is not None:
        TRANSITIONS[transition](found)
        assert found.state is State(after)
        return
    with pytest.raises(IllegalTransitionError, match="db/pg-0 cannot be"):
        TRANSITIONS[transition](found)
    assert found.state is state


@pytest.mark.parametrize("before", PATHS)
def test_final_result_of_an_object_is_available_only_after_its_tracking_ends(before):
    found = tracked(*PATHS[before])
    assert found.open is (found.state is not State.ENDED)
    if found.open:
        with pytest.raises(IllegalTransitionError, match="has no outcome"):
            build_outcome(found)
    else:
        assert build_outcome(found).result is Result.DONE


def test_result_of_a_write_to_a_tracked_vm_is_unknown_until_the_response_arrives():
    assert tracked("sent").in_doubt
    assert not tracked("sent", "accepted").in_doubt
    assert not tracked("sent", "refused").in_doubt


@pytest.mark.parametrize(("seconds", "in_doubt"), [(0, True), (2, True), (3, False)])
def test_result_of_a_write_without_a_response_is_unknown_until_a_sufficiently_new_snapshot(
    seconds, in_doubt
):
    found = tracked("sent")
    found.update(DECISION, replace(LIVE, observed_at=NOW + timedelta(seconds=seconds)))
    assert found.in_doubt is in_doubt


@pytest.mark.parametrize(
    ("path", "patched_at"),
    [
        (("sent", "accepted"), LATER),
        (("sent", "found_written"), NOW),
        (("followed",), NOW),
        (("sent", "accepted", "recreated"), None),
    ],
)
def test_patch_time_of_a_tracked_vm_is_the_time_of_its_write(path, patched_at):
    assert tracked(*path).patched_at == patched_at


def test_restart_time_of_a_tracked_vm_is_the_time_at_which_the_restart_was_accepted():
    found = tracked("sent", "accepted")
    assert found.restarted_at is None
    found.sent(replace(ACTION, verb=Verb.RESTART), NOW)
    found.accepted(LATER + timedelta(seconds=3))
    assert found.restarted_at == LATER + timedelta(seconds=3)
    assert found.patched_at == LATER
    found.ended(END, LATER)
    assert build_outcome(found).restarted_at == found.restarted_at


@pytest.mark.parametrize(
    ("path", "cause", "actuation"),
    [
        ((), Cause.JUDGED, Actuation.SKIPPED),
        (("sent",), Cause.REFUSED, Actuation.FAILED),
        ((), Cause.RUN_ENDED, Actuation.PENDING),
        (("sent",), Cause.RUN_ENDED, Actuation.PENDING),
        *((("followed",), cause, Actuation.NOT_NEEDED) for cause in Cause),
        *((("sent", "accepted"), cause, Actuation.SUCCEEDED) for cause in Cause),
    ],
)
def test_reported_result_of_a_vm_states_whether_the_run_wrote_the_vm(path, cause, actuation):
    found = tracked(*path)
    found.ended(replace(END, cause=cause), LATER)
    assert build_outcome(found).actuation is actuation


@pytest.mark.parametrize(
    ("path", "named"),
    [((), False), (("sent",), False), (("followed",), True), (("sent", "accepted"), True)],
)
def test_reported_result_contains_a_migration_only_if_the_run_wrote_or_tracked_the_vm(path, named):
    found = tracked(*path)
    migration = make_migration(created_at=LATER)
    found.update(DECISION, make_live(make_vm(), vmis=(make_vmi(),), migrations=(migration,)))
    found.ended(END, LATER)
    assert (build_outcome(found).migration is not None) == named


def test_tracked_vm_ignores_a_migration_that_started_before_its_patch():
    found = tracked("sent", "accepted")
    early = make_migration(phase="Failed", created_at=NOW)
    found.update(DECISION, make_live(make_vm(), vmis=(make_vmi(),), migrations=(early,)))
    assert (found.migration, found.failed_migrations) == (None, 0)


def test_reported_progress_of_a_vm_never_moves_backwards():
    found = tracked("sent", "accepted")
    moved = []
    for phase in ("Running", "Failed"):
        migration = make_migration(phase=phase, created_at=LATER)
        live = make_live(make_vm(), vmis=(make_vmi(),), migrations=(migration,))
        found.update(DECISION, live)
        moved.append(found.advance())
    assert moved == [0.5, 0.5]
    assert found.failed_migrations == 1


def test_reported_result_without_its_own_hint_uses_the_hint_of_the_newest_plan():
    found = tracked()
    why = replace(DECISION.why, hint="look at the node")
    found.update(replace(DECISION, why=why), LIVE)
    found.ended(END, LATER)
    assert build_outcome(found).why.hint == "look at the node"
    assert found.ref == VM
