"""Tests the display of a run's progress as lines, or as progress bars on a terminal."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from rich.console import Console

from reconciler.cli.option_values import TextFormat
from reconciler.cli.terminal.live_display import LineDisplay, LiveDisplay
from reconciler.cli.terminal.waiting import Waiting
from reconciler.model.plan.plan import Effect
from reconciler.model.references import kubevirt_ref, vm_ref
from reconciler.model.run.progress import Progress, Step

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PG = vm_ref("db", "pg-0")


def event(step: Step, message: str = "m", *, seconds: int = 0, ref=PG, **fields) -> Progress:
    return Progress(
        at=NOW + timedelta(seconds=seconds), step=step, message=message, ref=ref, **fields
    )


@pytest.fixture(autouse=True)
def capable_terminal(monkeypatch):
    """Set a terminal type that supports progress bars, unlike the terminal type ``dumb``."""
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def waiting():
    decisions = [
        SimpleNamespace(ref=vm_ref("db", f"pg-{n}"), actions=(n,), effect=Effect.LIVE)
        for n in range(3)
    ]
    forecast = SimpleNamespace(latest_s=600.0)
    plan = SimpleNamespace(decisions=decisions, forecast=forecast)
    return Waiting(plan, NOW + timedelta(hours=2))


@pytest.fixture
def live(stream, waiting):
    with LiveDisplay(Console(file=stream, force_terminal=True, width=100), waiting) as display:
        yield display


def shown(stream: io.StringIO) -> str:
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", stream.getvalue())


def test_progress_line_contains_time_state_object_message_and_reason(stream, waiting):
    LineDisplay(stream, waiting)(
        event(Step.FAILED, "no room", seconds=5, reason="target-unschedulable")
    )
    assert stream.getvalue() == "09:30:05 failed    db/pg-0: no room (target-unschedulable)\n"


def test_progress_line_is_not_repeated_when_only_the_completed_fraction_changes(stream, waiting):
    display = LineDisplay(stream, waiting)
    for fraction in (0.1, 0.2):
        display(event(Step.PHASE, "Running", fraction=fraction))
        display(event(Step.PHASE, "Running", ref=vm_ref("db", "pg-1"), fraction=fraction))
    display(event(Step.PHASE, "Succeeded"))
    assert len(stream.getvalue().splitlines()) == 3


def test_progress_line_in_json_format_has_the_fields_of_a_log_line(stream, waiting):
    LineDisplay(stream, waiting, TextFormat.JSON)(
        event(Step.FAILED, "no room", reason="r", fraction=0.25)
    )
    assert json.loads(stream.getvalue()) == {
        "level": "error",
        "ts": "2026-03-02T09:30:00Z",
        "msg": "no room",
        "step": "failed",
        "kind": "VirtualMachine",
        "namespace": "db",
        "name": "pg-0",
        "reason": "r",
        "fraction": 0.25,
    }


@pytest.mark.parametrize("log_format", list(TextFormat))
def test_progress_message_with_control_characters_stays_on_one_line(stream, waiting, log_format):
    LineDisplay(stream, waiting, log_format)(event(Step.WAVE, "a\nb\x1b[2J", ref=None))
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_progress_bar_is_shown_from_the_patch_until_the_change_ends(live, stream):
    live(event(Step.PATCHED, "patched"))
    live(event(Step.PHASE, "Running", seconds=42, fraction=0.5))
    assert live.in_flight == 1
    live(event(Step.DONE, "the guest has 12Gi", seconds=60))
    assert live.in_flight == 0
    assert "09:31:00 done      db/pg-0: the guest has 12Gi" in shown(stream)


def test_progress_bar_never_moves_backwards_or_beyond_its_end(live):
    for fraction in (0.6, 0.2, None, 7.0):
        live(event(Step.PHASE, "Running", fraction=fraction))
        assert live._bars.tasks[0].completed >= 0.6
    assert live._bars.tasks[0].completed == 1.0


def test_progress_bar_shows_the_time_since_the_patch(live):
    live(event(Step.PATCHED))
    live(event(Step.PHASE, seconds=200))
    assert live._bars.tasks[0].fields["elapsed"] == "3m20s"


def test_progress_of_an_object_that_is_not_a_vm_is_printed_as_a_line(live, stream):
    live(event(Step.WAVE, "wave memory begins", ref=None))
    live(event(Step.PATCHED, "written", ref=kubevirt_ref("kubevirt", "kubevirt")))
    assert live.in_flight == 0
    assert "wave memory begins" in shown(stream)
    assert "KubeVirt kubevirt/kubevirt: written" in shown(stream)


def test_text_from_the_cluster_is_not_interpreted_as_terminal_markup(live, stream):
    live(event(Step.DONE, "[red]x[/red] [/nonsense]"))
    live(event(Step.PATCHED, "[/nonsense]"))
    live._bars.refresh()
    assert "[red]x[/red] [/nonsense]" in shown(stream)


def test_progress_line_is_printed_for_a_new_vm_state_but_not_for_each_migration_phase(
    stream, waiting
):
    display = LineDisplay(stream, waiting)
    display(event(Step.PATCHED, "guest 1Gi -> 2Gi", reason="hotplug"))
    for phase in ("Pending", "Scheduling", "PreparingTarget", "Running"):
        display(
            event(
                Step.PHASE,
                f"the VM is migrating to get 2Gi: the migration m-1 is {phase}",
                reason="in-flight",
            )
        )
    display(event(Step.PHASE, "the guest accepts the memory", reason="guest-accepting"))
    display(event(Step.DONE, "the guest has 2Gi", reason="converged"))
    steps = [line.split()[1] for line in stream.getvalue().splitlines()]
    assert steps == ["patched", "phase", "phase", "done"]


def test_progress_bar_in_a_narrow_terminal_still_shows_the_vm_name_and_the_percentage(
    stream, waiting
):
    ref = vm_ref("team-a", "a-long-name-of-a-database-0123456789")
    with LiveDisplay(Console(file=stream, force_terminal=True, width=80), waiting) as display:
        display(event(Step.PHASE, "a message that is long, " * 9, ref=ref, fraction=0.5))
        display._bars.refresh()
    line = next(each for each in shown(stream).splitlines() if "50%" in each)
    assert "team-a/a-long-name-of-a-database-0123456789" in line
    assert "━━━━" in line
    assert len(line.rstrip()) <= 80


def test_vm_name_that_leaves_no_space_for_its_progress_bar_is_printed_on_a_separate_line(
    stream, waiting
):
    short, long = vm_ref("team-a", "db"), vm_ref("payments-production", "postgresql-" + "x" * 40)
    with LiveDisplay(Console(file=stream, force_terminal=True, width=80), waiting) as display:
        for ref in (short, long):
            display(event(Step.PHASE, "a long message, " * 9, ref=ref, fraction=0.5))
        display._bars.refresh()
    lines = [each.rstrip() for each in shown(stream).splitlines()]
    for ref in (short, long):
        at = max(n for n, line in enumerate(lines) if line == f"{ref.namespace}/{ref.name}")
        name, bar = lines[at : at + 2]
        assert "━━━━" in bar
        assert " 50% " in bar
        assert "a long message" in bar
        assert max(len(name), len(bar)) <= 80


def ended(name: str) -> SimpleNamespace:
    return SimpleNamespace(ref=vm_ref("db", name))


WAITS = (
    "1 of 3 VMs done, waiting for db/pg-0, db/pg-2 since 09:30:20, "
    "expected to end by 09:40:00, deadline 11:30:00 UTC"
)


def test_waiting_run_prints_once_a_minute_what_it_is_waiting_for(stream, waiting):
    display = LineDisplay(stream, waiting)
    display(event(Step.PATCHED, "guest 1Gi -> 2Gi"))
    display(event(Step.DONE, seconds=10, ref=vm_ref("db", "pg-1"), outcome=ended("pg-1")))
    display(event(Step.PHASE, "the VM migrates: Running", seconds=20, reason="in-flight"))
    for seconds in (40, 79, 81, 100, 142):
        display(event(Step.WAITING, "", seconds=seconds, ref=None))
    lines = stream.getvalue().splitlines()
    assert lines[3:] == [f"09:31:21 waiting   {WAITS}", f"09:32:22 waiting   {WAITS}"]


def test_terminal_shows_below_the_progress_bars_what_the_run_is_waiting_for(stream, waiting):
    with LiveDisplay(Console(file=stream, force_terminal=True, width=80), waiting) as display:
        display(event(Step.PATCHED, seconds=20))
        display(event(Step.DONE, seconds=20, ref=vm_ref("db", "pg-1"), outcome=ended("pg-1")))
        display._bars.refresh()
    words = " ".join(shown(stream).split())
    assert WAITS.replace("09:40:00", "09:40:20") in words
