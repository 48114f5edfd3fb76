"""Every format of a plan starts with the warning about an old cluster snapshot file."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from golden.conftest import NOW

from reconciler.model.live.snapshot_age import age_warning
from reconciler.model.quantity import Duration
from reconciler.model.references import Location
from reconciler.report.code_review.github_commands import github_commands
from reconciler.report.code_review.gitlab_code_quality import gitlab_code_quality
from reconciler.report.code_review.review import review_of_plan
from reconciler.report.code_review.sarif import sarif
from reconciler.report.comment.plan_comment import plan_comment
from reconciler.report.html.plan_html import plan_html
from reconciler.report.json_documents import plan_json
from reconciler.report.plan_markdown import plan_markdown
from reconciler.report.plan_text import plan_text

AT = Location(path=".reconciler.yaml", line=4, column=17)
TIME = "2026-03-02 09:30:00 UTC"


@pytest.fixture
def old(plan):
    warning = age_warning(NOW, NOW + timedelta(days=2), Duration.parse("24h"), AT)
    return replace(plan, diagnostics=(*plan.diagnostics, warning))


def shown_once_before(end: str, pieces) -> bool:
    """Return whether the warning and its time occur exactly once in the text, before *end*."""
    text = "".join(pieces).replace("&#8203;", "")  # this character prevents emojis in Markdown
    start = text.index("the snapshot is out of date")
    return TIME in text[start : text.index(end)] and text.count("is out of date") == 1


def test_plan_text_starts_with_the_warning_about_an_old_cluster_snapshot_file(old):
    assert shown_once_before("Wave 1", plan_text(old, width=110))


def test_plan_markdown_starts_with_the_warning_about_an_old_cluster_snapshot_file(old):
    assert shown_once_before("\n| ", plan_markdown(old))


def test_pull_request_comment_starts_with_the_warning_about_an_old_cluster_snapshot_file(old):
    document = json.loads("".join(plan_json(old)))
    text = plan_comment(document, cluster_name=None, link="", limit=65_000)
    assert shown_once_before("#### Action required", text)


def test_plan_html_page_starts_with_the_warning_about_an_old_cluster_snapshot_file(old):
    assert shown_once_before("<section", plan_html(old))


def test_code_review_output_starts_with_the_warning_about_an_old_cluster_snapshot_file(old):
    review = review_of_plan(old)
    (run,) = json.loads("".join(sarif(review, "1.0")))["runs"]
    assert TIME in run["results"][0]["message"]["text"]
    assert TIME in json.loads("".join(gitlab_code_quality(review)))[0]["description"]
    warnings = re.findall("(?m)^::warning .*", "".join(github_commands(review)))
    assert TIME in warnings[0]
