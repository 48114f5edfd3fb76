"""Compares the content of the status pages of ``serve`` with golden files."""

from __future__ import annotations

import pytest
from support.html.service_views import service_view

from reconciler.model.references import vm_ref
from reconciler.report.fleet_page.fleet_filter import FleetFilter
from reconciler.report.fleet_page.fleet_html import fleet_html
from reconciler.report.fleet_page.page_events import change_event
from reconciler.report.fleet_page.page_state import page_state
from reconciler.report.fleet_page.reason_html import reason_html
from reconciler.report.fleet_page.vm_html import vm_html


@pytest.fixture(scope="module")
def view():
    return service_view(12, per_namespace=6)


def content(page: str) -> str:
    """Return the main content of *page*, without the hashes of its style and script."""
    return page[page.index("<main") : page.index("</main>")]


@pytest.mark.parametrize(
    ("name", "query"),
    [("fleet-page", {}), ("fleet-page-by-node", {"group": "node", "q": "pg-00"})],
)
def test_status_page_with_all_vms_matches_the_golden_file(golden, view, name, query):
    golden(f"{name}.html", content(fleet_html(view, FleetFilter.parse(query))))


@pytest.mark.parametrize("number", [0, 2, 5])
def test_status_page_of_a_vm_matches_the_golden_file(golden, view, number):
    page = vm_html(view, vm_ref("team-000", f"pg-0000{number}"))
    golden(f"vm-page-{number}.html", content(page))


def test_status_page_about_a_reason_code_matches_the_golden_file(golden, view):
    golden("reason-page.html", content(reason_html(view, "above-max-guest")))


def test_server_sent_event_for_the_status_page_matches_the_golden_file(golden, view):
    states = page_state(service_view(12, per_namespace=6, run=None)), page_state(view)
    golden("page-event.txt", change_event(*states).decode())
