"""The plan's page in a real browser: accessible, within the screen, and useful without scripts."""

from __future__ import annotations

import pytest
from support.html.browser import DARK, LIGHT, Browser, axe_core
from support.html.fleet_plan import fleet_plan

from reconciler.report.html.page_script import SCRIPT
from reconciler.report.html.plan_html import plan_html

PHONE, TABLET, DESK = 500, 820, 1400
"""Widths in pixels; headless Chromium has no narrower window."""
SHOWN = """
  const shown = () => [...document.querySelectorAll(".vms tbody tr")]
    .filter((row) => row.checkVisibility()).map((row) => row.cells[0].firstChild.data);
"""


@pytest.fixture
def browser(tmp_path):
    return Browser(tmp_path)


def page_of(plan) -> str:
    return "".join(plan_html(plan))


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, TABLET, DESK])
def test_page_has_no_accessibility_problem_and_fits_the_screen_width(browser, plan, width, scheme):
    script = """
      for (const each of document.querySelectorAll("details")) each.open = true;
      const found = await axe.run(document, {resultTypes: ["violations"]});
      const body = getComputedStyle(document.body).backgroundColor;
      return {
        body,
        wider: document.documentElement.scrollWidth - innerWidth,
        passes: found.passes.length,
        problems: found.violations.map((each) => [
          each.id, each.impact, each.nodes.slice(0, 3).map((node) => node.html)]),
      };
    """
    found = browser.ask(page_of(plan), script, library=axe_core(), width=width, scheme=scheme)
    assert found["problems"] == []
    assert found["wider"] <= 0
    assert found["passes"] > 20
    assert found["body"] == {LIGHT: "rgb(255, 255, 255)", DARK: "rgb(13, 17, 23)"}[scheme]


def test_content_security_policy_permits_the_script_and_style_of_the_page(browser, plan):
    dump, console = browser.open(page_of(plan))
    assert console == ""
    assert '<div id="find">' in dump, "the script has shown the search"


def test_page_filters_work_without_javascript_and_the_search_stays_hidden(browser, plan):
    script = (
        SHOWN
        + """
      for (const each of document.querySelectorAll("details")) each.open = true;
      const before = shown();
      document.getElementById("show-live").checked = false;
      const after = shown();
      return {
        before,
        hidden: before.filter((name) => !after.includes(name)),
        search: document.getElementById("find").checkVisibility(),
      };
    """
    )
    page = page_of(plan).replace(SCRIPT, "")
    found = browser.ask(page, script)
    machines = [each for each in plan.decisions if each.ref.is_vm]
    assert sorted(found["before"]) == sorted(each.ref.name for each in machines)
    assert set(found["hidden"]) == {each.ref.name for each in machines if each.effect == "live"}
    assert found["search"] is False


def test_search_shows_the_rows_that_contain_every_search_word(browser):
    script = (
        SHOWN
        + """
      const box = document.getElementById("search");
      const search = async (text) => {
        box.value = text;
        box.dispatchEvent(new Event("input"));
        await new Promise((done) => setTimeout(done, 500));
        return [shown().length, document.getElementById("matches").textContent];
      };
      return [await search("TEAM-001 above-max-guest"), await search("no such name"),
              await search("pg-00199"), await search("")];
    """
    )
    found = browser.ask(page_of(fleet_plan(200)), script)
    assert found == [[7, "7 found"], [0, "0 found"], [1, "1 found"], [50, ""]]


def test_keyboard_reaches_the_skip_link_filters_search_and_reasons_in_order(browser, plan):
    script = """
      const all = [...document.querySelectorAll("a, input, button, summary")];
      return all.filter((each) => each.tabIndex === 0 && each.getClientRects().length)
        .map((each) => each.id || each.className || each.tagName);
    """
    found = browser.ask(page_of(plan), script)
    assert found[0] == "skip"
    order = [found.index(each) for each in ("show-blocked", "search", "unfold")]
    assert order == sorted(order)
    assert "A" in found[order[-1] :]
