"""A plan's HTML page works without JavaScript, loads no external resources and stays small."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from support.builders import VM, decide, make_desired, make_live, make_vm, make_vmi, want
from support.html.fleet_plan import NOW, fleet_plan
from support.html.parsed_page import Page, assert_self_contained

from reconciler.model.plan.plan import Effect
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report.html.plan_html import plan_html

MOST_BYTES = 5_000_000
MOST_ELEMENTS, MOST_NODES = 12, 19
"""The maximum numbers of HTML elements per VM, and of elements and text nodes per VM."""
ADDRESS = "https://docs.example.org/reasons/"


@pytest.fixture(scope="module")
def fleet():
    return fleet_plan(200)


@pytest.fixture(scope="module")
def page(fleet):
    return Page("".join(plan_html(fleet)))


def one_vm(size: str, **running: str) -> Page:
    live = make_live(make_vm(), vmis=(make_vmi(**running),), observed_at=NOW)
    return Page("".join(plan_html(decide(make_desired(want(size)), live, PlanPolicy(), NOW))))


def test_plan_html_page_has_a_language_and_a_title(page):
    assert page.all("html")[0].attributes == {"lang": "en"}
    title, heading = page.all("title")[0].text, page.all("h1")[0].text
    assert title == f"Memory plan: {heading}"
    assert heading == "144 VMs change live, 28 need a restart, 0 are blocked"


def test_plan_html_page_header_shows_cluster_commit_memory_growth_and_duration(fleet, page):
    text = page.all("header")[0].text
    for each in (fleet.cluster, fleet.revision, fleet.digest, "+492Gi", "31m-42m"):
        assert each in text


@pytest.mark.parametrize("docs_url", ["", ADDRESS])
def test_plan_html_page_loads_no_external_resources(fleet, docs_url):
    page = Page("".join(plan_html(fleet, docs_url=docs_url)))
    assert_self_contained(page)
    if not docs_url:
        assert not [each for each in page.values("href") if not each.startswith("#")]


def test_plan_html_page_has_a_target_for_each_internal_link(page):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {each[1:] for each in page.values("href")} <= set(ids)


def test_plan_html_page_has_a_label_for_each_input(page):
    wrapped = {
        (page.elements[n - 1].tag, each.attributes["id"])
        for n, each in enumerate(page.elements)
        if each.tag == "input"
    }
    named = set(page.values("for"))
    assert wrapped
    assert all(before == "label" or name in named for before, name in wrapped)


def test_plan_html_page_headings_do_not_skip_a_level(page):
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_plan_html_page_tables_have_captions_and_header_scopes(page):
    assert len(page.all("table")) == len(page.all("caption")) == len(page.all("thead"))
    assert all("scope" in each.attributes for each in page.all("th"))


def test_plan_html_page_hides_graphics_from_screen_readers(page):
    assert {each.attributes["aria-hidden"] for each in page.all("svg")} == {"true"}


def test_plan_html_page_filters_work_without_javascript(page):
    hidden = [each.attributes["id"] for each in page.elements if "hidden" in each.attributes]
    assert hidden == ["find", "nothing"]
    style = page.all("style")[0].text
    for effect in Effect:
        assert f"body:has(#show-{effect}:not(:checked)) .vms .{effect}{{display:none}}" in style


def test_plan_html_page_has_a_row_with_memory_effect_and_line_in_git_for_each_vm(fleet, page):
    assert len(page.rows) == len(fleet.decisions)
    text = next(each.text for each in page.rows if each.text.startswith("pg-00003"))
    for each in (
        "vms/pg-00003.yaml:12:18",
        "1Gi → 8Gi",
        "boot 1Gi, max 16Gi",
        "in 30m-",
        "live: ",
    ):
        assert each in text


def test_plan_html_page_divides_a_large_namespace_into_several_tables():
    page = Page("".join(plan_html(fleet_plan(1200, per_namespace=1200))))
    titles = [each.text for each in page.all("h3")][-3:]
    assert titles == [f"team-000, part {n} of 3" for n in (1, 2, 3)]
    folds = page.all("details")[-3:]
    assert ["open" in each.attributes for each in folds] == [True, False, False]
    assert [each.text.count("live: hotplug") for each in folds] == [329, 500, 29]


def test_plan_html_page_explains_reasons_unless_it_links_to_the_documentation(fleet, page):
    reasons = {each.reason for each in fleet.decisions}
    targets = {f"#r-{reason}" for reason in reasons}
    assert targets <= set(page.values("href"))
    text = page.all("main")[0].text
    assert all(CATALOGUE[each].meaning.replace("`", "") in text for each in reasons)
    linked = Page("".join(plan_html(fleet, docs_url=ADDRESS)))
    assert {f"{ADDRESS}{each}" for each in reasons} <= set(linked.values("href"))
    assert "Other reasons" not in linked.all("main")[0].text


@pytest.mark.parametrize(
    ("size", "running", "shape", "paths"),
    [
        ("2Gi", {}, None, ["M0 7h40", "M40 7h40", "M40 0v14M159 0v14"]),
        ("1Gi", {}, None, ["M0 7h40", "M40 0v14M159 0v14"]),
        (
            "2Gi",
            {"guest": "3Gi"},
            "s",
            ["M0 7h80", "M80 7h40", "M120 0v14M159 0v14"],
        ),
        ("8Gi", {}, None, ["M0 7h20", "M20 7h140", "M20 0v14M80 0v14"]),
    ],
    ids=["grows", "unchanged", "shrinks", "above the maximum"],
)
def test_html_memory_bar_shows_the_current_new_boot_and_maximum_memory_of_a_vm(
    size, running, shape, paths
):
    page = one_vm(size, max_guest="4Gi", **running)
    bar = page.all("svg")[-1]
    assert bar.attributes.get("class") == shape
    assert page.values("d")[-len(paths) :] == paths


def test_plan_html_page_forecast_shows_a_collapsible_list_of_nodes_for_each_batch(page):
    names = [each.text for each in page.all("summary")]
    assert names[:3] == [
        "The canaries: 4 VMs by node",
        "Batch 1 (stage=test): 46 VMs by node",
        "The rest: 94 VMs by node",
    ]
    lanes = [each for each in page.all("svg") if each.attributes.get("class") == "time"]
    assert len(lanes) > 60


def test_plan_html_page_has_no_memory_bar_for_a_vm_that_is_not_in_the_cluster():
    live = make_live(observed_at=NOW)
    page = Page("".join(plan_html(decide(make_desired(want("2Gi")), live, PlanPolicy(), NOW))))
    (row,) = page.rows
    assert "blocked: not-found" in row.text
    assert "2Gi" in row.text
    assert not page.all("svg")


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        (15, ["0s", "5s", "10s", "15s", "20s"]),
        (40, ["0s", "15s", "30s", "45s", "1m"]),
        (61 * 60, ["0s", "30m", "1h", "1h30m", "2h"]),
        (100 * 3600, ["0s", "48h", "96h", "144h", "192h"]),
    ],
)
def test_plan_html_page_forecast_has_a_time_axis_with_round_numbers(fleet, seconds, ticks):
    forecast = replace(fleet.forecast, latest_s=seconds)
    page = Page("".join(plan_html(replace(fleet, forecast=forecast))))
    axis = next(each for each in page.elements if each.attributes.get("class") == "axis")
    start = page.elements.index(axis) + 1
    assert [each.text for each in page.elements[start : start + 5]] == ticks


def test_plan_html_page_links_to_each_of_its_sections(page):
    start = next(n for n, each in enumerate(page.elements) if each.tag == "nav")
    links = [each for each in page.elements[start + 1 : start + 8] if each.tag == "a"]
    sections = {each.attributes["id"] for each in page.all("section")}
    assert {each.attributes["href"][1:] for each in links} == sections


def test_plan_html_page_says_that_no_vm_needs_a_change():
    page = one_vm("1Gi")
    assert page.all("h1")[0].text == "Nothing to apply"
    assert "The VM needs no change." in page.all("header")[0].text
    assert str(VM.name) in page.rows[0].text


def test_plan_html_page_for_ten_thousand_vms_stays_within_size_limits():
    count = 10_000
    text = "".join(plan_html(fleet_plan(count)))
    page = Page(text)
    assert len(page.rows) == count
    assert len(text.encode()) <= MOST_BYTES
    assert len(page.elements) <= MOST_ELEMENTS * count
    assert len(page.elements) + page.text_nodes <= MOST_NODES * count
