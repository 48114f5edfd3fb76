"""Tests that a forged future time in a result does not prevent later updates of the comment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.app.comment.result_content import ResultOptions, result_content
from reconciler.forge.result_stamp import ResultKind

GOLDEN = Path(__file__).parents[2] / "golden"
NOW = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture
def stamp(tmp_path):
    """Return a function that changes a result and returns the time stamp of its comment."""

    def of(name: str, **changed: str):
        document = json.loads((GOLDEN / name).read_text(encoding="utf-8")) | changed
        path = tmp_path / "result.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        options = ResultOptions(result=path)
        return result_content(options, limit=65_000, now=NOW, token="").stamp

    return of


def test_comment_about_a_plan_contains_the_time_at_which_the_cluster_was_read(stamp):
    found = stamp("plan-paced.json")
    assert (found.kind, found.time) == (ResultKind.PLAN, datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


def test_comment_about_a_report_contains_the_time_at_which_the_run_ended(stamp):
    found = stamp("run.json", endedAt="2026-03-02T10:00:00Z")
    assert (found.kind, found.time) == (ResultKind.REPORT, datetime(2026, 3, 2, 10, tzinfo=UTC))


def test_forged_future_time_of_a_result_does_not_prevent_later_results_from_being_posted(stamp):
    """The report of a rollout must replace the plan, even a plan with a forged time."""
    assert stamp("plan-paced.json", observedAt="9999-12-31T23:59:59Z").time == NOW


def test_comment_about_a_failed_run_has_no_time_so_that_the_next_plan_replaces_the_comment(
    tmp_path,
):
    log = tmp_path / "plan.log"
    log.write_text("error: no answer\n", encoding="utf-8")
    options = ResultOptions(log=log, cluster_name="production")
    found = result_content(options, limit=65_000, now=NOW, token="").stamp
    assert (found.kind, found.time) == (ResultKind.FAILURE, None)
