"""Plain text: control characters are shown, columns stay aligned, numbers read as people say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import NameSet, WaveName
from reconciler.model.plan.plan import Action, Effect, Forecast, Reason, Verb, Wave
from reconciler.model.quantity import GIB, Duration, MemoryQuantity
from reconciler.model.references import Location, vm_ref
from reconciler.report import wording
from reconciler.report.findings import by_location, finding_lines
from reconciler.report.terminal_layout import Cell, Paint, Row, Tone, paragraph, printable, table

PLAIN = Paint(enabled=False)


@given(st.text())
def test_what_is_printed_never_moves_the_cursor(text):
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
def test_control_characters_are_shown_not_obeyed(text, shown):
    assert printable(text) == shown


@given(
    names=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=8),
    width=st.integers(20, 120),
)
def test_a_folded_cell_keeps_its_text_and_its_column(names, width):
    rows = [Row((Cell("live"), Cell(each), Cell("end"))) for each in names]
    lines = list(table(("A", "B", "C"), rows, width=width, wrap=("B",), paint=PLAIN))
    place = lines[0].index("C")
    ends = [line for line in lines if line.startswith("live")]
    assert len(ends) == len(names)
    assert all(line[place:] == "end" for line in ends)
    middle = "".join(line[6 : place - 2] for line in lines[1:])
    packed = "".join(printable(each) for each in names)
    assert middle.replace(" ", "") == packed.replace(" ", "")


def test_a_table_is_as_narrow_as_it_is_told_to_be():
    rows = [Row((Cell("x" * 50), Cell("y" * 50)))]
    lines = list(table(("A", "B"), rows, width=60, wrap=("A", "B"), paint=PLAIN))
    assert max(map(len, lines)) <= 60


def test_a_path_is_never_broken_in_a_sentence():
    path = "vms/" + "a" * 90 + ".yaml:14:18"
    assert any(path in line for line in paragraph(f"see {path}", width=40))


def test_padding_is_not_styled():
    lines = list(
        table(("A", "B"), [Row((Cell("x", Tone.BAD), Cell("y")))], width=80, wrap=(),
              paint=Paint(enabled=True))
    )  # fmt: skip
    assert lines[1] == "\x1b[31mx\x1b[0m  y"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (4.24, "4.2s"), (42, "42s"), (59.97, "1m"), (60, "1m"), (200, "3m20s"),
     (3599.6, "1h"), (3600, "1h"), (3900, "1h5m"), (90_000, "25h")],
)  # fmt: skip
def test_durations_are_short(seconds, words):
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("earliest", "latest", "words"),
    [(19.25, 184, "19s-4m"), (38.5, 410, "38s-7m"), (5, 5, "5s"), (130, 170, "2m-3m"),
     (3700, 7300, "1h1m-2h2m")],
)  # fmt: skip
def test_a_range_is_rounded_outwards(earliest, latest, words):
    assert wording.span(earliest, latest) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "(not set)"), (True, "true"), (4, "4"), ("Stage", "Stage"),
     (NameSet.of(("B", "A")), "[B, A]"), (Duration.parse("1m0s"), "1m0s"),
     (MemoryQuantity.parse("2048Mi"), "2048Mi"), (MemoryQuantity.parse(2 * GIB), "2Gi")],
)  # fmt: skip
def test_values_are_shown_as_spelled_and_bare_bytes_as_a_size(value, words):
    assert wording.spelled(value) == words


@pytest.mark.parametrize(
    ("revision", "dirty", "words"),
    [("a" * 40, False, "commit aaaaaaaaaaaa"), ("stdin", False, "stdin"),
     ("b" * 64, True, "commit bbbbbbbbbbbb with uncommitted changes")],
)  # fmt: skip
def test_only_a_commit_is_called_one(revision, dirty, words):
    assert wording.origin(revision, dirty=dirty) == words


def test_every_exit_code_has_a_meaning():
    assert set(wording.MEANING) == set(wording.ExitCode)


def test_every_effect_has_its_place():
    assert set(wording.ATTENTION) == set(wording.Effect)


def test_many_namespaces_are_summed_up():
    forecast = Forecast(
        migrations=9,
        n_bytes_copied=GIB,
        peak_extra_requests={f"n{n}": n * GIB for n in range(9)},
        peak_extra_total=36 * GIB,
        earliest_s=1,
        latest_s=2,
    )
    said = "36Gi of extra requests (n8 8Gi, n7 7Gi, n6 6Gi, n5 5Gi, n4 4Gi, 3 more namespaces 6Gi)"
    assert said in wording.costs(forecast)


def test_findings_are_in_the_order_of_the_files():
    def finding(path, line):
        at = Location(path=path, line=line, column=1) if path else None
        return Diagnostic(severity=Severity.ERROR, code="c", message="m", at=at)

    unsorted = [finding("", 0), finding("b", 2), finding("a", 10), finding("a", 9)]
    places = [str(each.at) for each in by_location(unsorted)]
    assert places == ["a:9:1", "a:10:1", "b:2:1", "None"]


def test_a_finding_shows_everything_but_control_characters():
    finding = Diagnostic(severity=Severity.ERROR, code="c", message="bad \x1b[2J", hint="do\tit")
    assert list(finding_lines([finding], PLAIN)) == ["error[c] bad \\x1b[2J", "  hint: do it"]


def restarting(*names: str) -> Wave:
    actions = tuple(
        Action(
            ref=vm_ref("db", name),
            uid=None,
            wave=WaveName.RESTART,
            effect=Effect.RESTART,
            reason=Reason.RESTART_PENDING,
            verb=Verb.RESTART,
            digest="",
        )
        for name in names
    )
    return Wave(name=WaveName.RESTART, barrier=None, actions=actions)


def test_restarts_are_named_and_counted_where_they_are_many():
    one = wording.restarts(restarting("pg-0"))
    assert (
        one
        == "1 VM is restarted right after the new size is written, as the consent allows: db/pg-0"
    )
    many = wording.restarts(restarting(*(f"pg-{n}" for n in range(25))))
    assert many.startswith("25 VMs are restarted")
    assert many.endswith("db/pg-19 and 5 more")
