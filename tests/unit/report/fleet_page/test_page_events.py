"""A server-sent event contains only the changed parts of the page, within size limits."""

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
    """Return the size and JSON of the server-sent event, or size 0 without an event."""
    event = change_event(before and page_state(before), page_state(after))
    if not event:
        return 0, {}
    name, data, *rest = event.decode().split("\n")
    assert (name, rest) == ("event: change", ["", ""])
    return len(event), json.loads(data.removeprefix("data: "))


def stepped(view, **changes):
    """Return the first VM of the run, and the state after a further step of this VM's change."""
    ref, progress = next(iter(view.run.progress.items()))
    steps = {**view.run.progress, ref: replace(progress, **changes)}
    return ref, replace(view, run=replace(view.run, progress=steps))


def test_server_sent_event_is_empty_if_nothing_on_the_status_page_changes(view):
    later = replace(view, at=view.at + timedelta(seconds=5))
    assert event_between(view, view) == (0, {})
    assert event_between(view, later) == (0, {})


def test_server_sent_event_is_empty_if_a_newer_plan_is_equal_to_the_shown_plan(view):
    again = replace(view.plan, observed_at=view.plan.observed_at + timedelta(seconds=1))
    later = view.at + timedelta(seconds=1)
    assert event_between(view, replace(view, plan=again, planned_at=later, at=later)) == (0, {})


def test_server_sent_event_about_the_progress_of_a_vm_contains_only_the_changed_part(view):
    ref, after = stepped(view, fraction=0.9)
    size, event = event_between(view, after)
    assert event["cells"] == [[f"vm/{ref.namespaced_name}"]]
    assert len(event["parts"]) == 1
    assert 'value="90"' in event["parts"][0]
    assert "say" not in event
    assert size < 7_000


def test_server_sent_event_about_the_end_of_a_change_updates_the_cell_of_the_vm(view):
    ref, after = stepped(view, step=Step.DONE)
    size, event = event_between(view, after)
    (cell,) = event["cells"]
    assert cell[:2] == [f"vm/{ref.namespaced_name}", "cell wait done"]
    assert "changed in this run" in cell[2]
    assert event["say"]
    assert size < 16_000


def test_server_sent_event_about_an_alert_that_pauses_the_rollout_contains_no_vm_cells(view):
    hold = AlertHold(since=view.at, message="the alert KubeVirtDown is firing")
    _, event = event_between(view, replace(view, hold=hold))
    assert "the alert KubeVirtDown is firing" in event["say"]
    assert event["cells"] == []


def test_server_sent_event_tells_the_page_to_reload_if_too_many_vms_change():
    before = service_view(MAX_CELLS + 1)
    warned = tuple(replace(each, warnings=("new",)) for each in before.plan.decisions)
    after = replace(before, plan=replace(before.plan, decisions=warned))
    size, event = event_between(before, after)
    assert event == {"all": True}
    assert size < 100


def test_server_sent_event_with_long_messages_stays_within_its_size_limit(view):
    _, after = stepped(view, step=Step.FAILED, message="é" * 10_000)
    many = tuple(replace(each, message="é" * 10_000) for each in after.runs * 4)
    size, event = event_between(view, replace(after, runs=many))
    assert 0 < size <= MAX_BYTES
    assert event["say"]


@pytest.mark.parametrize("other", [None, 1, 201])
def test_server_sent_event_tells_the_page_to_reload_if_the_set_of_vms_changes(other):
    before = None if other is None else service_view(other)
    _, event = event_between(before, service_view(200))
    assert event["all"]
    assert "cells" not in event


def test_server_sent_event_names_a_vm_if_only_its_own_status_page_changes():
    before = service_view(20)
    ref, machine = next(iter(before.live.vms.items()))
    vms = {**before.live.vms, ref: replace(machine, printable_status="Paused")}
    _, event = event_between(before, replace(before, live=replace(before.live, vms=vms)))
    assert event == {"cells": [[f"vm/{ref.namespaced_name}"]], "parts": []}
