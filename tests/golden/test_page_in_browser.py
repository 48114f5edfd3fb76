"""Tests the HTML page of a plan in a real browser, with and without JavaScript."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.html.browser import UNFOLD, accessibility
from support.html.fleet_plan import fleet_plan

from reconciler.model.references import vm_ref
from reconciler.report.html.plan_html import plan_html
from reconciler.report.html.validation_html import validation_html

PHONE, TABLET, DESK = 360, 820, 1400
"""Screen widths in CSS pixels."""
SHOWN = """
  const shown = [...document.querySelectorAll(".vms tbody tr")]
    .filter((row) => row.checkVisibility()).map((row) => row.cells[0].firstChild.data);
"""
WIDER = "return document.documentElement.scrollWidth - innerWidth;"
FOCUSED = "const at = document.activeElement; return at.id || at.className || at.tagName;"


@pytest.fixture(scope="module")
def fleet_page():
    return page_of(fleet_plan(200))


def page_of(plan, **options) -> str:
    return "".join(plan_html(plan, **options))


def names_of(plan, effect: str = "") -> set[str]:
    machines = [each for each in plan.decisions if each.ref.is_vm]
    return {each.ref.name for each in machines if effect in {"", each.effect}}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, TABLET, DESK])
def test_plan_html_page_has_no_accessibility_problem_at_any_screen_width(
    browser, plan, width, dark
):
    browser.open(page_of(plan), width=width, dark=dark)
    passes, found = accessibility(browser)
    assert found == []
    assert passes > 20
    assert browser.evaluate(WIDER) <= 0
    background = browser.evaluate("return getComputedStyle(document.body).backgroundColor;")
    assert background == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize("name", ["converged_plan", "paced_plan", "no VM"])
def test_plan_html_page_without_vms_or_changes_has_no_accessibility_problem(
    browser, paced_plan, request, name
):
    plan = replace(paced_plan, decisions=()) if name == "no VM" else request.getfixturevalue(name)
    browser.open(page_of(plan), width=DESK)
    assert accessibility(browser)[1] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("valid", [False, True], ids=["invalid", "valid"])
def test_html_page_of_the_validate_command_has_no_accessibility_problem(
    browser, desired, valid, dark
):
    shown = replace(desired, diagnostics=()) if valid else desired
    browser.open("".join(validation_html(shown)), width=PHONE, dark=dark)
    assert accessibility(browser)[1] == []
    assert browser.evaluate(WIDER) <= 0
    assert browser.console == []
    browser.press("Tab", "Enter")
    assert browser.evaluate(FOCUSED) == "findings"


def test_plan_html_page_with_the_longest_vm_names_fits_the_width_of_a_phone(browser, plan):
    ref = vm_ref("n" * 63, "v" * 63)
    decisions = [replace(each, ref=ref if each.ref.is_vm else each.ref) for each in plan.decisions]
    browser.open(page_of(replace(plan, decisions=tuple(decisions))), width=PHONE)
    browser.evaluate(UNFOLD)
    assert browser.evaluate(WIDER) <= 0
    assert (
        browser.evaluate("""
        return [...document.querySelectorAll("th, td, summary, dd")]
          .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.outerHTML);
    """)
        == []
    )


def test_plan_html_page_content_security_policy_blocks_an_injected_script(browser, plan):
    browser.open(page_of(plan))
    assert browser.console == []
    assert [each.rpartition("/")[2] for each in browser.requests] == ["page.html"]
    assert browser.evaluate('return document.getElementById("find").checkVisibility();')
    browser.open(page_of(plan).replace("</body>", "<script>document.title = ''</script></body>"))
    assert "violates the following Content Security Policy" in "".join(browser.console)


def test_plan_html_page_filter_hides_vms_in_a_browser_without_javascript(browser, plan):
    browser.open(page_of(plan), scripts=False)
    browser.evaluate(UNFOLD)
    assert set(browser.evaluate(SHOWN + "return shown;")) == names_of(plan)
    assert not browser.evaluate('return document.getElementById("find").checkVisibility();')
    browser.evaluate('document.getElementById("show-live").focus();')
    browser.press(" ")
    remaining = set(browser.evaluate(SHOWN + "return shown;"))
    assert remaining == names_of(plan) - names_of(plan, "live")


@pytest.mark.parametrize(
    ("search", "rows", "said"),
    [
        ("TEAM-001 above-max-guest", 7, "7 found"),
        ("team-003/pg-00199", 1, "1 found"),
        ("no such name", 0, "0 found"),
    ],
)
def test_plan_html_page_search_shows_the_vms_that_match_every_search_word(
    browser, fleet_page, search, rows, said
):
    browser.open(fleet_page)
    browser.press("/")
    browser.press(search, "Enter")
    script = """
      const seen = (name) => document.getElementById(name).checkVisibility();
      return [shown.length, document.getElementById("matches").textContent, seen("nothing")];
    """
    assert browser.evaluate(SHOWN + script) == [rows, said, rows == 0]
    browser.press("Escape")
    assert browser.evaluate(SHOWN + script) == [50, "", False]


def test_plan_html_page_search_starts_while_the_user_types(browser, fleet_page):
    browser.open(fleet_page)
    browser.evaluate("""
        const said = document.getElementById("matches");
        window.found = new Promise((done) =>
          new MutationObserver(() => done(said.textContent)).observe(said, {childList: true}));
    """)
    browser.press("/")
    browser.press("pg-00199")
    assert browser.evaluate("return await window.found;") == "1 found"


def test_plan_html_page_stores_filter_and_search_in_the_url(browser, fleet_page):
    browser.open(fleet_page)
    browser.press("/")
    browser.press("pg-0000", "Enter")
    browser.evaluate('document.getElementById("show-restart").focus();')
    browser.press(" ")
    fragment = browser.evaluate("return location.hash;")
    assert fragment == "#find=pg-0000&hide=restart"
    expected = browser.evaluate(SHOWN + "return shown;")
    assert len(expected) == 9

    browser.open(fleet_page, fragment=fragment)
    assert browser.evaluate(SHOWN + "return shown;") == expected
    assert browser.evaluate('return document.getElementById("search").value;') == "pg-0000"
    assert not browser.evaluate('return document.getElementById("show-restart").checked;')


def test_plan_html_page_offers_to_show_all_vms_if_no_vm_matches_the_filter(browser, fleet_page):
    browser.open(fleet_page, fragment="#find=none-like-this&hide=live")
    browser.evaluate('document.getElementById("reset").focus();')
    browser.press("Enter")
    script = "return [shown.length, location.hash, document.activeElement.id];"
    assert browser.evaluate(SHOWN + script) == [50, "", "search"]


def test_plan_html_page_shows_a_skip_link_at_the_first_press_of_the_tab_key(browser, plan):
    browser.open(page_of(plan))
    assert browser.evaluate("return document.querySelector('.skip').offsetLeft;") < 0
    browser.press("Tab")
    assert browser.evaluate(FOCUSED) == "skip"
    assert browser.evaluate("return document.activeElement.offsetLeft;") > 0
    browser.press("Enter")
    assert browser.evaluate(FOCUSED) == "machines"
    browser.press("Tab")
    assert browser.evaluate(FOCUSED) == "show-blocked"


def test_plan_html_page_controls_can_be_reached_in_order_with_the_tab_key(browser, plan):
    browser.open(page_of(plan))
    every = browser.evaluate("""
        return [...document.querySelectorAll("a, input, button, summary")]
          .filter((each) => each.checkVisibility({contentVisibilityAuto: false})).length;
    """)
    seen = []
    for _ in range(every):
        browser.press("Tab")
        seen.append(
            browser.evaluate("""
            const at = document.activeElement;
            const {outlineStyle, outlineWidth} = getComputedStyle(at);
            return [at.id || at.tagName, outlineStyle, outlineWidth];
        """)
        )
    assert {tuple(each[1:]) for each in seen} == {("solid", "3px")}
    names = [each[0] for each in seen]
    order = [names.index(each) for each in ("show-blocked", "search", "unfold")]
    assert order == sorted(order)
    browser.press("Tab")
    assert browser.evaluate(FOCUSED) == "BODY", "the last control comes before the browser's own"


def test_plan_html_page_links_the_reason_for_each_vm_to_an_explanation(browser, plan):
    browser.open(page_of(plan))
    found = browser.evaluate("""
        const result = [];
        for (const link of document.querySelectorAll(".vms a")) {
          link.click();
          const target = document.querySelector(":target");
          const {top} = target.getBoundingClientRect();
          result.push([link.textContent.split(": ")[1], target.textContent, top < innerHeight]);
        }
        return result;
    """)
    assert len(found) == len(names_of(plan))
    assert all(reason in text and visible for reason, text, visible in found)


def test_printed_plan_html_page_shows_collapsed_vms_and_no_controls(browser, fleet_page):
    browser.open(fleet_page, media="print", dark=True, width=TABLET)
    found = browser.evaluate("""
        const seen = (each) => each.checkVisibility();
        return [
          [...document.querySelectorAll(".vms tbody tr")].filter(seen).length,
          [...document.querySelectorAll("nav, .tools, .skip")].filter(seen).length,
          getComputedStyle(document.body).backgroundColor,
        ];
    """)
    assert found == [200, 0, "rgb(255, 255, 255)"]


def test_plan_html_page_with_ten_thousand_vms_applies_the_filter_of_its_url(browser):
    plan = fleet_plan(10_000)
    browser.open(page_of(plan), fragment="#find=team-199/&hide=live")
    assert browser.console == []
    last = [each for each in plan.decisions if each.ref.namespace == "team-199"]
    expected = [each.ref.name for each in last if each.effect != "live"]
    assert sorted(browser.evaluate(SHOWN + "return shown;")) == expected
