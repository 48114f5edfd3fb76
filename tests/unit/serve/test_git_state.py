"""Tests the state after each Git poll, and when the next poll is due."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import NOW, make_desired, want
from support.fake_ports import FakeClock

from reconciler.errors import SourceError
from reconciler.model.desired.config import Config
from reconciler.model.desired.desired_state import Reading
from reconciler.model.revision.commit_in_force import (
    CommitInForce,
    RefusalReason,
    RefusedCommit,
)
from reconciler.model.service.view import WaitKind
from reconciler.serve.git.git_poller import GitPoller
from reconciler.serve.git.git_state import (
    LONGEST_PAUSE_S,
    GitState,
    after_failure,
    after_read,
    pause_s,
)

LATER = NOW + timedelta(minutes=5)
DOWN = SourceError("the host is unreachable")


def reading(commit: str = "c1", **changes) -> Reading:
    found = CommitInForce(revision="main", newest=commit, commit=commit)
    state = replace(make_desired(want("2Gi")), revision=commit, in_force=found)
    return Reading(config=Config(), state=replace(state, **changes))


def test_failed_git_polls_keep_the_applied_commit_and_record_when_the_failures_started():
    good = after_read(GitState(), reading(), NOW)
    first = after_failure(good, DOWN, NOW + timedelta(minutes=1))
    second = after_failure(first, DOWN, LATER)
    assert (second.commit, second.failures, second.fetched_at) == ("c1", 2, NOW)
    assert second.wait.kind is WaitKind.REPOSITORY
    assert second.wait.since == NOW + timedelta(minutes=1)
    assert after_read(second, reading("c2"), LATER).wait is None


def test_git_poll_without_a_valid_commit_keeps_the_last_applied_commit():
    refused = RefusedCommit(commit="c2", reason=RefusalReason.UNSIGNED, message="it is not signed")
    none = CommitInForce(revision="main", newest="c2", commit=None, refused=(refused,))
    good = after_read(GitState(), reading(), NOW)
    bad = after_read(good, reading("c2", in_force=none, unusable=True), LATER)
    assert bad.commit == "c1"
    assert bad.in_force == none
    assert (bad.wait.kind, bad.wait.since, bad.failures) == (WaitKind.VALID_COMMIT, LATER, 0)


@pytest.mark.parametrize(
    ("failures", "random", "expected"),
    [
        (0, 0.0, 180),
        (0, 0.5, 187.5),
        (1, 0.5, 5),
        (2, 0.5, 10),
        (20, 0.5, LONGEST_PAUSE_S),
        (20, 0.0, LONGEST_PAUSE_S / 2),
    ],
)
def test_pause_between_git_polls_grows_with_each_failure(failures, random, expected):
    state = GitState(failures=failures)
    assert pause_s(state, interval_s=180, jitter_s=15, random=random) == expected


class Scripted:
    """A fake Git repository that returns or raises the given results, in order."""

    def __init__(self, *results) -> None:
        self._results = list(results)

    def read(self):
        found = self._results.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def poller(counted) -> GitPoller:
    return GitPoller(
        nullcontext,
        FakeClock(),
        interval_s=180,
        jitter_s=0,
        changed=lambda: None,
        counted=counted.append,
    )


def test_git_poller_survives_every_error_and_counts_the_result_of_each_poll():
    counted: list[str] = []
    one, reader = (
        poller(counted),
        Scripted(reading(), reading(), DOWN, KeyError("bug"), reading("c2")),
    )
    pauses = [one.poll(reader) for _ in range(5)]
    assert counted == ["changed", "unchanged", "failed", "failed", "changed"]
    assert pauses[0] == pauses[1] == pauses[4] == 180
    assert one.state.commit == "c2"
    assert one.state.next_at == NOW + timedelta(seconds=180)


def test_git_poller_keeps_the_last_read_commit_and_logs_one_warning_during_a_long_outage(caplog):
    caplog.set_level(logging.INFO)
    clock, counted = FakeClock(), Counter()
    one = GitPoller(
        nullcontext,
        clock,
        interval_s=180,
        jitter_s=0,
        changed=lambda: None,
        counted=lambda result: counted.update([result]),
    )
    good = reading()
    one.poll(Scripted(good))
    clock.sleep(180)
    began, pauses = clock.now(), []
    while clock.now() - began < timedelta(hours=6):
        pauses.append(one.poll(Scripted(DOWN)))
        clock.sleep(pauses[-1])
    state = one.state
    assert (state.wait.since, state.reading) == (began, good)
    assert state.next_at == clock.now()
    shortest_s = LONGEST_PAUSE_S / 2
    assert len(pauses) <= 8 + 6 * 3600 / shortest_s
    assert min(pauses[8:]) >= shortest_s
    assert counted == {"changed": 1, "failed": len(pauses)}
    assert len(caplog.messages) == 1
    one.poll(Scripted(SourceError("the host responds, but refuses")))
    one.poll(Scripted(good))
    n_failed = len(pauses) + 1
    assert len(caplog.messages) == 3
    assert caplog.messages[-1] == f"the Git repository responds again after {n_failed} polls"


def test_git_poll_requested_during_a_git_poll_starts_after_the_running_one_has_ended():
    one, requested = poller([]), []

    class Slow:
        def read(self):
            requested.append(one.wake())
            return reading()

    one.poll(Slow())
    assert (requested, one.state.polls, one.wake()) == ([2], 1, 2)
    one.poll(Scripted(DOWN))
    assert one.state.polls == 2, "a failed poll has ended as well"


def test_rejected_commit_is_logged_once_as_a_warning(caplog):
    refused = RefusedCommit(commit="c2", reason=RefusalReason.UNSIGNED, message="it is not signed")
    stays = CommitInForce(revision="main", newest="c2", commit="c1", behind=1, refused=(refused,))
    found = reading("c1", in_force=stays)
    one, reader = poller([]), Scripted(found, found, reading("c3"), found)
    for _ in range(4):
        one.poll(reader)
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert (
        warnings
        == ["commit c2 of main is rejected: it is not signed; commit c1 is applied instead"] * 2
    )
