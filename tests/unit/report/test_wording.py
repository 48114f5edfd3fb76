"""Tests the short texts for durations, sizes, migration costs and restarts."""

from __future__ import annotations

import pytest

from reconciler.model.fields import NameSet, WaveName
from reconciler.model.plan.plan import Action, Effect, Reason, Verb, Wave
from reconciler.model.plan.plan_forecast import Forecast
from reconciler.model.quantity import GIB, Duration, MemoryQuantity
from reconciler.model.references import vm_ref
from reconciler.report import wording


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (4.24, "4.2s"), (42, "42s"), (59.97, "1m"), (60, "1m"), (200, "3m20s"),
     (3599.6, "1h"), (3600, "1h"), (3900, "1h5m"), (90_000, "25h")],
)  # fmt: skip
def test_durations_are_printed_in_a_short_form(seconds, words):
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("earliest", "latest", "words"),
    [(19.25, 184, "19s-4m"), (38.5, 410, "38s-7m"), (5, 5, "5s"), (130, 170, "2m-3m"),
     (3700, 7300, "1h1m-2h2m")],
)  # fmt: skip
def test_printed_time_range_is_rounded_down_at_its_start_and_up_at_its_end(
    earliest, latest, words
):
    assert wording.span(earliest, latest) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "(not set)"), (True, "true"), (4, "4"), ("Stage", "Stage"),
     (NameSet.of(("B", "A")), "[B, A]"), (Duration.parse("1m0s"), "1m0s"),
     (MemoryQuantity.parse("2048Mi"), "2048Mi"), (MemoryQuantity.parse(2 * GIB), "2Gi")],
)  # fmt: skip
def test_printed_value_keeps_its_notation_except_for_memory_sizes_without_a_unit(value, words):
    assert wording.spelled(value) == words


@pytest.mark.parametrize(
    ("revision", "dirty", "words"),
    [("a" * 40, False, "commit aaaaaaaaaaaa"), ("stdin", False, "stdin"),
     ("b" * 64, True, "commit bbbbbbbbbbbb with uncommitted changes")],
)  # fmt: skip
def test_git_revision_is_printed_as_a_commit_only_if_the_revision_is_a_hash(
    revision, dirty, words
):
    assert wording.origin(revision, dirty=dirty) == words


def test_every_exit_code_has_a_description():
    assert set(wording.MEANING) == set(wording.ExitCode)


def test_order_in_which_planned_effects_are_displayed_contains_every_effect():
    assert set(wording.ATTENTION) == set(wording.Effect)


def test_migration_cost_summary_lists_only_the_largest_namespaces():
    forecast = Forecast(
        migrations=9,
        n_bytes_copied=GIB,
        peak_extra_requests={f"n{n}": n * GIB for n in range(9)},
        peak_extra_total=36 * GIB,
        earliest_s=1,
        latest_s=2,
    )
    said = (
        "36Gi of additional memory requests "
        "(n8 8Gi, n7 7Gi, n6 6Gi, n5 5Gi, n4 4Gi, 3 more namespaces 6Gi)"
    )
    assert said in wording.costs(forecast)


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


def test_summary_of_restarts_lists_at_most_twenty_vms_by_name():
    one = wording.restarts(restarting("pg-0"))
    words = (
        "1 VM is restarted immediately after the new size is written, because `restart` permits "
        "this: db/pg-0"
    )
    assert one == words
    many = wording.restarts(restarting(*(f"pg-{n}" for n in range(25))))
    assert many.startswith("25 VMs are restarted")
    assert many.endswith("db/pg-19 and 5 more")


def test_migration_cost_summary_explains_that_namespaces_peak_at_different_times():
    forecast = Forecast(
        migrations=2,
        n_bytes_copied=GIB,
        peak_extra_requests={"a": 3 * GIB, "b": 2 * GIB},
        peak_extra_total=4 * GIB,
        earliest_s=1,
        latest_s=2,
    )
    said = "at most 4Gi of additional memory requests at one time"
    at = "the largest amount in each namespace, at different times"
    assert f"{said} ({at}: a 3Gi, b 2Gi)" in wording.costs(forecast)
