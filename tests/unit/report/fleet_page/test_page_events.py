"""An event contains only what changed, within its limits, and is empty without a change."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.html.service_views import service_view

from reconciler.model.run.progress import Step
from reconciler.model.service.view import AlertHold
from reconciler.report.fleet_page.page_events import MAX_BYTES, MAX_CELLS, change_event
from reconciler.report.fleet_page.page_state import page_state


@pytest.fixture(scope="module", params=[1, 200, 2000])
def view(request):
    return service_view(request.param)


def event_between(before, after) -> tuple[int, dict]:
    """Return the size and the document of the only event, or no document without an event."""
    event = change_event(before and page_state(before), page_state(after))
    if not event:
        return 0, {}
    name, data, *rest = event.decode().split("\n")
    assert (name, rest) == ("event: change", ["", ""])
    return len(event), json.loads(data.removeprefix("data: "))


def stepped(view, **changes):
    """Return *view* after another step of the first VM of the run."""
    ref, progress = next(iter(view.run.progress.items()))
    steps = {**view.run.progress, ref: replace(progress, **changes)}
    return ref, replace(view, run=replace(view.run, progress=steps))


def test_event_without_a_visible_change_is_empty(view):
    later = replace(view, at=view.at + timedelta(seconds=5))
    assert event_between(view, view) == (0, {})
    assert event_between(view, later) == (0, {})


def test_event_is_empty_if_a_newer_plan_decides_the_same(view):
    again = replace(view.plan, observed_at=view.plan.observed_at + timedelta(seconds=1))
    later = view.at + timedelta(seconds=1)
    assert event_between(view, replace(view, plan=again, planned_at=later, at=later)) == (0, {})


def test_event_for_a_step_of_a_change_contains_only_its_part_and_the_address_of_the_vm(view):
    ref, after = stepped(view, fraction=0.9)
    size, event = event_between(view, after)
    assert event["cells"] == [[f"vm/{ref.namespaced_name}"]]
    assert len(event["parts"]) == 1
    assert 'value="90"' in event["parts"][0]
    assert "say" not in event
    assert size < 7_000


def test_event_for_the_end_of_a_change_contains_the_cell_and_what_to_announce(view):
    ref, after = stepped(view, step=Step.DONE)
    size, event = event_between(view, after)
    (cell,) = event["cells"]
    assert cell[:2] == [f"vm/{ref.namespaced_name}", "cell wait done"]
    assert "changed in this run" in cell[2]
    assert event["say"]
    assert size < 16_000


def test_event_for_a_hold_announces_it_and_leaves_the_cells_out(view):
    hold = AlertHold(since=view.at, message="the alert KubeVirtDown is firing")
    _, event = event_between(view, replace(view, hold=hold))
    assert "the alert KubeVirtDown is firing" in event["say"]
    assert event["cells"] == []


def test_event_that_changes_too_much_makes_the_page_request_itself_again():
    before = service_view(MAX_CELLS + 1)
    warned = tuple(replace(each, warnings=("new",)) for each in before.plan.decisions)
    after = replace(before, plan=replace(before.plan, decisions=warned))
    size, event = event_between(before, after)
    assert event == {"all": True}
    assert size < 100


def test_event_with_long_texts_stays_within_its_limit(view):
    _, after = stepped(view, step=Step.FAILED, message="é" * 10_000)
    many = tuple(replace(each, message="é" * 10_000) for each in after.runs * 4)
    size, event = event_between(view, replace(after, runs=many))
    assert 0 < size <= MAX_BYTES
    assert event["say"]


@pytest.mark.parametrize("other", [None, 1, 201])
def test_event_makes_the_page_request_itself_again_if_the_vms_differ_or_are_unknown(other):
    before = None if other is None else service_view(other)
    _, event = event_between(before, service_view(200))
    assert event["all"]
    assert "cells" not in event


def test_event_names_a_vm_whose_own_page_changed_although_its_cell_did_not():
    before = service_view(20)
    ref, machine = next(iter(before.live.vms.items()))
    vms = {**before.live.vms, ref: replace(machine, printable_status="Paused")}
    _, event = event_between(before, replace(before, live=replace(before.live, vms=vms)))
    assert event == {"cells": [[f"vm/{ref.namespaced_name}"]], "parts": []}
