"""Tests the status pages of ``serve``, and the events that update them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.fake_ports import FakeClock
from support.html.served_pages import content
from support.html.service_views import service_view
from support.serving.asgi_call import ask

from reconciler.serve.http.face_app import FaceOptions, face_app
from reconciler.serve.view_store import ViewStore


@pytest.fixture
def app():
    return face_app(ViewStore(service_view(20), FakeClock()), content(), FaceOptions())


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/", 200, "<h1>2 VMs change now</h1>"),
        ("/?q=pg-00004", 200, "1 of 20 VMs match the filter."),
        ("/vm/team-000/pg-00002", 200, "<h1>pg-00002</h1>"),
        ("/vm/team-000/other", 404, "The newest plan contains no VM team-000/other."),
        ("/reasons/hotplug", 200, "<h1>hotplug</h1>"),
        ("/reasons/other", 404, "The reason code other does not exist."),
        ("/reasons", 200, "<h1>Reasons</h1>"),
        ("/static/live.js", 200, "EventSource"),
        ("/static/live.css", 200, ".cell"),
    ],
)
def test_status_page_server_serves_each_page_and_its_files(app, path, status, text):
    answer = ask(app, path)
    assert (answer.status, text in answer.text) == (status, True)


def test_page_for_an_unknown_status_page_url_has_a_relative_link_to_the_overview(app):
    assert 'href="../../"' in ask(app, "/vm/a/b").text
    assert 'href="../"' in ask(app, "/reasons/a").text


def test_status_page_events_contain_the_difference_between_two_states():
    events, view = content().events, service_view(20)
    later = replace(view, run=None)
    document = json.loads(events(view, later).decode().split("data: ")[1])
    assert "Run 20260302-0928-serve" not in "".join(document["parts"])
    assert events(later, replace(later)) == b""
    assert events(None, view) == b'event: change\ndata: {"all":true}\n\n'
