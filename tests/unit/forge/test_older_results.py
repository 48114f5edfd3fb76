"""A CI job that ends late does not replace the comment about a newer commit or newer result."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.forges.fake_forge import HEAD
from support.forges.forge_places import MARKER, STAMP

from reconciler.forge.post_comment import Posted
from reconciler.forge.result_stamp import Outdated, ResultKind, ResultStamp, stamp_of

NEWER = "f" * 40
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT_NOON = replace(STAMP, time=NOON)
EARLIER = replace(STAMP, time=NOON - timedelta(hours=1))
REPORT = ResultStamp(kind=ResultKind.REPORT, time=NOON)
FAILURE = replace(STAMP, kind=ResultKind.FAILURE)


def test_plan_of_an_older_commit_does_not_replace_the_comment_of_a_newer_commit(place):
    place.server.pull.head = NEWER
    place.post("new plan", stamp=replace(STAMP, commit=NEWER))
    assert place.post("old plan") is Outdated.COMMIT
    assert place.server.texts()[0].endswith("\nnew plan")


@pytest.mark.parametrize("stamp", [STAMP, FAILURE])
def test_result_of_an_older_commit_is_not_posted_to_a_pull_request_without_a_comment(place, stamp):
    place.server.pull.head = NEWER
    assert place.post("old", stamp=stamp) is Outdated.COMMIT
    assert place.server.comments == []


def test_plan_of_a_newer_commit_replaces_the_comment_of_an_older_commit(place):
    place.post("old plan", stamp=AT_NOON)
    place.server.pull.head = NEWER
    assert place.post("new plan", stamp=replace(EARLIER, commit=NEWER)) is Posted.EDITED


def test_pull_request_comment_is_not_posted_if_a_newer_commit_is_pushed_during_the_job(place):
    """Another push can occur after the CI job starts and before the job writes its comment."""
    place.post("plan")

    def push(received) -> None:
        if received.method == "GET" and received.line == place.line("list"):
            place.server.pull.head = NEWER

    place.server.on_request = push
    assert place.post("late plan") is Outdated.COMMIT


def test_ci_job_deletes_its_comment_if_another_job_posts_a_newer_result_at_the_same_time(place):
    newer = f"{MARKER}\n{AT_NOON.line()}\nthe newer result"

    def race(received) -> None:
        if received.method == "POST" and not place.server.comments:
            place.server.add(place.server.user, newer)

    place.server.on_request = race
    assert place.post("old", stamp=EARLIER) is Outdated.RESULT
    assert place.server.texts() == [newer]


@pytest.mark.parametrize(
    ("shown", "later", "outcome"),
    [
        (AT_NOON, EARLIER, Outdated.RESULT),
        (EARLIER, AT_NOON, None),
        (AT_NOON, AT_NOON, None),
        (replace(REPORT, commit=HEAD), EARLIER, Outdated.RESULT),
        (AT_NOON, FAILURE, None),
        (FAILURE, EARLIER, None),
        (None, EARLIER, None),
    ],
)
def test_pull_request_comment_keeps_a_newer_result_for_the_same_commit(shown, later, outcome):
    assert later.outdated(shown, HEAD) is outcome


def test_run_report_about_the_merge_commit_of_a_pull_request_does_not_count_as_outdated():
    """The run applies the merge commit, which is not the pull request's last commit."""
    assert REPORT.outdated(AT_NOON, HEAD) is None


def test_comment_metadata_of_a_run_report_contains_the_last_commit_of_the_pull_request(place):
    place.post("report", stamp=REPORT)
    assert stamp_of(place.server.texts()[0]) == replace(REPORT, commit=HEAD)
    assert place.post("plan from before", stamp=EARLIER) is Outdated.RESULT


@pytest.mark.parametrize("stamp", [STAMP, AT_NOON, REPORT, FAILURE])
def test_pull_request_comment_metadata_is_parsed_back_unchanged(stamp):
    assert stamp_of(f"{MARKER}\r\n{stamp.line()}\r\ntext") == stamp


@pytest.mark.parametrize(
    "line",
    [
        "",
        "<!-- reconciler-result plan - 2026-99-02T12:00:00Z -->",
        "<!-- reconciler-result plot - - -->",
        f"> {AT_NOON.line()}",
        f"{AT_NOON.line()} {AT_NOON.line()}",
    ],
)
def test_malformed_metadata_in_a_pull_request_comment_is_ignored(line):
    found = stamp_of(f"{MARKER}\n{line}\ntext")
    assert found is None or (found.commit, found.time) == (None, None)
