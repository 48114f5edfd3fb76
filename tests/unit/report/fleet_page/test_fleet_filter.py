"""A filter survives encoding in the status page's URL, and no URL query breaks the page."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.html.parsed_page import Page
from support.html.service_views import service_view

from reconciler.report.fleet_page.fleet_filter import MAX_VALUE, FleetFilter
from reconciler.report.fleet_page.fleet_html import fleet_html

NAMES = ("namespace", "node", "effect", "reason", "q", "group", "other")
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(st.dictionaries(st.sampled_from(NAMES), TEXT))
def test_status_page_filter_is_unchanged_after_encoding_and_parsing_its_url(query):
    shown = FleetFilter.parse(query)
    again = FleetFilter.parse(dict(parse_qsl(shown.query.removeprefix("?"))))
    assert again == shown
    assert shown.query.isascii()


@given(st.dictionaries(st.sampled_from(NAMES), TEXT))
def test_status_page_filter_in_the_url_cannot_add_scripts_forms_or_attributes(query):
    page = Page(fleet_html(service_view(3), FleetFilter.parse(query)))
    assert len(page.all("script")) == 1
    assert len(page.all("form", "input")) == 2
    allowed = {"href", "class", "title", "aria-current", "id", "hidden"}
    assert all(set(each.attributes) <= allowed for each in page.all("a") if each.text)


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ({}, ""),
        ({"group": "namespace"}, ""),
        ({"group": "other", "x": "y"}, ""),
        ({"group": "node", "q": "a b&c=d"}, "?q=a%20b%26c%3Dd&group=node"),
        ({"effect": " live "}, "?effect=live"),
        ({"q": "x" * (MAX_VALUE + 1)}, "?q=" + "x" * MAX_VALUE),
    ],
)
def test_status_page_url_contains_only_the_filter_values_that_differ_from_the_default(
    query, address
):
    assert FleetFilter.parse(query).query == address
