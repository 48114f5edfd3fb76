"""Compares each output format with a golden file, and the JSON with its published schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.model.plan.plan import Effect
from reconciler.model.references import vm_ref
from reconciler.model.run.outcome import Result
from reconciler.report.code_review.github_commands import github_commands
from reconciler.report.code_review.gitlab_code_quality import gitlab_code_quality
from reconciler.report.code_review.review import review_of_desired, review_of_plan
from reconciler.report.code_review.sarif import sarif
from reconciler.report.findings import validation_json, validation_text
from reconciler.report.html.plan_html import plan_html
from reconciler.report.html.validation_html import validation_html
from reconciler.report.json_documents import plan_document, plan_json, run_document, run_json
from reconciler.report.json_text import dumps
from reconciler.report.plan_markdown import plan_markdown
from reconciler.report.plan_text import plan_text
from reconciler.report.run_text import run_text
from reconciler.report.status_document import Status, status_json
from reconciler.report.status_text import status_text

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture(params=["plan", "report"])
def schema(request):
    return json.loads((SCHEMAS / f"{request.param}.schema.json").read_text(encoding="utf-8"))


def validate(document: str, name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(json.loads(document))


def made(value):
    """Convert each iterator in *value* to a list."""
    match value:
        case dict():
            return {key: made(each) for key, each in value.items()}
        case list() | Iterator():
            return [made(each) for each in value]
        case _:
            return value


def test_example_plan_and_run_for_the_golden_files_cover_all_effects_and_results(plan, run):
    assert {each.effect for each in plan.decisions} == set(Effect)
    assert {each.result for each in run.outcomes} == set(Result)


def test_plan_text_matches_the_golden_file(plan, golden):
    golden("plan.txt", plan_text(plan, width=110))


def test_plan_text_on_a_narrow_terminal_matches_the_golden_file(plan, golden):
    golden("plan-narrow.txt", plan_text(plan, width=80))


def test_verbose_plan_text_matches_the_golden_file(plan, golden):
    golden("plan-verbose.txt", plan_text(plan, width=110, verbose=True))


def test_text_of_a_plan_without_changes_matches_the_golden_file(converged_plan, golden):
    golden("plan-converged.txt", plan_text(converged_plan, width=110))


def test_plan_html_matches_the_golden_file(paced_plan, golden):
    golden("plan-paced.html", plan_html(paced_plan))


def test_plan_markdown_matches_the_golden_file(plan, golden):
    golden("plan.md", plan_markdown(plan))


def test_markdown_of_a_plan_without_changes_matches_the_golden_file(converged_plan, golden):
    golden("plan-converged.md", plan_markdown(converged_plan))


def test_plan_json_matches_the_golden_file(plan, golden):
    document = "".join(plan_json(plan))
    validate(document, "plan")
    golden("plan.json", document)


def test_text_of_a_plan_with_canaries_and_batches_matches_the_golden_file(paced_plan, golden):
    golden("plan-paced.txt", plan_text(paced_plan, width=110))


def test_markdown_of_a_plan_with_canaries_and_batches_matches_the_golden_file(paced_plan, golden):
    golden("plan-paced.md", plan_markdown(paced_plan))


def test_json_of_a_plan_with_canaries_and_batches_matches_the_golden_file(paced_plan, golden):
    document = "".join(plan_json(paced_plan))
    validate(document, "plan")
    golden("plan-paced.json", document)


def test_json_of_a_plan_without_changes_matches_the_golden_file(converged_plan, golden):
    document = "".join(plan_json(converged_plan))
    validate(document, "plan")
    golden("plan-converged.json", document)


def test_streamed_plan_and_report_json_equals_json_that_is_encoded_at_once(
    plan, paced_plan, converged_plan, run
):
    for each in (plan, paced_plan, converged_plan):
        assert "".join(plan_json(each)) == dumps(made(plan_document(each)))
    assert "".join(run_json(run)) == dumps(made(run_document(run)))


def test_run_report_text_matches_the_golden_file(run, golden):
    golden("run.txt", run_text(run, width=110))


@pytest.mark.parametrize("result", [Result.FAILED, Result.RUNNING, Result.DONE])
def test_note_that_several_vms_share_appears_only_once_in_the_run_report_text(run, result):
    one = next(each for each in run.outcomes if each.result is result)
    one = replace(one, effect=Effect.LIVE, why=replace(one.why, message="the same note"))
    others = tuple(replace(one, ref=vm_ref("db", f"vm-{n}")) for n in range(12))
    text = "".join(run_text(replace(run, outcomes=others), width=110))
    assert (text.count("the same note"), text.count(" vm-")) == (1, 12)


@pytest.mark.parametrize("says", ["3 migrations failed: no room", "no room"])
def test_number_of_failed_migrations_appears_only_once_in_the_run_report_text(run, says):
    one = next(each for each in run.outcomes if each.failed_migrations == 3)
    one = replace(one, why=replace(one.why, message=says))
    text = "".join(run_text(replace(run, outcomes=(one,)), width=110))
    assert text.count("3 migrations failed") + text.count("failed migrations: 3") == 1


def test_run_report_json_matches_the_golden_file(run, golden):
    document = "".join(run_json(run))
    validate(document, "report")
    golden("run.json", document)


def test_status_text_matches_the_golden_file(desired, live, verdicts, golden):
    golden(
        "status.txt",
        status_text(Status(desired=desired, live=live, convergence=verdicts), width=130),
    )


def test_status_json_matches_the_golden_file(desired, live, verdicts, golden):
    text = status_json(Status(desired=desired, live=live, convergence=verdicts, unmanaged=True))
    validate(text, "status")
    golden("status.json", text)


def test_validation_text_matches_the_golden_file(desired, golden):
    golden("validation.txt", validation_text(desired))


def test_validation_json_matches_the_golden_file(desired, golden):
    golden("validation.json", validation_json(desired))


def test_validation_html_matches_the_golden_file(desired, golden):
    golden("validation.html", validation_html(desired))


@pytest.fixture
def reviews(plan, desired):
    return {"plan": review_of_plan(plan), "validation": review_of_desired(desired)}


@pytest.mark.parametrize("name", ["plan", "validation"])
def test_sarif_output_matches_the_golden_file(name, reviews, golden):
    text = "".join(sarif(reviews[name], "1.2.3"))
    # This schema is from Microsoft's SARIF SDK 5.7.0.
    schema = json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(json.loads(text))
    golden(f"{name}.sarif", text)


@pytest.mark.parametrize("name", ["plan", "validation"])
def test_github_workflow_commands_match_the_golden_file(name, reviews, golden):
    golden(f"{name}-github.txt", github_commands(reviews[name]))


@pytest.mark.parametrize("name", ["plan", "validation"])
def test_gitlab_code_quality_report_matches_the_golden_file(name, reviews, golden):
    golden(f"{name}-gitlab.json", gitlab_code_quality(reviews[name]))


def test_published_json_schema_describes_every_property(schema):
    Draft202012Validator.check_schema(schema)

    def walk(node, where):
        if "properties" in node:
            assert node.get("additionalProperties") is False, where
            for name, each in node["properties"].items():
                assert "description" in each or "$ref" in each, f"{where}.{name}"
                walk(each, f"{where}.{name}")
        for name, each in node.get("$defs", {}).items():
            assert "description" in each, name
            walk(each, name)

    walk(schema, "$")


def test_published_json_schema_rejects_an_unknown_property(plan, run):
    for pieces, name in ((plan_json(plan), "plan"), (run_json(run), "report")):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        validator = Draft202012Validator(schema)
        assert not validator.is_valid(json.loads("".join(pieces)) | {"extra": 1})


def test_colored_terminal_text_equals_plain_text_except_for_color_codes(plan, run):
    for render, value in ((plan_text, plan), (run_text, run)):
        styled = "".join(render(value, width=110, color=True))
        assert "\x1b[31m" in styled
        assert re.sub(r"\x1b\[\d*m", "", styled) == "".join(render(value, width=110))
