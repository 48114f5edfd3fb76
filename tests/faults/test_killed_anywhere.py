"""Tests that later runs complete a rollout whose process is killed while it holds Leases."""

from __future__ import annotations

from functools import cache

import pytest
from faults.judging import pass_of, passes_until, patched_too_often, undisturbed
from faults.stage import DEFAULT, GATED, Killed, desired_of, stage_of

CONTROLS = {"default": DEFAULT, "gated": GATED}
COUNT = 10
"""The number of tested moments to kill the process, per KubeVirt CR and kind of moment."""
PARTS = 4
"""The number of parallel tests among which the moments to kill the process are divided."""


class Reaper:
    """Kills the simulated process at a chosen moment.

    A moment is a pause of the product, or the time just before or after one of its requests.
    """

    def __init__(self, stage, kinds, at=None):
        self._stage, self._at = stage, at
        self.seen = []
        stage.hooks.append(self._request if "requests" in kinds else lambda *_: None)
        if "pauses" in kinds:
            self._sleep, stage.clock.sleep = stage.clock.sleep, self._pause

    def _request(self, when, method, path):
        self._instant(f"{when} {method} {path}")

    def _pause(self, seconds):
        self._sleep(seconds / 2)
        self._instant("pause")
        self._sleep(seconds / 2)

    def _instant(self, what):
        self.seen.append(what)
        if len(self.seen) - 1 == self._at:
            self._stage.api.dead = True
            raise Killed


@cache
def instants(control, kinds):
    """Return the number of moments at which a run without faults could be killed."""
    stage = stage_of(CONTROLS[control])
    reaper = Reaper(stage, kinds)
    done = pass_of(stage, desired_of(CONTROLS[control]))
    assert done.code == "DONE"
    return tuple(reaper.seen)


def chosen(control, kinds):
    """Return evenly spread moments to kill a run, including those around every write."""
    seen = instants(control, kinds)
    picked = {round(n * (len(seen) - 1) / (COUNT - 1)) for n in range(COUNT)}
    writes = {n for n, what in enumerate(seen) if " PATCH " in what}
    return sorted(picked | writes)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kinds", ["requests", "pauses"])
@pytest.mark.parametrize("control", CONTROLS)
def test_next_reconcile_run_completes_the_rollout_of_a_killed_run(control, kinds, part, tally):
    found = chosen(control, kinds)[part::PARTS]
    assert found
    for at in found:
        kill_and_continue(control, kinds, at, tally)


def kill_and_continue(control, kinds, at, tally):
    stage, text = stage_of(CONTROLS[control]), desired_of(CONTROLS[control])
    reaper = Reaper(stage, kinds, at)
    first = pass_of(stage, text)
    instant = f"instant {at}: {reaper.seen[-1]}"
    assert isinstance(first.error, Killed), instant
    assert len(reaper.seen) == at + 1, instant
    stage.hooks.clear()
    vars(stage.clock).pop("sleep", None)
    tally("injected")
    # The next run starts at once, waits until the dead run's lease expires, and acquires it.
    expected = undisturbed(control)
    last = passes_until(stage, text, expected, pauses_s=(0.0, 60.0))
    assert stage.end_state() == expected, (instant, last.error)
    assert last.code == "DONE", instant
    assert stage.problems == [], instant
    assert patched_too_often(stage) == {}, instant
    tally("survived")
