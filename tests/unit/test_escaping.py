"""Escaping keeps harmless text readable, and shortens very long text."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.escaping import (
    MAX_TEXT,
    html_text,
    json_text,
    markdown_inline,
    markdown_json_block,
    printable,
    printable_traceback,
)


@pytest.mark.parametrize(
    "text",
    [
        "cannot read nodes at fd00::a:1:6443",
        "https://[::1]:6443",
        "::ffff:192.0.2.1",
        "fe80::dead:beef",
        "a # b ## c",
        "Müller → größer, 日本語, नमस्ते, שלום, Việt",
        "e\u0301 n\u0303\u0323",
    ],
)
def test_escaping_for_terminals_keeps_ordinary_text(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    "command", ["add-mask", "error", "debug", "echo", "set-output", "a_b", "AB-C"]
)
@pytest.mark.parametrize("before", ["", "a\n", "\t", "word", "fd00"])
def test_escaped_text_contains_no_github_workflow_command(command, before):
    assert f"::{command}" not in printable(f"{before}::{command} x=y::z")


def test_escaping_for_html_escapes_markup_and_quotation_marks():
    assert html_text("<b title='a' id=\"c\">&amp;\x1b\u202e") == (
        "&lt;b title=&#x27;a&#x27; id=&quot;c&quot;&gt;&amp;amp;\\x1b\\u202e"
    )
    assert html_text("größer ::error::") == "größer \\x3a:error::"


def test_very_long_escaped_text_is_shortened_in_the_middle():
    shown = printable("a" * 20_000_000 + "vms/db.yaml:14:18")
    assert len(shown) == MAX_TEXT + 1
    assert shown.startswith("aaa")
    assert shown.endswith("vms/db.yaml:14:18")


def test_escaped_traceback_keeps_frame_lines_and_joins_the_lines_of_the_message():
    parts = ['  File "a.py", line 1\n    x = 1\n', "ValueError: one\n::error::two\n"]
    assert printable_traceback(parts) == (
        '  File "a.py", line 1\n    x = 1\nValueError: one \\x3a:error\\x3a:two'
    )


@given(st.text() | st.text(alphabet="#[]a:\x7f\x9b\u202e\u0301é\U000e0041"))
def test_escaped_json_text_is_printable_and_has_the_same_value(text):
    for document in (json.dumps([text], ensure_ascii=False), json.dumps({text: 1}, indent=1)):
        made = json_text(document)
        assert json.loads(made) == json.loads(document)
        assert all(line.isprintable() for line in made.split("\n"))
        assert "##[" not in made


def test_escaping_a_large_json_document_needs_little_additional_memory():
    document = json.dumps(["ä" + "x" * 98] * 100_000, ensure_ascii=False)
    tracemalloc.start()
    json_text(document)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(document)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0123456789abcdef", "012345&#8203;6789ab&#8203;cdef"),
        ("1073741824 bytes", "1073741824 bytes"),
        ("uid 5f3a", "uid 5f3a"),
    ],
)
def test_text_escaped_for_markdown_contains_no_hash_that_github_would_link_to_a_commit(
    text, shown
):
    assert markdown_inline(text) == shown


@pytest.mark.parametrize("longest", [0, 1, 3, 10])
def test_markdown_code_fence_is_longer_than_any_run_of_backticks_inside(longest):
    first, line, last = markdown_json_block([json.dumps("`" * longest)])
    assert first == f"{last}json"
    assert last == "`" * max(3, longest + 1)
    assert json.loads(line) == "`" * longest
