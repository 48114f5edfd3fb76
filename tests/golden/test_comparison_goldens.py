"""Checks each output format of a comparison with a base commit against a golden file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from golden.conftest import COMMIT, at, size
from golden.test_comment_goldens import LIMIT, LINK, check_markup, fleet
from golden.test_goldens import validate
from jsonschema import Draft7Validator
from markdown_it import MarkdownIt
from support.html.browser import UNFOLD, accessibility

from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredState, DesiredVM
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.plan.comparison import Base, BaselineState, Comparison
from reconciler.model.plan.plan import Effect
from reconciler.model.references import vm_ref
from reconciler.plan.comparison_with_base import compare
from reconciler.report.code_review.github_commands import github_commands
from reconciler.report.code_review.gitlab_code_quality import gitlab_code_quality
from reconciler.report.code_review.review import review_of_plan
from reconciler.report.code_review.sarif import sarif
from reconciler.report.comment.plan_comment import plan_comment
from reconciler.report.html.plan_html import plan_html
from reconciler.report.json_documents import plan_json
from reconciler.report.plan_markdown import plan_markdown
from reconciler.report.plan_text import plan_text

BASE_COMMIT = "1c0ffee0a1b2c3d4e5f60718293a4b5c6d7e8f90"
EDITED = {"pg-0", "pg-9", "fe-3", "fe-9"}
SARIF = Path(__file__).with_name("sarif-schema-2.1.0.json")


def declared(plan, guests) -> DesiredState:
    """Build a desired state from the VMs of a plan, with the memory sizes in *guests*."""
    vms = {
        each.ref: DesiredVM(ref=each.ref, guest=guests.get(each.ref.name, each.target))
        for each in plan.decisions
        if each.ref.is_vm
    }
    config = next(each for each in plan.decisions if not each.ref.is_vm)
    settings = {each.field: each.after for each in config.changes}
    return DesiredState(
        revision=plan.revision,
        kubevirt=DesiredKubeVirt(ref=config.ref, settings=settings),
        vms=vms,
    )


def before(plan):
    """Build the plan of the base commit, in which some changes are missing or different."""
    fixed = Diagnostic(
        severity=Severity.ERROR,
        code="bad-quantity",
        message="12 Gi is not a quantity",
        at=at("vms/db.yaml", 99),
        ref=vm_ref("db", "pg-5"),
    )
    decisions = []
    for each in plan.decisions:
        match each.ref.name:
            case "pg-0" | "pg-9":
                quiet = replace(each, effect=Effect.NONE, changes=(), actions=(), warnings=())
                decisions.append(replace(quiet, why=replace(each.why, reason="converged")))
            case "fe-3":
                change = replace(each.changes[0], after=size("9Gi"))
                decisions.append(replace(each, target=size("9Gi"), changes=(change,)))
            case "fe-4":
                continue
            case "fe-2":
                why = replace(each.why, reason="not-migratable")
                decisions.append(replace(each, why=why))
            case "kubevirt":
                kept = each.changes[:-1]
                decisions.append(replace(each, changes=kept))
            case _:
                decisions.append(each)
    live = next(each for each in plan.decisions if each.ref.name == "pg-1")
    gone = replace(live, ref=vm_ref("db", "pg-8"), warnings=())
    return replace(
        plan,
        revision=BASE_COMMIT,
        decisions=tuple(sorted((*decisions, gone), key=lambda each: each.ref)),
        diagnostics=(plan.diagnostics[0], fixed),
    )


def document(plan, comparison) -> dict:
    return json.loads("".join(plan_json(plan, comparison)))


@pytest.fixture
def comparison(plan) -> Comparison:
    old = before(plan)
    return compare(
        Base(requested="origin/main", revision=BASE_COMMIT),
        before=old,
        before_desired=declared(old, {name: size("1Gi") for name in EDITED}),
        after=plan,
        after_desired=declared(plan, {}),
    )


def test_example_comparison_contains_every_state_of_a_change_since_the_base_commit(comparison):
    assert {each.state for each in comparison.objects.values()} == set(BaselineState)
    assert list(comparison.indirect)
    assert comparison.absent_diagnostics


def test_text_of_a_plan_compared_with_a_base_commit_matches_the_golden_file(
    plan, comparison, golden
):
    golden("plan-base.txt", plan_text(plan, comparison=comparison, width=130))


def test_markdown_of_a_plan_compared_with_a_base_commit_matches_the_golden_file(
    plan, comparison, golden
):
    golden("plan-base.md", plan_markdown(plan, comparison=comparison))


def test_markdown_renderer_recognizes_each_table_and_list_of_a_plan_compared_with_a_base_commit():
    text = Path(__file__).with_name("plan-base.md").read_text(encoding="utf-8")
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<table>") == text.count("| --- |\n")
    assert html.count("<details>") == html.count("</details>") == text.count("<details>")
    assert html.count("<ul>") == 1 + text.count("\n\n- ") - text.count("#### Only in the")
    assert "| ---" not in html


def test_json_of_a_plan_compared_with_a_base_commit_matches_the_golden_file(
    plan, comparison, golden
):
    document = "".join(plan_json(plan, comparison))
    validate(document, "plan")
    golden("plan-base.json", document)


def test_html_page_of_a_plan_compared_with_a_base_commit_matches_the_golden_file(
    plan, comparison, golden
):
    golden("plan-base.html", plan_html(plan, comparison=comparison))


def test_sarif_of_a_plan_compared_with_a_base_commit_matches_the_golden_file(
    plan, comparison, golden
):
    document = "".join(sarif(review_of_plan(plan, comparison), "1.2.3"))
    found = json.loads(document)
    Draft7Validator(json.loads(SARIF.read_text())).validate(found)
    states = [each["baselineState"] for each in found["runs"][0]["results"]]
    assert set(states) == set(BaselineState)
    assert states.index("absent") > states.index("unchanged") > states.index("new")
    golden("plan-base.sarif", document)


def test_github_annotations_of_a_plan_compared_with_a_base_commit_match_the_golden_file(
    plan, comparison, golden
):
    lines = list(github_commands(review_of_plan(plan, comparison)))
    golden("plan-base-github.txt", lines)
    unchanged = {
        each.after.ref.name
        for each in comparison.objects.values()
        if each.state is BaselineState.UNCHANGED and each.after
    }
    assert not [each for each in lines[:-1] for name in unchanged if f"/{name} " in each]


def test_gitlab_report_of_a_plan_compared_with_a_base_commit_matches_the_golden_file(
    plan, comparison, golden
):
    document = "".join(gitlab_code_quality(review_of_plan(plan, comparison)))
    golden("plan-base-gitlab.json", document)
    alone = json.loads("".join(gitlab_code_quality(review_of_plan(plan))))
    found = {each["fingerprint"] for each in json.loads(document)}
    assert found == {each["fingerprint"] for each in alone}, "GitLab compares the fingerprints"


def test_pull_request_comment_on_a_plan_compared_with_a_base_commit_matches_the_golden_file(
    plan, comparison, golden
):
    text = plan_comment(
        document(plan, comparison), cluster_name="production", link=LINK, limit=LIMIT
    )
    check_markup(text)
    golden("comment-base.md", text)


def test_comment_on_a_pull_request_that_adds_no_change_lists_changes_that_were_already_pending(
    plan, golden
):
    git = declared(plan, {})
    same = compare(
        Base(requested="main", revision=BASE_COMMIT),
        before=plan,
        before_desired=git,
        after=plan,
        after_desired=git,
    )
    text = plan_comment(document(plan, same), cluster_name="production", link=LINK, limit=LIMIT)
    golden("comment-base-no-effect.md", text)
    assert text.startswith("**This pull request changes nothing**")
    assert "Action required" not in text


@pytest.mark.parametrize("part", ["objects", "diagnostics", "comparison"])
def test_pull_request_comment_on_a_plan_with_an_incomplete_comparison_is_valid_markup(
    plan, comparison, part
):
    found = document(plan, comparison)
    if part == "comparison":
        del found["comparison"]
    else:
        for each in found[part]:
            del each["baseline"]
            for change in each.get("changes", ()):
                change["edited"] = False
    validate(json.dumps(found), "plan")
    text = plan_comment(found, cluster_name="production", link=LINK, limit=LIMIT)
    check_markup(text)
    assert text.startswith("**")


def test_pull_request_comment_on_an_object_that_the_base_commit_does_not_contain_is_valid_markup(
    plan, comparison
):
    found = document(plan, comparison)
    found["objects"][-1]["baseline"] = {
        "state": "absent",
        "edited": False,
        "effect": None,
        "reason": None,
        "target": None,
    }
    validate(json.dumps(found), "plan")
    text = plan_comment(found, cluster_name="production", link=LINK, limit=LIMIT)
    check_markup(text)


def test_pull_request_comment_lists_new_changes_before_10000_changes_that_were_already_pending(
    plan,
):
    after = fleet(plan, 10_000, 40)
    live = [each.ref for each in after.decisions if each.effect is Effect.LIVE]
    edited = {live[7], live[8_000]}
    kept = tuple(each for each in after.decisions if each.ref not in edited)
    git = DesiredState(revision=COMMIT, kubevirt=None, vms={})
    found = compare(
        Base(requested="main", revision=BASE_COMMIT),
        before=replace(after, decisions=kept),
        before_desired=git,
        after=after,
        after_desired=git,
    )
    text = plan_comment(document(after, found), cluster_name=None, link=LINK, limit=LIMIT)
    assert len(text.encode()) <= LIMIT
    check_markup(text)
    pull_request, _, pending = text.partition("Already pending before this pull request:")
    assert "This pull request: 2 VMs change live, 0 need a restart, 0 are blocked" in pull_request
    assert all(f"<code>{ref.name}</code>" in pull_request for ref in edited)
    assert "9998 left out" in pending or "of 9998 left out" in pending


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_plan_html_page_checkbox_hides_vms_that_the_pull_request_does_not_change(
    plan, comparison, browser, scripts
):
    browser.open("".join(plan_html(plan, comparison=comparison)), scripts=scripts)
    browser.evaluate(UNFOLD)

    def shown() -> set[str]:
        names = """
          return [...document.querySelectorAll(".vms tbody tr")]
            .filter((row) => row.checkVisibility()).map((row) => row.cells[0].firstChild.data);
        """
        return set(browser.evaluate(names))

    machines = {each.ref.name for each in plan.decisions if each.ref.is_vm}
    assert shown() == machines
    browser.evaluate('document.getElementById("show-known").focus();')
    browser.press(" ")
    assert shown() == {each.ref.name for each in comparison.added() if each.ref.is_vm}
    browser.evaluate('document.getElementById("show-added").focus();')
    browser.press(" ")
    assert shown() == set()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_plan_html_page_with_a_base_commit_has_no_accessibility_problem(
    plan, comparison, browser, width, dark
):
    browser.open("".join(plan_html(plan, comparison=comparison)), width=width, dark=dark)
    assert accessibility(browser)[1] == []
    assert browser.evaluate("return document.documentElement.scrollWidth - innerWidth;") <= 0
