"""Compares pull request comments with golden files, and checks their size limits."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from golden.conftest import NOW, at, sealed
from markdown_it import MarkdownIt

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live.snapshot_age import age_warning
from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.plan.plan_forecast import Forecast, VMForecast
from reconciler.model.quantity import GIB, Duration
from reconciler.model.references import vm_ref
from reconciler.report.comment.headline import plan_headline
from reconciler.report.comment.plan_comment import plan_comment
from reconciler.report.comment.run_comment import failure_comment, run_comment
from reconciler.report.json_documents import plan_json, run_json

LIMIT = 65_000
LINK = "https://git.example.com/team/vms/actions/runs/17"
UNREACHABLE = (
    "error: GET https://10.0.0.1:6443/apis/kubevirt.io/v1/kubevirts got no answer: the connection"
    " was refused\n  hint: check the kubeconfig, the context and the network\n"
)
WRONG = (
    "error: the desired state is for the cluster 1111, but this is the cluster 2222\n"
    "  hint: choose another --context, or change `cluster` in .reconciler.yaml\n"
)


def document(plan) -> dict:
    return json.loads("".join(plan_json(plan)))


def comment(plan, **settings) -> str:
    return comment_on(document(plan), **settings)


def comment_on(found: dict, **settings) -> str:
    return plan_comment(found, **({"cluster_name": None, "link": LINK, "limit": LIMIT} | settings))


def check_markup(text: str) -> None:
    """Check that each collapsed section and each code block is closed in the right order."""
    depth, fence = 0, ""
    for line in text.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif match := re.match(r"(`{3,})json$", line):
            fence = match[1]
        else:
            depth += line.count("<details>") - line.count("</details>")
            assert line.count("<code>") == line.count("</code>")
            assert line.count("<summary>") == line.count("</summary>")
        assert depth >= 0
    assert (depth, fence) == (0, "")


def test_pull_request_comment_on_a_plan_with_every_kind_of_change_matches_the_golden_file(
    plan, golden
):
    golden("comment.md", comment(plan))


@pytest.mark.parametrize(("name", "tables"), [("comment", 7), ("comment-report", 5)])
def test_markdown_renderer_recognizes_each_table_and_patch_of_a_pull_request_comment(name, tables):
    text = (Path(__file__).parent / f"{name}.md").read_text(encoding="utf-8")
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<table>") == tables
    assert html.count("<details>") == html.count("</details>") == text.count("<details>")
    assert html.count("<pre>") == text.count("```json")
    assert "| ---" not in html


def test_pull_request_comment_on_a_plan_without_changes_matches_the_golden_file(
    converged_plan, golden
):
    golden("comment-nothing-to-do.md", comment(converged_plan))


def test_pull_request_comment_on_a_plan_for_one_vm_matches_the_golden_file(plan, golden):
    live = next(each for each in plan.decisions if each.effect is Effect.LIVE)
    forecast = replace(plan.forecast, migrations=1, vms=plan.forecast.vms[:1], latest_s=184)
    one = sealed((live,), forecast=forecast)
    golden("comment-one-vm.md", comment(one, cluster_name="production"))


def test_pull_request_comment_about_invalid_manifests_matches_the_golden_file(plan, golden):
    error = Diagnostic(
        severity=Severity.ERROR,
        code="wrong-type",
        message="spec.template.spec.domain.memory.guest: expected a quantity, not a list",
        at=at("vms/db.yaml", 14),
        ref=vm_ref("db", "pg-0"),
        hint="write, for example, 8Gi",
    )
    twice = replace(
        error,
        code="duplicate-object",
        message="VirtualMachine db/pg-1 appears twice",
        at=at("vms/copy.yaml", 1),
        ref=vm_ref("db", "pg-1"),
        context=("first at vms/db.yaml:20:1",),
        hint="delete one of the two manifests",
    )
    blocked = next(each for each in plan.decisions if each.effect is Effect.BLOCKED)
    why = replace(blocked.why, reason=Reason.INVALID_MANIFEST, message="its manifest is invalid")
    held = tuple(
        replace(blocked, ref=vm_ref("db", name), why=why) for name in ("pg-0", "pg-1", "pg-2")
    )
    text = comment(replace(sealed(held), diagnostics=(error, twice)))
    # The third VM has no error with its name, for example because its file cannot be parsed.
    assert text.count("| **blocked** | its manifest is invalid") == 1
    golden("comment-invalid.md", text)


def test_pull_request_comment_on_a_plan_from_an_old_snapshot_file_matches_the_golden_file(
    plan, golden
):
    warning = age_warning(NOW, NOW + timedelta(days=2), Duration.parse("24h"), None)
    golden("comment-old-snapshot.md", comment(replace(plan, diagnostics=(warning,))))


def test_pull_request_comment_on_a_plan_for_ten_thousand_vms_matches_the_golden_file(plan, golden):
    golden("comment-ten-thousand-vms.md", comment(fleet(plan, 10_000, 40)))


def test_pull_request_comment_with_a_run_report_matches_the_golden_file(run, golden):
    report = json.loads("".join(run_json(run)))
    golden(
        "comment-report.md",
        run_comment(report, cluster_name="production", link=LINK, limit=LIMIT),
    )


@pytest.mark.parametrize(("name", "log"), [("unreachable", UNREACHABLE), ("wrong", WRONG)])
def test_pull_request_comment_about_a_run_without_cluster_access_matches_the_golden_file(
    name, log, golden
):
    text = failure_comment(log, cluster_name="production", link=LINK, limit=LIMIT)
    golden(f"comment-cluster-{name}.md", text)


def fleet(plan, count: int, namespaces: int):
    """Build a plan for *count* VMs in which every tenth VM is blocked and all others change."""
    like = {each.effect: each for each in plan.decisions if each.ref.is_vm}
    decisions = []
    for number in range(count):
        effect = Effect.BLOCKED if number % 10 == 0 else Effect.LIVE
        ref = vm_ref(f"team-{number % namespaces:04}", f"vm-{number:05}")
        actions = tuple(replace(each, ref=ref) for each in like[effect].actions)
        decisions.append(replace(like[effect], ref=ref, actions=actions))
    decisions.sort(key=lambda each: each.ref)
    vms = tuple(
        VMForecast(ref=each.ref, position=number, earliest_s=60 * number, latest_s=90 * number)
        for number, each in enumerate(decisions, 1)
        if each.effect is Effect.LIVE
    )
    forecast = Forecast(
        migrations=len(vms),
        n_bytes_copied=count * GIB,
        peak_extra_requests={},
        earliest_s=600,
        latest_s=90_000,
        vms=vms,
    )
    return sealed(tuple(decisions), forecast=forecast)


@pytest.mark.parametrize("namespaces", [1, 40, 2_000])
def test_pull_request_comment_on_many_vms_counts_the_omitted_rows(plan, namespaces):
    found = document(fleet(plan, 2_000, namespaces))
    for limit in (LIMIT, 200_000):
        text = comment_on(found, limit=limit)
        assert limit // 2 < len(text.encode()) <= limit
        check_markup(text)
        first = text.split("\n", 1)[0]
        assert "1800 VMs change live, 0 need a restart, 200 are blocked" in first
        omitted = re.search(r"\*\*Left out.*", text)[0]
        problem = text[: text.index("#### Changes")].splitlines()[-2]
        assert problem.startswith(
            "| 200 objects, such as <code>team-0000/vm-00000</code> | **blocked** |"
        )
        rows = text[text.index("#### Changes") :].count("| **")
        assert f"{2_200 - rows} rows" in omitted
        assert LINK in omitted


@pytest.mark.parametrize("limit", range(6_000, 20_000, 997))
def test_shortened_pull_request_comment_has_complete_markup(plan, limit):
    text = comment(fleet(plan, 100, 7), limit=limit)
    assert len(text.encode()) <= limit
    check_markup(text)


def test_pull_request_comment_about_a_failed_run_keeps_the_last_lines_of_a_long_log():
    log = "".join(f"line {number} {'ü' * 300}\n" for number in range(1000))
    text = failure_comment(log, cluster_name="production", link="", limit=10_000)
    assert len(text.encode()) <= 10_000
    assert "line 999 " in text
    shown = text.count("<code>line ")
    assert f"{1000 - shown} earlier lines of the log left out" in text


def test_commit_status_description_is_limited_to_140_characters(plan):
    headline = plan_headline(document(fleet(plan, 1000, 3)), None)
    assert headline.description(140).startswith("900 VMs change live, 0 need a restart, 100 are")
    assert len(headline.description(60)) == 60
