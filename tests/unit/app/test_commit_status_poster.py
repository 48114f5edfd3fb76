"""Tests that commit statuses are set once, in the background, and again after failures."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import pytest
from support.forges.fake_forge import TOKEN, FakeGitHub
from support.forges.fault import Fault

from reconciler.app.clock import SystemClock
from reconciler.app.comment import commit_status_poster
from reconciler.app.comment.commit_status_poster import CommitStatusPoster, _Sent
from reconciler.app.comment.forge_options import ForgeKind, ForgeOptions, StatusOptions
from reconciler.errors import UsageError
from reconciler.model.service.shown_status import ShownStatus, StatusState

COMMIT = "a" * 40
PATH = f"/repos/team/vms/statuses/{COMMIT}"
PENDING = ShownStatus(commit=COMMIT, state=StatusState.PENDING, description="1 change pending")
DONE = ShownStatus(commit=COMMIT, state=StatusState.SUCCESS, description="2\x1b[31m of 2")


class Forge(FakeGitHub):
    """A fake Git host whose requests a test can wait for."""

    def __init__(self):
        super().__init__()
        self.seen = threading.Semaphore(0)
        self.before_answer = lambda: None

    def answer(self, received):
        self.before_answer()
        found = super().answer(received)
        self.seen.release()
        return found


@pytest.fixture
def forge(monkeypatch):
    monkeypatch.setattr(commit_status_poster, "_FIRST_PAUSE_S", 0.01)
    with Forge() as found:
        yield found


def options(forge, **changes) -> StatusOptions:
    where = ForgeOptions(forge=ForgeKind.GITHUB, forge_url=forge.url, project="team/vms")
    return StatusOptions(forge=where, name="reconciler (prod)", **changes)


def opened(forge, environ=None, **changes):
    environ = {"RECONCILER_FORGE_TOKEN": TOKEN} if environ is None else environ
    return CommitStatusPoster(options(forge, **changes), environ, SystemClock())


def test_each_new_commit_status_is_sent_to_the_git_host_once(forge):
    with opened(forge) as poster:
        poster.show([PENDING])
        assert forge.seen.acquire(timeout=60)
        poster.show([PENDING])
        poster.show([DONE])
        assert forge.seen.acquire(timeout=60)
    assert [(each["state"], each["description"]) for _, each in forge.statuses] == [
        ("pending", "1 change pending"),
        ("success", "2\\x1b[31m of 2"),
    ]


def test_commit_status_is_sent_again_after_a_failed_request(forge):
    forge.faults[f"POST {PATH}"] = [Fault(status=502), Fault(status=502)]
    with opened(forge) as poster:
        poster.show([DONE])
        while not forge.statuses:
            assert forge.seen.acquire(timeout=60)
    assert [each["state"] for _, each in forge.statuses] == ["success"]


def test_rejected_commit_status_does_not_delay_the_status_of_another_commit(forge):
    other = replace(DONE, commit="b" * 40)
    forge.faults[f"POST {PATH}"] = [Fault(status=422)] * 1_000
    with opened(forge) as poster:
        poster.show([PENDING, other])
        while not forge.statuses:
            assert forge.seen.acquire(timeout=60)
    assert [each["state"] for _, each in forge.statuses] == ["success"]


@pytest.mark.parametrize(
    ("count", "state", "description", "quiet_s"),
    [
        pytest.param(1, "pending", "9 changes", 30.0, id="description"),
        pytest.param(45, "pending", "9 changes", 120.0, id="description after 45 statuses"),
        pytest.param(800, "pending", "9 changes", 3_600.0, id="description after 800 statuses"),
        pytest.param(900, "pending", "9 changes", None, id="description after 900 statuses"),
        pytest.param(900, "success", "done", 0.0, id="final state after 900 statuses"),
        pytest.param(3, "pending", "1 change", None, id="the same status"),
    ],
)
def test_commit_statuses_become_less_frequent_as_the_commit_approaches_the_limit_of_github(
    count, state, description, quiet_s
):
    sent = _Sent(state=StatusState.PENDING, description="1 change", at=100.0, count=count)
    wanted = ShownStatus(commit=COMMIT, state=StatusState(state), description=description)
    due_at = sent.due_at(wanted)
    assert due_at == (None if quiet_s is None else 100.0 + quiet_s if quiet_s else 0.0)


def test_commit_status_that_is_withdrawn_while_it_is_sent_can_be_sent_a_second_time(
    forge,
):
    other = replace(DONE, commit="b" * 40)
    with opened(forge) as poster:
        forge.before_answer = partial(poster.show, [other])
        poster.show([PENDING])
        for _ in range(2):
            assert forge.seen.acquire(timeout=60)
        forge.before_answer = lambda: None
        poster.show([PENDING])
        assert forge.seen.acquire(timeout=60)
    assert [each["state"] for _, each in forge.statuses] == ["pending", "success", "pending"]


def test_git_host_token_file_is_read_again_for_each_commit_status(forge, tmp_path):
    file = tmp_path / "token"
    file.write_text("expired-token-123")
    with opened(forge, {}, token_file=file) as poster:
        file.write_text(f"{TOKEN}\n")
        poster.show([DONE])
        assert forge.seen.acquire(timeout=60)
    assert [each["state"] for _, each in forge.statuses] == ["success"]


def test_missing_git_host_token_is_reported_before_any_commit_status_is_sent(forge):
    with pytest.raises(UsageError, match="RECONCILER_FORGE_TOKEN is not set"):
        opened(forge, {})
