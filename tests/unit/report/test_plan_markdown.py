"""A plan in Markdown has valid tables without unsafe markup for any names and sizes."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.escaping import markdown_code as code
from reconciler.escaping import markdown_inline as inline
from reconciler.escaping import markdown_paragraph as paragraph
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.explanation import Explanation
from reconciler.model.fields import GUEST_MEMORY, WaveName
from reconciler.model.plan.plan import (
    Action,
    Change,
    Decision,
    Effect,
    PatchOp,
    Plan,
    Reason,
    Wave,
)
from reconciler.model.plan.plan_forecast import Forecast
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import Location, Uid, kubevirt_ref, vm_ref
from reconciler.report import markdown_budget
from reconciler.report.markdown_budget import shares
from reconciler.report.plan_markdown import LIMIT, TAG, plan_markdown

GITHUB_LIMIT = 65_536
COLUMNS = 8
ALLOWED_HTML = re.compile(r"</?(details|summary|code)>|<!-- reconciler-plan -->")
HOSTILE = (
    "a|b",
    "`x` | ``y``",
    "\\| \\",
    "<script>alert(1)</script>",
    "</details></td><img src=x onerror=y>",
    "one\ntwo\r\n\n| a | b |\u2028| c |",
    "@octocat and (@org/team)",
    "fixes #12, GH-13, org/repo#14",
    "![x](https://example.org/a.png) www.example.org",
    "&lt;b&gt; &#64;octocat &amp;",
    "<!-- reconciler-plan -->",
    "```\nrm\n```",
    "# title\n- [ ] item\n1. one",
    "$x$ ~~gone~~ *em* __strong__ :+1: :100:",
    "\x1b[31mred\x1b[0m \u202egnp",
    "\ud800",
    "tag \U000e0041 of no shape",
)
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text(alphabet="|`<>@#\\\n&;*_-[]()!:/. a1~", max_size=30),
)


def decision(
    name: str, message: str, *, effect: Effect = Effect.LIVE, path: str = "a"
) -> Decision:
    ref = vm_ref("db", name)
    place = Location(path=path, line=1, column=1)
    change = Change(
        field=GUEST_MEMORY,
        before=MemoryQuantity.parse("1Gi"),
        after=MemoryQuantity.parse("2Gi"),
        at=place,
        wave=WaveName.MEMORY,
    )
    action = Action(
        ref=ref,
        uid=Uid("u"),
        wave=WaveName.MEMORY,
        effect=effect,
        reason=Reason.HOTPLUG,
        patch=(PatchOp(op="replace", path="/spec", value=name),),
        digest="sha256:" + "0" * 64,
    )
    return Decision(
        ref=ref,
        uid=Uid("u"),
        effect=effect,
        why=Explanation(reason=Reason.HOTPLUG, message=message, hint=message),
        warnings=(message,),
        owner=name,
        at=place,
        changes=(change,),
        actions=(action,),
    )


def plan(decisions: tuple[Decision, ...], diagnostics: tuple[Diagnostic, ...] = ()) -> Plan:
    actions = tuple(action for each in decisions for action in each.actions)
    return Plan(
        revision="working-tree",
        dirty=False,
        cluster="c",
        kubevirt=kubevirt_ref("kubevirt", "kubevirt"),
        kubevirt_version="v1.9.0",
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        decisions=decisions,
        waves=(Wave(name=WaveName.MEMORY, barrier=None, actions=actions),),
        forecast=Forecast(
            migrations=1, n_bytes_copied=1, peak_extra_requests={}, earliest_s=1, latest_s=2
        ),
        diagnostics=diagnostics,
    )


def markdown(decisions, diagnostics=(), **how) -> str:
    return "".join(plan_markdown(plan(decisions, diagnostics), **how))


def parse(text: str):
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def inline_tokens(text: str):
    return [child for token in parse(text) for child in token.children or ()]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_table_stays_intact_with_hostile_text(text):
    assert_intact(text, text, text)


@given(name=TEXTS, message=TEXTS, path=TEXTS)
@settings(max_examples=100, deadline=None)
def test_markdown_table_stays_intact_with_random_text(name, message, path):
    assert_intact(name, message, path)


def assert_intact(name: str, message: str, path: str) -> None:
    hostile = decision(name or "x", message, path=path)
    finding = Diagnostic(severity=Severity.WARNING, code="c", message=message, hint=name)
    text = markdown((hostile, decision("plain", "grows")), (finding,))
    tokens = parse(text)
    kinds = [token.type for token in tokens]
    assert kinds.count("table_open") == 2
    assert kinds.count("tr_open") == (1 + 2) + (1 + 1)
    assert kinds.count("td_open") == 2 * COLUMNS + 4
    # The Markdown parser drops excess cells, so the test also counts the column separators.
    bars = [line.count("|") for line in text.split("\n") if line.startswith("| ")]
    assert bars == [COLUMNS + 1] * 4 + [5] * 3
    assert kinds.count("heading_open") == 4
    fences = [token.content for token in tokens if token.type == "fence"]
    assert all(line.isprintable() for each in fences for line in each.split("\n"))
    assert [json.loads(each)["value"] for each in fences] == [name or "x", "plain"]
    html = [token.content for token in tokens if token.type == "html_block"]
    html += [each.content for each in inline_tokens(text) if each.type == "html_inline"]
    tags = [tag for each in html for tag in re.findall(r"<[^>]*>", each)]
    assert all(ALLOWED_HTML.fullmatch(tag) for tag in tags), tags
    assert tags.count("<summary>") == 2
    assert text.count(TAG) == 1


@given(text=TEXTS)
@settings(max_examples=300, deadline=None)
def test_untrusted_text_in_markdown_cannot_create_links_mentions_or_markup(text):
    tokens = inline_tokens(f"x {inline(text)} y")
    assert {each.type for each in tokens} <= {"text"}
    shown = "".join(each.content for each in tokens)
    assert not re.search(r"@[A-Za-z0-9]", shown)
    assert not re.search(r"#\d", shown)
    assert not re.search(r"GH-\d", shown, re.IGNORECASE)
    assert "://" not in shown
    assert not re.search(r":[\w+-]+:", shown)


@given(text=TEXTS)
@settings(max_examples=200, deadline=None)
@example(text="- x")
@example(text="12. x")
@example(text="===")
def test_markdown_paragraph_is_not_parsed_as_a_list_or_heading(text):
    kinds = [token.type for token in parse(f"above\n\n{paragraph(text, 100)}")]
    assert kinds[:3] == ["paragraph_open", "inline", "paragraph_close"]
    assert kinds[3:] in ([], ["paragraph_open", "inline", "paragraph_close"])


@pytest.mark.parametrize("text", ["pg-0", "vms/db.yaml:14:18", "u1.large", "20Gi (see above)"])
def test_markdown_escaping_leaves_ordinary_text_unchanged(text):
    assert code(text) == f"<code>{text}</code>"


def test_markdown_cell_is_truncated_at_its_limit():
    assert inline("x" * 500, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("name", ["vm-{}", "vm-{}-" + "x" * 200, "🐘|@x" * 20 + "{}"])
def test_markdown_plan_for_ten_thousand_vms_stays_within_the_size_limit(name):
    effects = [Effect.BLOCKED] * 5 + [Effect.LIVE] * 9_995
    decisions = tuple(
        decision(name.format(n), "grows from 1Gi to 2Gi " * 5, effect=effect)
        for n, effect in enumerate(reversed(effects))
    )
    began = time.perf_counter()
    text = markdown(decisions, elsewhere="see [plan.json](https://example.org/plan)")
    assert time.perf_counter() - began < 5
    assert len(text) <= len(text.encode()) <= LIMIT < GITHUB_LIMIT
    shown = sum(token.type == "tr_open" for token in parse(text)) - 1
    assert shown > 5
    assert f"**{10_000 - shown} of 10000 left out** ({10_000 - shown} live)" in text
    assert text.count("see [plan.json](https://example.org/plan).") == 2
    assert text.count("**blocked**") == 5, "VMs that need a person are not cut"


@pytest.mark.parametrize("changed", [500, 10_000])
def test_markdown_plan_does_not_render_table_rows_beyond_the_size_limit(changed, monkeypatch):
    """At most the rows of one section are rendered without being shown."""
    made = []
    monkeypatch.setattr(
        markdown_budget,
        "size",
        lambda text, size=markdown_budget.size: made.append(text) or size(text),
    )
    decisions = tuple(decision(f"vm-{n}", "grows from 1Gi to 2Gi") for n in range(changed))
    still = tuple(decision(f"is-{n}", "", effect=Effect.NONE) for n in range(10_000 - changed))
    text = markdown(decisions + still)
    assert len(text) <= len(text.encode()) <= LIMIT
    assert f"of {changed} left out" in text
    rows = {each for each in made if each.startswith(("| <code>db", "<details><summary><code>V"))}
    assert sum(map(len, rows)) < 3 * LIMIT


def test_markdown_plan_with_ten_thousand_reported_problems_stays_within_the_size_limit():
    findings = tuple(
        Diagnostic(severity=Severity.ERROR, code="c", message=f"finding {n}")
        for n in range(10_000)
    )
    decisions = tuple(decision(f"vm-{n}", "grows") for n in range(10_000))
    text = markdown(decisions, findings)
    assert len(text.encode()) <= LIMIT
    assert len(re.findall(r"of 10000 left out", text)) == 3
    assert "this plan omits their objects" in text


def test_markdown_section_of_more_than_forty_rows_is_collapsed():
    text = markdown(tuple(decision(f"vm-{n}", "grows") for n in range(60)))
    assert "<details><summary>60 of 60</summary>" in text
    assert "left out" not in text
    assert text.count("<details>") == text.count("</details>") == 62


@given(wants=st.lists(st.integers(0, 1000), max_size=6), room=st.integers(-10, 3000))
def test_markdown_sections_share_the_size_limit_and_none_gets_more_than_it_needs(wants, room):
    given_out = shares(wants, room)
    assert all(got <= want for got, want in zip(given_out, wants, strict=True))
    assert sum(given_out) <= max(room, 0)
    if sum(wants) <= room:
        assert given_out == wants
    elif wants and room > 0:
        assert sum(given_out) > room - len(wants)
