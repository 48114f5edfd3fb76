"""SARIF, workflow commands and Code Quality reports respect the limits of GitHub and GitLab."""

from __future__ import annotations

import json

import jsonschema
import pytest

from reconciler.escaping import sarif_text, uri_path, workflow_command
from reconciler.model.diagnostic import Severity
from reconciler.model.references import Location
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report.code_review.github_commands import github_commands
from reconciler.report.code_review.gitlab_code_quality import gitlab_code_quality
from reconciler.report.code_review.review import LEVELS, Review, ReviewFinding
from reconciler.report.code_review.sarif import sarif
from reconciler.report.code_review.sarif_rules import rules_of

CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./)."},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""The JSON schema of a Code Quality report, according to GitLab's documentation.

Source: docs.gitlab.com/ci/testing/code_quality, "Code Quality report format".
"""


def finding(number: int = 0, level: Severity = Severity.ERROR, **fields) -> ReviewFinding:
    given = {
        "code": "bad-value",
        "title": f"title {number}",
        "message": f"message {number}.",
        "at": Location(path="vms/db 1.yaml", line=number + 1, column=3),
        "fingerprint": f"{number:064x}",
    }
    return ReviewFinding(level=level, **(given | fields))


def review(*findings: ReviewFinding) -> Review:
    return Review(command="plan", summary="done", cluster="east", findings=findings)


def run_of(found: Review, **limits) -> dict:
    return json.loads("".join(sarif(found, "1.2.3", **limits)))["runs"][0]


def test_github_annotations_beyond_ten_per_level_are_counted_in_the_last_annotation():
    levels = {Severity.ERROR: 12, Severity.WARNING: 10, Severity.NOTE: 11}
    found = [finding(n, level) for level, total in levels.items() for n in range(total)]
    lines = "".join(github_commands(review(*found))).splitlines()
    by_command = {
        command: [line for line in lines if line.startswith(f"::{command} ")]
        for command in ("error", "warning", "notice")
    }
    assert {command: len(each) for command, each in by_command.items()} == {
        "error": 10,
        "warning": 10,
        "notice": 10,
    }
    assert "title=3 more errors not shown::" in by_command["error"][-1]
    assert "title=title 9::" in by_command["warning"][-1]
    assert "title=2 more notes not shown::" in by_command["notice"][-1]
    assert lines[-1] == "done"


def test_github_annotation_has_no_file_if_the_finding_has_no_line_in_git():
    (line, _) = "".join(github_commands(review(finding(at=None)))).splitlines()
    assert line == "::error title=title 0::message 0."


def test_gitlab_code_quality_report_omits_findings_without_a_line_in_git():
    found = review(finding(1), finding(2, at=None), finding(3, Severity.NOTE))
    entries = json.loads("".join(gitlab_code_quality(found)))
    assert [each["location"]["lines"]["begin"] for each in entries] == [2, 4]
    assert [each["severity"] for each in entries] == ["critical", "info"]
    assert found.without_line == 1


def test_gitlab_code_quality_report_has_the_documented_fields():
    levels = [Severity.ERROR, Severity.WARNING, Severity.NOTE] * 2
    at = Location(path="vms/db.yaml", line=0, column=0)
    found = [finding(n, level, at=at, fingerprint=f"{n}") for n, level in enumerate(levels)]
    document = json.loads("".join(gitlab_code_quality(review(*found))))
    jsonschema.validate(document, CODE_QUALITY)
    assert len({each["fingerprint"] for each in document}) == len(levels)


def test_gitlab_code_quality_report_without_findings_is_an_empty_list():
    assert json.loads("".join(gitlab_code_quality(review()))) == []


def test_sarif_reports_a_finding_without_a_line_in_git_as_a_tool_notification():
    run = run_of(review(finding(1), finding(2, code="other", at=None)))
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    rules = run["tool"]["driver"]["rules"]
    assert notification["message"]["text"] == "message 2."
    assert rules[notification["associatedRule"]["index"]]["id"] == "diagnostic.other"
    assert len(run["results"]) == 1


def test_sarif_notification_counts_the_results_beyond_the_limit():
    run = run_of(review(*map(finding, range(5))), limit=2)
    assert [each["message"]["text"] for each in run["results"]] == ["message 0.", "message 1."]
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("3 more results are left out")


def test_sarif_category_contains_the_command_and_the_cluster():
    assert run_of(review())["automationDetails"]["id"] == "reconciler-plan/east/"


@pytest.mark.parametrize(
    ("path", "artifact"),
    [
        ("vms/a b#ü.yaml", {"uri": "vms/a%20b%23%C3%BC.yaml", "uriBaseId": "REPOSITORY"}),
        ("/srv/a:b.yaml", {"uri": "file:///srv/a%3Ab.yaml"}),
    ],
)
def test_sarif_path_in_git_is_a_percent_encoded_uri_relative_to_the_repository(path, artifact):
    run = run_of(review(finding(at=Location(path=path, line=2, column=1))))
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == artifact


def test_sarif_rule_for_a_reason_code_contains_the_documented_meaning_of_the_code():
    for reason, entry in CATALOGUE.items():
        effect = next(iter(LEVELS))
        found = finding(code=reason, reason=reason, effect=effect)
        (rule,) = rules_of([found]).values()
        assert rule["id"] == f"plan.{reason}"
        assert entry.meaning in rule["help"]["markdown"]
        assert entry.action in rule["help"]["markdown"]
        assert "`" not in rule["help"]["text"]
        assert entry.meaning.replace("`", "").startswith(rule["shortDescription"]["text"])


def test_sarif_rule_for_a_manifest_problem_explains_the_problem_code():
    (rule,) = rules_of([finding(code="unbound")]).values()
    assert rule["id"] == "diagnostic.unbound"
    assert rule["shortDescription"]["text"].startswith(
        "No configuration applies to the manifests of -f"
    )
    assert "manifests of `-f`" in rule["help"]["markdown"]


def test_sarif_links_to_the_documentation_if_its_url_is_given():
    found = review(finding(code="a b"))
    without = run_of(found)["tool"]["driver"]
    assert "informationUri" not in without
    assert "helpUri" not in without["rules"][0]
    driver = run_of(found, docs_url="https://docs.example/r/")["tool"]["driver"]
    assert driver["informationUri"] == "https://docs.example/r/"
    assert driver["rules"][0]["helpUri"] == "https://docs.example/r/a%20b"


def test_sarif_has_separate_rules_for_a_reason_and_a_manifest_problem_with_the_same_code():
    reason = next(iter(CATALOGUE))
    same = finding(code=reason, reason=reason, effect=next(iter(LEVELS)))
    assert len(rules_of([same, finding(code=reason)])) == 2


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("see [here](https://evil.example)", "see [here] (https://evil.example)"),
        ("{0} of [1]", "{ 0} of [1]"),
        ("a\x1b[2J\nb", "a\\x1b[2J b"),
    ],
)
def test_sarif_message_escapes_links_and_placeholders(text, safe):
    assert sarif_text(text) == safe


def test_github_workflow_command_encodes_characters_that_end_a_property_or_a_line():
    line = workflow_command("error", {"file": "a,b:c%.yaml"}, "50%\nx,y:z")
    assert line == "::error file=a%2Cb%3Ac%25.yaml::50%25%0Ax,y:z"


def test_uri_path_percent_encodes_every_byte_that_is_not_allowed_in_a_path():
    assert uri_path("a/b?c é") == "a/b%3Fc%20%C3%A9"
