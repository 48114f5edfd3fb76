"""Tests that the simulated GitLab runner behaves like GitLab's and rejects unknown syntax."""

from __future__ import annotations

import pytest
from support.gitlab_runner.pipeline import Pipeline
from support.gitlab_runner.rules import holds
from support.served import Git


@pytest.fixture
def pipeline(tmp_path):
    """Return a function that creates a GitLab pipeline from the content of a file."""
    git = Git(tmp_path / "repository")
    commit = git.commit({"a": "1"})

    def create(text: str, manual=frozenset(), **variables: str) -> Pipeline:
        file = tmp_path / ".gitlab-ci.yml"
        file.write_text(text)
        return Pipeline(
            file=file,
            repository=git.path,
            folder=tmp_path / "jobs",
            variables={"CI_COMMIT_SHA": commit, **variables},
            commands=tmp_path,
            manual=frozenset(manual),
        )

    (tmp_path / "jobs").mkdir()
    return create


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('$A == "x"', True),
        ("$A == 'y'", False),
        ("$A != $B", True),
        ("$MISSING == null", True),
        ("$EMPTY", False),
        ("$A && $MISSING", False),
        ("$MISSING || $A", True),
        ('$MISSING || $A && $B == "z"', False),
        ('($MISSING || $A) && $B == "y"', True),
        ("$A =~ /^x$/", True),
        ("$A !~ /x/", False),
    ],
)
def test_rule_in_a_gitlab_ci_file_is_evaluated_as_gitlab_does(expression, expected):
    assert holds(expression, {"A": "x", "B": "y", "EMPTY": ""}) is expected


@pytest.mark.parametrize("expression", ["$A ==", "A == 1", '$A == "x" $B', '($A == "x"'])
def test_malformed_rule_in_a_gitlab_ci_file_is_an_error(expression):
    with pytest.raises((ValueError, IndexError)):
        holds(expression, {"A": "x", "B": "y"})


def test_gitlab_jobs_run_in_the_order_of_their_stages_and_receive_earlier_artifacts(
    pipeline,
):
    found = pipeline(
        "stages: [one, two]\n"
        "variables: {GREETING: 'hello $NAME'}\n"
        "last: {stage: two, script: ['cat out/text']}\n"
        "first:\n  stage: one\n  artifacts: {paths: [out/]}\n"
        "  script: [mkdir out, 'echo \"$GREETING\" > out/text']\n",
        NAME="world",
    )
    results = found.run()
    assert list(results) == ["first", "last"]
    assert (results["last"].code, results["last"].log) == (0, "hello world\n")


def test_failed_gitlab_job_stops_at_the_failed_line_and_skips_later_jobs(pipeline):
    results = pipeline(
        "stages: [one, two]\n"
        "first: {stage: one, script: ['false | true', 'echo later'], after_script: [echo after]}\n"
        "last: {stage: two, script: [echo last]}\n"
    ).run()
    assert list(results) == ["first"]
    assert (results["first"].passed, results["first"].log) == (False, "after\n")


def test_exit_code_that_a_gitlab_job_allows_does_not_stop_the_pipeline(pipeline):
    results = pipeline(
        "stages: [one, two]\n"
        "first: {stage: one, script: [exit 4], allow_failure: {exit_codes: [4]}}\n"
        "last: {stage: two, script: [echo last]}\n"
    ).run()
    assert (results["first"].code, results["first"].passed) == (4, True)
    assert list(results) == ["first", "last"]


def test_rules_and_manual_starts_determine_which_simulated_gitlab_jobs_run(pipeline):
    text = (
        "plan: {script: [echo plan], rules: [{if: '$KIND == \"merge\"'}]}\n"
        "apply: {script: [echo apply], rules: [{if: '$KIND == \"push\"', when: manual}]}\n"
    )
    assert pipeline(text, KIND="merge").selected() == ["plan"]
    assert list(pipeline(text, KIND="push").run()) == []
    assert list(pipeline(text, manual={"apply"}, KIND="push").run()) == ["apply"]


@pytest.mark.parametrize(
    "text", ["a: {script: [x], unknown: 1}\n", "a: {script: [x], rules: [{unknown: x}]}\n"]
)
def test_unknown_key_in_a_gitlab_ci_file_is_an_error(pipeline, text):
    with pytest.raises(AssertionError, match="unknown"):
        pipeline(text).selected()
