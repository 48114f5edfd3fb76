"""The status page shows every VM and its planned change, and stays small."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from support.builders import make_desired, make_kubevirt, make_live, plan_of
from support.html.fleet_plan import NOW
from support.html.parsed_page import Page
from support.html.service_views import COMMIT, REJECTED, service_view

from reconciler.model.desired.config import Mode
from reconciler.model.fields import FEATURE_GATES, MAX_HOTPLUG_RATIO, NameSet
from reconciler.model.plan.plan import Effect
from reconciler.model.run.progress import Step
from reconciler.model.service.view import AlertHold, NextRun, Role, Wait, WaitKind
from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.fleet_html import fleet_html
from reconciler.report.fleet_page.fleet_style import FLEET_STYLE
from reconciler.report.fleet_page.sections import changes_section, queue_section

PARTS = ["status", "now", "legend", "grid", "queue", "person", "configuration", "findings", "past"]


@pytest.fixture(scope="module")
def view():
    return service_view(200)


@pytest.fixture(scope="module")
def page(view):
    return page_of(view)


def page_of(view, **query: str) -> Page:
    return Page(fleet_html(view, FleetFilter.parse(query)))


def cells(page: Page) -> list[dict[str, str | None]]:
    found = [each.attributes for each in page.all("a")]
    return [each for each in found if (each.get("class") or "").startswith("cell")]


def part(page: Page, name: str) -> str:
    return next(each.text for each in page.elements if each.attributes.get("data-part") == name)


def boxes(page: Page) -> list[str]:
    return [
        each.text for each in page.all("p") if (each.attributes.get("class") or "")[:3] == "box"
    ]


@pytest.mark.parametrize(
    ("count", "most_bytes", "most_elements"),
    [(1, 15_000, 250), (200, 60_000, 900), (2000, 300_000, 3_000)],
)
def test_status_page_stays_within_limits_for_bytes_and_html_elements(
    count, most_bytes, most_elements
):
    text = fleet_html(service_view(count), FleetFilter())
    assert len(text.encode()) < most_bytes
    page = Page(text)
    assert len(page.elements) < most_elements
    assert len(cells(page)) == count


def test_status_page_needs_about_one_html_element_and_150_bytes_per_vm():
    small, large = (fleet_html(service_view(n), FleetFilter()) for n in (200, 2000))
    assert (len(large) - len(small)) / 1800 < 150
    assert (len(Page(large).elements) - len(Page(small).elements)) / 1800 < 1.2


def test_status_page_grid_has_a_cell_with_effect_memory_and_reason_for_each_vm(view, page):
    found = {each["href"]: each for each in cells(page)}
    assert len(found) == 200
    live, changing, restart = (found[f"vm/team-000/pg-0000{n}"] for n in (2, 1, 4))
    assert live == {
        "class": "cell live",
        "href": "vm/team-000/pg-00002",
        "title": "team-000/pg-00002, 1Gi → 2Gi, live: hotplug",
    }
    assert changing["class"] == "cell wait changing"
    assert changing["title"] == "team-000/pg-00001, 1Gi → 2Gi, changing now, wait: in-flight"
    assert restart["class"] == "cell restart"


@pytest.mark.parametrize(
    ("step", "style"), [(Step.DONE, "cell wait done"), (Step.FAILED, "cell wait failed")]
)
def test_status_page_grid_shows_the_end_of_a_change_without_waiting_for_the_next_plan(
    view, step, style
):
    ref, progress = next(iter(view.run.progress.items()))
    steps = {**view.run.progress, ref: replace(progress, step=step)}
    changed = replace(view, run=replace(view.run, progress=steps))
    found = {each["href"]: each["class"] for each in cells(page_of(changed))}
    assert found[f"vm/{ref.namespaced_name}"] == style


def test_status_page_groups_vms_by_namespace_or_by_node(view):
    by_namespace, by_node = page_of(view), page_of(view, group="node")
    titles = [[each.text for each in page.all("h3")] for page in (by_namespace, by_node)]
    assert titles[0] == [f"team-00{n} 50 VMs" for n in range(4)]
    assert titles[1][0] == "node00 5 VMs"
    assert titles[1][-1] == "(not running) 10 VMs"
    assert len(cells(by_node)) == 200


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ({"namespace": "team-001"}, 50),
        ({"node": "node02"}, 5),
        ({"effect": "restart"}, 20),
        ({"reason": "above-max-guest"}, 10),
        ({"q": "PG-0000 hotplug"}, 2),
        ({"namespace": "team-001", "effect": "live"}, 4),
        ({"effect": "no-such-effect"}, 0),
        ({"unknown": "x"}, 200),
    ],
)
def test_status_page_filter_in_the_url_selects_the_vms(view, query, n):
    page = page_of(view, **query)
    assert len(cells(page)) == n
    found = next(each.text for each in page.all("p") if each.attributes.get("class") == "found")
    assert found == ("200 VMs." if n == 200 else f"{n} of 200 VMs match the filter.")


def test_status_page_filter_form_contains_the_filter_values_of_the_url(view):
    page = page_of(view, namespace="team-001", q='"x', group="node")
    form = page.all("form")[0].attributes
    assert (form["method"], form["action"]) == ("get", "./")
    selected = [
        each.attributes["value"] for each in page.all("option") if "selected" in each.attributes
    ]
    assert selected == ["team-001", "", "", "", "node"]
    assert page.all("input")[0].attributes["value"] == '"x'
    labels = [each.attributes["for"] for each in page.all("label")]
    assert labels == [each.attributes["id"] for each in page.all("input", "select")]


def test_status_page_legend_links_change_only_the_effect_in_the_filter(view):
    page = page_of(view, group="node", effect="live")
    chips = {
        each.text.rpartition(" ")[0]: each.attributes
        for each in page.all("a")
        if each.attributes.get("class") == "chip"
    }
    assert list(chips) == ["restart", "wait", "live", "cold", "unchanged"]
    assert chips["restart"]["href"] == "?effect=restart&group=node"
    assert chips["live"]["href"] == "?group=node", "the chosen effect links to all VMs"
    assert chips["live"]["aria-current"] == "true"


def test_status_page_lists_vms_with_messages_if_only_a_few_vms_match_the_filter(view):
    assert "VMs that match the filter" not in page_of(view).all("main")[0].text
    text = part(page_of(view, reason="above-max-guest"), "grid")
    assert "48Gi is above maxGuest 16Gi" in text


def test_status_page_shows_the_migration_phase_and_a_progress_bar_for_running_changes(page):
    text = part(page, "now")
    assert "Run 20260302-0928-serve applies commit 8b1d2f70c3a9 since 09:28:00 UTC" in text
    assert "memory is being copied to the target" in text
    assert "node01 → node02 since 09:29:30 UTC" in text
    assert f"{20 - changes_section.MAX_ROWS} more changes are in progress." in text
    values = [each.attributes.get("value") for each in page.all("progress")]
    assert values[:3] == ["20", "26", "32"]


def test_status_page_shows_migrations_that_other_programs_started(view):
    page = page_of(replace(view, run=None))
    assert [each.attributes.get("value") for each in page.all("progress")][:2] == ["20", "50"]


def test_status_page_shows_waiting_changes_in_order_with_expected_end_times(view, page):
    text = part(page, "queue")
    assert text.index("team-000/pg-00002") < text.index("team-000/pg-00003")
    assert "09:30 to 09:31 UTC" in text
    assert f"{30 - queue_section.MAX_ROWS} more VMs are in the queue." in text


def test_status_page_explains_why_the_next_run_starts_later(view):
    waiting = NextRun(at=NOW + timedelta(hours=12), why="a maintenance window opens then")
    text = part(page_of(replace(view, run=None, next_run=waiting)), "queue")
    assert "The next run starts at 21:30:00 UTC: a maintenance window opens then." in text
    assert "After the start of the run" in text


def test_status_page_lists_by_reason_the_vms_that_wait_for_a_user(page):
    text = part(page, "person")
    assert "above-max-guest10 VMsthe oldest since 2026-02-28 09:30:00 UTC" in text
    assert "team-000/pg-00004" in text
    assert "Next step: Restart the VM; it then gets a new maxGuest." in text
    assert "5 more" in text
    assert "?effect=restart&reason=above-max-guest" in page.values("href")


def test_status_page_links_reasons_to_the_documentation_if_its_url_is_given(view, page):
    assert "reasons/above-max-guest" in page.values("href")
    text = fleet_html(view, FleetFilter(), docs_url="https://docs.example.org/reasons/")
    assert "https://docs.example.org/reasons/above-max-guest" in Page(text).values("href")


def test_status_page_shows_the_currently_applied_commit_and_rejected_newer_commits(page):
    assert boxes(page)[:2] == [
        f"Commit {REJECTED[:12]} is rejected: it is not signed.",
        f"Until then, commit {COMMIT[:12]} stays applied.",
    ]
    status = part(page, "status")
    assert "8b1d2f70c3a9, signed by Ada <ada@example.org>, 1 commit behind" in status
    assert "09:29:10 UTC, next at 09:31:10 UTC" in status


def test_status_page_explains_what_prevents_new_changes(view):
    hold = AlertHold(since=NOW, message="the alert KubeVirtDown is firing", hint="mend it")
    wait = Wait(kind=WaitKind.CLUSTER, since=NOW - timedelta(days=1), message="connection refused")
    standby = replace(
        view, hold=hold, waits=(wait,), role=Role.STANDBY, leader="other-1", mode=Mode.OBSERVE
    )
    found = boxes(page_of(standby))
    assert found[0] == (
        "The cluster does not respond (since 2026-03-01 09:30:00 UTC): connection refused."
    )
    assert found[1] == (
        "New changes have been paused since 09:30:00 UTC: the alert KubeVirtDown is firing;"
        " mend it."
    )
    assert any(
        each.startswith("This replica is on standby; other-1 is the leader.") for each in found
    )
    assert "Mode observe: this process plans and never writes." in found


@pytest.mark.parametrize(
    ("leader", "words"),
    [("other-1", "This replica is on standby"), ("", "Waiting to become the leader")],
)
def test_status_page_says_only_once_that_this_replica_is_not_the_leader(view, leader, words):
    wait = Wait(kind=WaitKind.LEADERSHIP, since=NOW, message="other-1 is the leader")
    standby = replace(view, waits=(wait,), role=Role.STANDBY, leader=leader)
    found = [each for each in boxes(page_of(standby)) if "lead" in each]
    assert len(found) == 1
    assert found[0].startswith(words)


def configured(view, settings, **live):
    """Return *view* with a plan for a repository that also contains KubeVirt settings."""
    desired, cluster = make_desired(kubevirt=settings), make_live(**live)
    return replace(view, plan=plan_of(desired, cluster), live=cluster, run=None)


def test_status_page_shows_planned_changes_of_kubevirt_settings(view):
    page = page_of(configured(view, {MAX_HOTPLUG_RATIO: 8}))
    text = part(page, "configuration")
    assert "config config-change KubeVirt kubevirt/kubevirt" in text
    assert "spec.configuration.liveUpdateConfiguration.maxHotplugRatio" in text
    assert part(page_of(view), "configuration") == ""


def test_status_page_says_that_changes_of_kubevirt_settings_are_blocked(view):
    disabled = make_kubevirt(disabled_gates=frozenset({"Snapshot"}))
    gates = {FEATURE_GATES: NameSet.of(("Snapshot",))}
    found = boxes(page_of(configured(view, gates, kubevirt=disabled)))
    assert any(each.startswith("KubeVirt kubevirt/kubevirt is blocked: ") for each in found)


def test_status_page_lists_past_runs_and_plans(page):
    text = part(page, "past")
    assert "The history is in memory and starts at 06:30:00 UTC." in text
    assert "failed some changes of the rollout failed5 failed in 1m35s" in text
    assert "api/v1/runs/20260302-0900-serve" in page.values("href")


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "20 VMs change now"),
        ({"plan": None}, "No plan has been made yet"),
        ({"plan": plan_of(make_desired(), make_live())}, "Git contains no VM"),
    ],
)
def test_status_page_headline_shows_the_most_important_state(view, changes, title):
    page = page_of(replace(view, **changes))
    assert page.all("h1")[0].text == title
    assert page.all("title")[0].text == f"{title} - memory reconciler"


def test_status_page_loads_only_versioned_files_from_its_own_server(page):
    loaded = page.values("src") + [each.attributes["href"] for each in page.all("link")]
    assert len(loaded) == 3
    assert all(re.fullmatch(r"static/live\.\w+\?[0-9a-f]{12}", each) for each in loaded)
    assert page.all("script")[0].text == ""
    assert not page.all("style")
    assert not [each for each in page.elements if {"style", "onclick"} & set(each.attributes)]


def test_status_page_html_structure_is_accessible(page):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert len(page.all("table")) == len(page.all("caption"))
    assert all("scope" in each.attributes for each in page.all("th"))
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3")]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    targets = [each[1:] for each in page.values("href") if each.startswith("#")]
    assert set(targets) <= set(ids)


def test_status_page_marks_the_parts_that_server_sent_events_can_replace(page):
    assert page.values("data-part") == PARTS


def test_status_page_style_sheet_has_a_mark_for_each_effect_of_a_planned_change():
    marked = set(re.findall(r"\.cell\.(\w+)::before", FLEET_STYLE))
    assert {str(each) for each in Effect} - {"none", "config"} <= marked
