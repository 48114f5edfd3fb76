"""Tables and paragraphs on the terminal escape control characters and stay aligned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.escaping import printable
from reconciler.report.terminal_layout import Cell, Paint, Row, Tone, paragraph, table

PLAIN = Paint(enabled=False)


@given(st.text())
def test_escaped_terminal_text_contains_only_printable_characters(text):
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("red \x1b[31m", "red \\x1b[31m"),
        ("two\nlines", "two lines"),
        ("left\u202eright", "left\\u202eright"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_escaped_terminal_text_shows_control_characters_as_escape_sequences(text, shown):
    assert printable(text) == shown


@given(
    names=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=8),
    width=st.integers(20, 120),
)
def test_wrapped_table_cell_keeps_its_whole_text_in_its_column(names, width):
    rows = [Row((Cell("live"), Cell(each), Cell("end"))) for each in names]
    lines = list(table(("A", "B", "C"), rows, width=width, wrap=("B",), paint=PLAIN))
    place = lines[0].index("C")
    ends = [line for line in lines if line.startswith("live")]
    assert len(ends) == len(names)
    assert all(line[place:] == "end" for line in ends)
    middle = "".join(line[6 : place - 2] for line in lines[1:])
    packed = "".join(printable(each) for each in names)
    assert middle.replace(" ", "") == packed.replace(" ", "")


def test_printed_table_fits_into_the_terminal_width():
    rows = [Row((Cell("x" * 50), Cell("y" * 50)))]
    lines = list(table(("A", "B"), rows, width=60, wrap=("A", "B"), paint=PLAIN))
    assert max(map(len, lines)) <= 60


def test_line_wrapping_of_a_paragraph_never_breaks_a_path():
    path = "vms/" + "a" * 90 + ".yaml:14:18"
    assert any(path in line for line in paragraph(f"see {path}", width=40))


def test_terminal_color_codes_are_not_applied_to_the_padding_of_table_cells():
    lines = list(
        table(("A", "B"), [Row((Cell("x", Tone.BAD), Cell("y")))], width=80, wrap=(),
              paint=Paint(enabled=True))
    )  # fmt: skip
    assert lines[1] == "\x1b[31mx\x1b[0m  y"


def test_table_on_a_narrow_terminal_omits_the_least_important_columns():
    name = "a-very-long-name-of-a-virtual-machine"
    rows = [Row((Cell(name), Cell("2Gi"), Cell("vms/db.yaml:14:18"), Cell("at restart")))]
    head = ("NAME", "TO", "WHERE", "ETA")
    shown = {
        width: list(table(head, rows, width=width, wrap=(), paint=PLAIN, drop=("WHERE", "ETA")))
        for width in (90, 60, 45, 20)
    }
    assert shown[90][1] == f"{name}  2Gi  vms/db.yaml:14:18  at restart"
    assert shown[60][1] == f"{name}  2Gi  at restart"
    assert shown[45][1] == shown[20][1] == f"{name}  2Gi"


def test_wrapped_table_cell_breaks_between_words_where_possible():
    rows = [Row((Cell("x"), Cell("in-progress (in-flight), HotMemoryChange=False, Paused")))]
    lines = list(table(("A", "B"), rows, width=30, wrap=("B",), paint=PLAIN))
    assert [line[3:] for line in lines[1:]] == [
        "in-progress (in-flight),",
        "HotMemoryChange=False,",
        "Paused",
    ]
