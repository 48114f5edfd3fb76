"""Tests the notes in a plan about canaries, batches, maintenance windows and restarts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.builders import (
    ALWAYS,
    NOW,
    condition,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
    with_settings,
)

from reconciler.model.desired.config import Canary, RestartConsent, Window, WindowKind
from reconciler.model.diagnostic import Severity
from reconciler.model.fields import WaveName
from reconciler.model.quantity import Duration
from reconciler.model.references import vm_ref
from reconciler.model.selector import Selector

NOTES = {
    "batches",
    "canaries-held",
    "canary",
    "next-window",
    "no-canary",
    "outside-window",
    "restarts",
    "window-too-short",
}


def world(*names: str, wanted: str = "2Gi", sizes=None, git=None, priorities=None, live=None):
    """Return a desired and a live state of VMs with 1Gi; *git* has their labels as ``k=v``."""
    refs = [vm_ref("db", name) for name in names]
    desired = make_desired(
        *(
            want(
                (sizes or {}).get(ref.name, wanted),
                ref,
                labels=dict([(git or {})[ref.name].split("=")]) if ref.name in (git or {}) else {},
                priority=(priorities or {}).get(ref.name, 0),
            )
            for ref in refs
        )
    )
    state = live or make_live(
        *(make_vm(ref) for ref in refs), vmis=tuple(make_vmi(ref) for ref in refs)
    )
    return desired, state


def select(text: str) -> Selector:
    return Selector.parse(text)


def canary(text: str = "canary=true", soak: str = "30m") -> Canary:
    return Canary(selector=select(text), soak=Duration.parse(soak))


def window(begins_in_s: float, lasts: str, kind: WindowKind = WindowKind.ALLOW) -> Window:
    begins = NOW + timedelta(seconds=begins_in_s)
    cron = f"{begins.minute} {begins.hour} * * *"
    return Window(kind=kind, cron=cron, duration=Duration.parse(lasts))


def notes(desired, live, **policy) -> dict[str, tuple[Severity, str]]:
    """Return the severity and the message of each rollout note, by code."""
    found = plan_of(desired, live, **policy).diagnostics
    return {each.code: (each.severity, each.message) for each in found if each.code in NOTES}


def order(plan) -> list[str]:
    return [action.ref.name for wave in plan.waves for action in wave.actions]


def queue(plan) -> list[str]:
    return [each.ref.name for each in plan.forecast.vms]


def test_plan_orders_vms_by_canary_or_batch_then_by_priority_then_by_name():
    desired, live = world(
        *"abcdef",
        git={"e": "canary=true", "b": "stage=test", "d": "stage=test", "a": "stage=prod"},
        priorities={"d": 5, "f": 9},
    )
    plan = plan_of(
        desired, live, canary=canary(), batches=(select("stage=test"), select("stage=prod"))
    )
    assert order(plan) == ["e", "d", "b", "a", "f", "c"]
    assert queue(plan) == ["e", "d", "b", "a", "f", "c"]
    assert [each.position for each in plan.forecast.vms] == [1, 2, 3, 4, 5, 6]


def test_plan_without_rollout_settings_has_no_rollout_notes():
    assert notes(*world("a", "b")) == {}


def test_plan_without_changes_has_no_rollout_notes():
    choices = {
        "canary": canary(),
        "batches": (select("a=b"),),
        "windows": (window(3600, "1h"),),
        "restart": RestartConsent.WINDOW,
    }
    assert notes(*world("a", wanted="1Gi"), **choices) == {}


def test_note_about_a_closed_maintenance_window_contains_the_start_of_the_next_window():
    found = notes(*world("a"), windows=(window(3600, "8h"),))
    assert found == {
        "outside-window": (
            Severity.NOTE,
            "no maintenance window is open; the next one opens at 2026-11-23 13:00 UTC",
        )
    }


def test_maintenance_window_that_never_opens_causes_a_warning():
    never = Window(kind=WindowKind.ALLOW, cron="0 0 29 2 *", duration=Duration.parse("1h"))
    assert notes(*world("a"), windows=(never,))["outside-window"][0] is Severity.WARNING


def test_plan_has_no_note_about_a_change_that_fits_into_the_open_maintenance_window():
    assert notes(*world("a"), windows=(window(-60, "8h"),)) == {}


def test_plan_has_a_note_about_a_change_that_fits_only_into_a_later_maintenance_window():
    found = notes(*world("a"), windows=(window(-3000, "1h"),))
    assert list(found) == ["next-window"]
    severity, message = found["next-window"]
    assert severity is Severity.NOTE
    assert message == (
        "the open maintenance window closes at 2026-11-23 12:10 UTC, but the first attempt "
        "to change 1 VM might end later: db/a (up to 23 min)"
    )


def test_change_that_is_too_long_for_every_maintenance_window_causes_a_warning():
    names = [f"vm-{n}" for n in range(7)]
    desired, live = world(*names, sizes={"vm-5": "3Gi"})
    found = notes(desired, live, windows=(window(-60, "16m"),))
    assert found == {
        "window-too-short": (
            Severity.WARNING,
            (
                "the longest upcoming maintenance window lasts 16 min, but the first attempt "
                "to change 7 VMs might take longer: db/vm-5, db/vm-0, db/vm-1, db/vm-2, db/vm-3 "
                "and 2 more (up to 25 min)"
            ),
        )
    }


def test_change_duration_is_compared_with_the_longest_upcoming_maintenance_window():
    short = tuple(window(3600 * n, "16m") for n in range(1, 6))
    assert list(notes(*world("a"), windows=short)) == ["outside-window", "window-too-short"]
    assert list(notes(*world("a"), windows=(*short, window(36000, "1h")))) == ["outside-window"]


def test_migration_without_a_time_limit_causes_a_maintenance_window_warning():
    kubevirt = with_settings(make_kubevirt(), completionTimeoutPerGiB=0)
    ref = vm_ref("db", "a")
    live = make_live(make_vm(ref), vmis=(make_vmi(ref),), kubevirt=kubevirt)
    found = notes(*world("a", live=live), windows=(window(-60, "8h"),))
    assert found["window-too-short"][1].endswith("db/a (without a limit)")


def test_note_about_canaries_counts_the_canaries_and_the_vms_that_wait_for_them():
    desired, live = world(*"abcd", git={"a": "canary=true", "c": "canary=true"})
    assert notes(desired, live, canary=canary()) == {
        "canary": (
            Severity.NOTE,
            (
                "2 canaries (canary=true) change first; 30m after all canaries have their new "
                "memory, 2 other VMs change"
            ),
        )
    }


def test_canary_soak_time_applies_even_if_no_canary_needs_a_change():
    desired, live = world("a", "b", sizes={"a": "1Gi"}, git={"a": "canary=true"})
    found = notes(desired, live, canary=canary())
    assert found["canary"][1].startswith("no canary (canary=true) changes; 30m after all canaries")


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_canary_selector_without_a_matching_vm_causes_a_warning(names):
    assert notes(*world(*names), canary=canary()) == {
        "no-canary": (
            Severity.WARNING,
            "rollout.canary selects no VM (canary=true), so no VM changes",
        )
    }


def test_canary_whose_memory_cannot_change_causes_a_warning():
    desired, live = world("a", "b", sizes={"a": "9Gi"}, git={"a": "canary=true"})
    found = notes(desired, live, canary=canary())
    assert list(found) == ["canaries-held"]
    assert found["canaries-held"][0] is Severity.WARNING


def test_plan_says_how_many_vms_each_batch_contains_and_omits_empty_batches():
    desired, live = world(*"abcd", git={"a": "stage=prod", "b": "stage=test", "c": "stage=prod"})
    stages = tuple(select(f"stage={each}") for each in ("test", "staging", "prod"))
    assert notes(desired, live, batches=stages) == {
        "batches": (
            Severity.NOTE,
            (
                "VMs are changed in batches, one batch at a time: "
                "batch 1 (stage=test): 1, batch 3 (stage=prod): 2, the rest: 1"
            ),
        )
    }


def test_plan_note_counts_the_vm_restarts_that_each_restart_policy_permits():
    desired, live = world("a", "b", "c", wanted="9Gi")
    by_git = vm_ref("db", "b")
    desired.vms[by_git] = want("9Gi", by_git, restart=RestartConsent.WINDOW)
    plan = plan_of(desired, live, restart=RestartConsent.WINDOW, windows=(ALWAYS,))
    told = {each.code: each for each in plan.diagnostics}["restarts"]
    assert told.severity is Severity.NOTE
    assert told.message == (
        "3 VMs are restarted during the rollout: db/a, db/b, db/c (2 because of "
        "`restart: window`, 1 because of the annotation memory.reconciler.dev/restart in Git)"
    )
    hints = [each.why.hint for each in plan.decisions]
    assert hints[0].endswith("as `restart: window` permits")
    assert hints[1].endswith("as the annotation memory.reconciler.dev/restart in Git permits")
    assert [each.name for each in plan.waves] == [WaveName.MEMORY, WaveName.RESTART]


# The forecast


def test_forecast_is_longer_if_the_number_of_changes_per_node_is_limited():
    desired, live = world(*"abc")
    free, bound = plan_of(desired, live), plan_of(desired, live, max_per_node=1)
    assert bound.forecast.latest_s > free.forecast.latest_s
    assert any("1 from one node" in each for each in bound.forecast.assumptions)


def test_forecast_assumes_that_vms_in_an_anti_affinity_group_change_one_at_a_time():
    desired, live = world("a", "b", git={"a": "app=pg", "b": "app=pg"})
    free, apart = plan_of(desired, live), plan_of(desired, live, anti_affinity=("app",))
    assert [each.latest_s for each in free.forecast.vms] == [free.forecast.latest_s] * 2
    assert apart.forecast.latest_s == pytest.approx(2 * free.forecast.latest_s, rel=0.1)


def test_forecast_starts_changes_of_other_vms_after_the_soak_time_of_the_canaries():
    desired, live = world("a", "b", git={"a": "canary=true"})
    first, second = plan_of(desired, live, canary=canary()).forecast.vms
    assert first.latest_s < 1800 < second.earliest_s
    assert second.latest_s - second.earliest_s < 120


def test_forecast_starts_a_batch_after_running_changes_in_the_previous_batch():
    a, b = vm_ref("db", "a"), vm_ref("db", "b")
    flying = make_vmi(a, guest="64Gi", conditions={"HotMemoryChange": condition("True")})
    live = make_live(
        make_vm(a, guest="64Gi"),
        make_vm(b),
        vmis=(flying, make_vmi(b)),
        kubevirt=with_settings(make_kubevirt(), maxGuest=q("1Ti")),
    )
    desired, _ = world("a", "b", sizes={"a": "64Gi"}, git={"a": "stage=test"})
    free = plan_of(desired, live).forecast
    after = plan_of(desired, live, batches=(select("stage=test"),)).forecast
    assert after.earliest_s > free.earliest_s + 20


def test_forecast_counts_a_restart_towards_the_concurrency_limit_but_not_as_a_migration():
    desired, live = world(*"abc", sizes={"a": "9Gi"})
    plan = plan_of(
        desired, live, restart=RestartConsent.WINDOW, windows=(ALWAYS,), max_concurrent=1
    )
    without = plan_of(desired, live, max_concurrent=1)
    assert (plan.forecast.migrations, queue(plan)) == (2, ["b", "c"])
    assert plan.forecast.n_bytes_copied == without.forecast.n_bytes_copied
    assert plan.forecast.latest_s > without.forecast.latest_s
    assert any(each.startswith("1 VM is restarted") for each in plan.forecast.assumptions)


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        ((), None),
        ((window(-60, "8h"),), "times are counted from now"),
        ((window(3600, "8h"),), "times are counted from the start of a maintenance window"),
    ],
)
def test_forecast_says_whether_times_count_from_now_or_from_the_start_of_a_maintenance_window(
    windows, said
):
    assumptions = plan_of(*world("a"), windows=windows).forecast.assumptions
    assert [each for each in assumptions if each.startswith("times")] == (
        [each for each in assumptions if said and each.startswith(said)]
    )
    assert bool(said) == any(each.startswith("times") for each in assumptions)
