"""Tests the status pages of ``serve`` in a real browser, with a real HTTP server."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
from support.fake_ports import FakeClock
from support.html.browser import accessibility
from support.html.served_pages import ServedPages, served_pages, serving
from support.html.service_views import service_view

from reconciler.model.run.progress import Step
from reconciler.serve.view_store import ViewStore

PHONE, DESK = 360, 1400
"""Screen widths in CSS pixels."""
WIDER = "return document.documentElement.scrollWidth - innerWidth;"
CELLS = "return document.querySelectorAll('a.cell').length;"
LIVE = "document.getElementById('live').textContent === 'Live'"
FIRST = "document.querySelector('a.cell').className"
FOCUSED = "return document.activeElement.getAttribute('href') || document.activeElement.id;"


@pytest.fixture(scope="module")
def servers():
    """A function that returns a running status page server for a given number of VMs."""
    with ExitStack() as stack:
        found: dict[int, ServedPages] = {}

        def of(count: int) -> ServedPages:
            if count not in found:
                found[count] = stack.enter_context(served_pages(service_view(count)))
            return found[count]

        yield of


@pytest.fixture
def pages(servers):
    """A status page server for 200 VMs, whose state tests can change."""
    found = servers(200)
    _, view = found.store.read()
    yield found
    found.store.update(run=view.run, plan=view.plan)


def changed_run(view, **changes):
    """Return the run of *view* after a further step of its first VM's change."""
    ref, progress = next(iter(view.run.progress.items()))
    steps = {**view.run.progress, ref: replace(progress, **changes)}
    return replace(view.run, progress=steps)


@pytest.mark.parametrize(
    ("count", "path", "width", "dark"),
    [
        (1, "/", PHONE, False),
        (1, "/", DESK, True),
        (200, "/?q=pg-0000", PHONE, True),
        (200, "/?group=node", DESK, False),
        (2000, "/", PHONE, False),
        (2000, "/", DESK, True),
        (200, "/vm/team-000/pg-00000", PHONE, True),
        (200, "/vm/team-000/pg-00002", DESK, False),
        (200, "/vm/team-000/pg-00005", DESK, True),
        (200, "/reasons/above-max-guest", PHONE, False),
        (200, "/reasons", DESK, True),
    ],
)
def test_status_pages_have_no_accessibility_problem_at_any_screen_width(
    browser, servers, count, path, width, dark
):
    server = servers(count)
    browser.visit(server.url(path), width=width, dark=dark)
    passes, found = accessibility(browser)
    assert found == []
    assert passes > 20
    assert browser.evaluate(WIDER) <= 0
    assert browser.console == []
    assert all(each.startswith(server.url()) for each in browser.requests)
    background = browser.evaluate("return getComputedStyle(document.body).backgroundColor;")
    assert background == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")


def test_status_page_of_an_unknown_vm_links_to_the_page_with_all_vms(browser, pages):
    browser.visit(pages.url("/vm/team-000/other"))
    assert accessibility(browser)[1] == []
    text = browser.evaluate("return document.querySelector('main').textContent;")
    assert "The newest plan contains no VM team-000/other." in text
    browser.follow("document.querySelector('main a').click()")
    assert browser.evaluate("return document.body.dataset.page;") == "fleet"


def test_status_page_shows_the_progress_of_a_change_without_reloading(browser, pages):
    browser.visit(pages.url())
    browser.wait_for(LIVE)
    browser.requests.clear()
    _, view = pages.store.read()
    pages.store.update(run=changed_run(view, fraction=0.99))
    browser.wait_for("document.querySelector('progress').value === 99")
    pages.store.update(run=changed_run(view, step=Step.DONE))
    browser.wait_for(f"{FIRST} === 'cell wait done'")
    title = browser.evaluate("return document.querySelector('a.cell').title;")
    assert "changed in this run" in title
    announced = browser.evaluate("return document.getElementById('news').textContent;")
    assert announced == "19 VMs change now"
    assert browser.requests == []
    assert browser.console == []


def test_status_page_update_keeps_the_keyboard_focus_on_a_link(browser, pages):
    browser.visit(pages.url())
    browser.wait_for(LIVE)
    browser.evaluate("document.querySelector('.changes li:nth-child(2) a').focus();")
    focused = browser.evaluate(FOCUSED)
    _, view = pages.store.read()
    pages.store.update(run=changed_run(view, fraction=0.98))
    browser.wait_for("document.querySelector('progress').value === 98")
    assert browser.evaluate(FOCUSED) == focused


def test_status_page_with_a_filter_reloads_after_a_change(browser, pages):
    _, view = pages.store.read()
    browser.visit(pages.url("/?q=pg-00000"))
    browser.wait_for(LIVE)
    pages.store.update(run=changed_run(view, step=Step.DONE))
    browser.wait_for(f"{FIRST} === 'cell wait done'")
    assert browser.evaluate(CELLS) == 1

    browser.visit(pages.url("/vm/team-000/pg-00000"))
    browser.wait_for(LIVE)
    pages.store.update(run=changed_run(view, fraction=0.97))
    browser.wait_for("document.querySelector('progress')?.value === 97")
    assert browser.console == []


def test_status_page_shows_missed_changes_after_a_lost_connection(browser):
    view = service_view(20)
    store = ViewStore(view, FakeClock())
    with serving(store) as port:
        browser.visit(ServedPages(store=store, port=port).url())
        browser.wait_for(LIVE)
    browser.wait_for("document.getElementById('live').textContent.startsWith('Connection lost')")
    store.update(run=changed_run(view, step=Step.DONE))
    with serving(store, port):
        browser.wait_for(LIVE)
        browser.wait_for(f"{FIRST} === 'cell wait done'")


def test_status_page_closes_its_connection_while_the_browser_tab_is_hidden(browser, pages):
    browser.visit(pages.url())
    browser.wait_for(LIVE)
    hide = """
        Object.defineProperty(document, "hidden", {value: %s, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    """
    browser.evaluate(hide % "true")
    assert browser.evaluate("return document.getElementById('live').textContent;") == "Paused"
    _, view = pages.store.read()
    pages.store.update(run=changed_run(view, step=Step.DONE))
    browser.evaluate(hide % "false")
    browser.wait_for(f"{LIVE} && {FIRST} === 'cell wait done'")


def test_status_page_grid_of_vms_supports_arrow_keys(browser, pages):
    browser.visit(pages.url())
    browser.evaluate("document.querySelector('.group h3 a').focus();")
    browser.press("Tab")
    assert browser.evaluate(FOCUSED) == "vm/team-000/pg-00000"
    browser.press("ArrowRight", "ArrowRight")
    assert browser.evaluate(FOCUSED) == "vm/team-000/pg-00002"
    peek = "return document.getElementById('peek').textContent;"
    assert browser.evaluate(peek) == "team-000/pg-00002, 1Gi → 2Gi, live: hotplug"
    browser.press("ArrowDown")
    below = browser.evaluate("""
        const {left, top} = document.activeElement.getBoundingClientRect();
        const above = document.querySelector("a.cell[href$='pg-00002']").getBoundingClientRect();
        return [Math.round(left - above.left), Math.round(top - above.top)];
    """)
    assert below == [0, 24]
    browser.press("ArrowUp", "End")
    assert browser.evaluate(FOCUSED) == "vm/team-000/pg-00049"
    browser.press("Home", "ArrowLeft")
    assert browser.evaluate(FOCUSED) == "vm/team-000/pg-00000"
    browser.press("Tab")
    assert browser.evaluate(FOCUSED) == "?namespace=team-001"


def test_status_page_filter_applies_while_the_user_types(browser, pages):
    browser.visit(pages.url())
    browser.press("/")
    browser.press("above-max")
    browser.wait_for("document.querySelectorAll('a.cell').length === 10")
    assert browser.evaluate("return location.search;") == "?q=above-max"
    announced = "document.getElementById('news').textContent === '10 of 200 VMs match the filter.'"
    browser.wait_for(announced)
    assert browser.evaluate(FOCUSED) == "f-q"
    assert browser.evaluate("return document.getElementById('clear').checkVisibility();")
    browser.visit(pages.url(browser.evaluate("return location.search;").join(("/", ""))))
    assert browser.evaluate("return document.getElementById('f-q').value;") == "above-max"
    assert browser.evaluate(CELLS) == 10


def test_status_page_filter_works_without_javascript(browser, pages):
    browser.visit(pages.url(), scripts=False)
    assert browser.evaluate(CELLS) == 200
    assert not browser.evaluate("return document.getElementById('live').checkVisibility();")
    browser.evaluate("document.getElementById('f-effect').value = 'restart';")
    browser.follow("document.querySelector('#filter button').click()")
    assert "effect=restart" in browser.evaluate("return location.search;")
    assert browser.evaluate(CELLS) == 20


def test_status_page_with_the_longest_vm_names_fits_the_width_of_a_phone(browser):
    view = service_view(20)
    named = tuple(
        replace(each, ref=each.ref._replace(namespace="n" * 63, name=f"{n:063}"))
        for n, each in enumerate(view.plan.decisions)
    )
    with served_pages(replace(view, plan=replace(view.plan, decisions=named))) as server:
        for path in ("/", "/?q=n", f"/vm/{named[2].ref.namespaced_name}"):
            browser.visit(server.url(path), width=PHONE)
            assert browser.evaluate(WIDER) <= 0
