"""A VM's status page shows the memory, planned change, conditions and history of the VM."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import condition
from support.html.parsed_page import Page
from support.html.service_views import service_view

from reconciler.model.plan.plan import Reason
from reconciler.model.references import vm_ref
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.report.fleet_page.reason_html import not_found_html, reason_html, reasons_html
from reconciler.report.fleet_page.vm_html import vm_html


@pytest.fixture(scope="module")
def view():
    return service_view(20)


def ref_of(number: int):
    return vm_ref("team-000", f"pg-0000{number}")


def page_of(view, number: int) -> Page:
    text = vm_html(view, ref_of(number), view_id="7")
    assert text is not None
    return Page(text)


def rows(page: Page) -> dict[str, str]:
    """Return the text of each table row after its header cell, by the text of the header cell."""
    found = {}
    for each in page.all("tr"):
        header, *values = [text for text in each.texts if text.strip()] or [""]
        found[header] = "".join(values)
    return found


def test_vm_status_page_shows_desired_current_boot_and_maximum_memory(view):
    found = rows(page_of(view, 1))
    sizes = {name: found[name].split("what")[0] for name in ("Desired", "Spec", "Current")}
    assert sizes == {"Desired": "2Gi", "Spec": "2Gi", "Current": "1Gi"}
    assert found["Maximum"].startswith("16Gi")
    assert found["Boot"].startswith("1Gi")


def test_vm_status_page_shows_the_planned_change_with_its_line_in_git(view):
    page = page_of(view, 2)
    found = rows(page)
    assert found["In Git"] == "vms/pg-00002.yaml:12:18"
    assert found["Change"] == "spec.template.spec.domain.memory.guest: 1Gi → 2Gi"
    assert found["Reason"].startswith("hotplug: The memory grows")
    patch = page.all("pre")[0].text
    assert '{"op": "replace", "path": "/spec/template/spec/domain/memory/guest"' in patch
    facts = page.all("dl")[0].text
    assert "Position in the queue1 of 2" in facts


def test_vm_status_page_shows_since_when_the_vm_waits_for_a_restart(view):
    found = rows(page_of(view, 5))
    assert found["Effect"] == "restart"
    assert "restart the VM" in found["Next step"]
    assert found["Waits for a restart"] == "since 2026-02-28 09:30:00 UTC or longer"


def test_vm_status_page_explains_kubevirt_conditions_in_words(view):
    found = rows(page_of(view, 5))
    assert found["LiveMigratable False"] == (
        "DisksNotLiveMigratableThe VM cannot be live-migrated, so its memory cannot change live."
        "cannot migrate VMI: PVC not RWX"
    )


def test_vm_status_page_shows_the_message_of_an_unknown_kubevirt_condition(view):
    ref = ref_of(2)
    machine = view.live.vms[ref]
    strange = replace(machine, conditions={"Strange": condition("True", "Why", "for a reason")})
    live = replace(view.live, vms={**view.live.vms, ref: strange})
    assert rows(page_of(replace(view, live=live), 2))["Strange True"] == "Whyfor a reason"


def test_vm_status_page_shows_the_migration_phase_and_progress_of_a_running_change(view):
    page = page_of(view, 0)
    assert (
        "Changing now: the target pod waits for a node (node00 → node01)" in page.elements[0].text
    )
    assert [each.attributes["value"] for each in page.all("progress")] == ["20"]


def test_vm_status_page_shows_past_memory_changes_and_migrations(view):
    page = page_of(view, 0)
    found = rows(page)
    assert found["512Mi → 1Gi"] == (
        "08:30:00 UTCcommit 8b1d2f70c3a920260302-0900-servedone after 38.5sconverged"
    )
    assert "../../api/v1/runs/20260302-0900-serve" in page.values("href")
    assert found["kubevirt-workload-update-pg-00000"].endswith("the target pod waits for a node")


def test_vm_status_page_tells_its_script_which_vm_and_state_it_shows(view):
    body = page_of(view, 2).all("body")[0].attributes
    assert body == {
        "data-page": "vm",
        "data-root": "../../",
        "data-since": "7",
        "data-vm": "vm/team-000/pg-00002",
    }


def test_vm_status_page_does_not_exist_for_a_vm_that_is_not_in_the_plan(view):
    assert vm_html(view, vm_ref("team-000", "other")) is None
    assert vm_html(replace(view, plan=None), ref_of(1)) is None


def test_vm_status_page_links_the_reason_to_the_documentation_if_its_url_is_given(view):
    text = vm_html(view, ref_of(2), docs_url="https://docs.example.org")
    assert "https://docs.example.org/hotplug" in Page(text).values("href")
    assert "../../reasons/hotplug" in page_of(view, 2).values("href")


@pytest.mark.parametrize("reason", Reason)
def test_reason_code_page_explains_each_reason_code(view, reason):
    page = Page(reason_html(view, str(reason)))
    assert page.all("h1")[0].text == reason
    text = page.all("main")[0].text
    entry = CATALOGUE[reason]
    for each in (entry.meaning, entry.action, entry.where):
        assert each.replace("`", "") in text


def test_reason_code_page_lists_the_vms_with_this_reason_in_the_newest_plan(view):
    page = Page(reason_html(view, "hotplug"))
    assert "2 VMs in the newest plan" in page.all("main")[0].text
    assert {"../vm/team-000/pg-00002", "../?reason=hotplug"} <= set(page.values("href"))


def test_reason_code_page_does_not_exist_for_an_unknown_code(view):
    assert reason_html(view, "no-such-reason") is None


def test_reason_code_list_links_to_the_page_of_each_code():
    found = Page(reasons_html()).values("href")
    assert {f"reasons/{each}" for each in Reason} <= set(found)


def test_page_for_an_unknown_url_links_to_the_status_page_with_all_vms():
    page = Page(not_found_html("The page /vm/<a>/b does not exist", "../../"))
    assert "The page /vm/<a>/b does not exist." in page.all("main")[0].text
    assert next(each for each in page.all("a") if each.text == "Show the fleet").attributes == {
        "href": "../../"
    }
    assert not page.all("script")
