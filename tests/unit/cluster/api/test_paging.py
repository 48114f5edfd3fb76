"""Tests that lists are read page by page, and restarted when a continue token expires."""

from __future__ import annotations

import json
from itertools import count

import pytest

from reconciler.cluster.api import paging
from reconciler.cluster.api.paging import pages
from reconciler.errors import ClusterError, ExpiredError

VMS = "/apis/kubevirt.io/v1/virtualmachines"


def test_list_pages_are_read_until_the_last_continue_token(server, client, page):
    server.on(VMS, page({"n": 1}, token="a/b+c="), page({"n": 2}, token="d"), page({"n": 3}))
    found = list(pages(client, VMS))
    assert [json.loads(each.body)["items"][0]["n"] for each in found] == [1, 2, 3]
    assert [each.first for each in found] == [True, False, False]
    assert {each.resource_version for each in found} == {"9488"}
    assert [each.query.get("continue") for each in server.requests] == [None, "a/b+c=", "d"]
    assert {each.query["limit"] for each in server.requests} == {"500"}


def test_expired_continue_token_restarts_the_list(server, client, page, failure):
    gone = failure(410, "The provided continue parameter is too old", "Expired")
    server.on(VMS, page({"n": 1}, token="a"), gone, page({"n": 1}, token="b"), page({"n": 2}))
    assert [each.first for each in pages(client, VMS)] == [True, True, False]


def test_continue_token_that_expires_repeatedly_raises_an_error(server, client, page, failure):
    gone = failure(410, "too old", "Expired")
    server.handlers[VMS] = lambda r: gone if "continue" in r.query else page({}, token="a")
    with pytest.raises(ExpiredError):
        list(pages(client, VMS))
    assert len(server.requests) == 8


def test_continue_token_above_the_length_limit_is_not_sent_back(server, client, page):
    server.on(VMS, page({"n": 1}, token="a" * 65_537))
    with pytest.raises(ClusterError, match="the continue token has 65537 characters"):
        list(pages(client, VMS))
    assert len(server.requests) == 1


def test_repeated_continue_token_raises_an_error(server, client, page):
    server.on(VMS, page({"n": 1}, token="a"), page({"n": 2}, token="b"), page({}, token="a"))
    with pytest.raises(ClusterError, match="the server repeats a page or sends too many pages"):
        list(pages(client, VMS))
    assert len(server.requests) == 3


def test_number_of_pages_of_a_list_request_is_limited(server, client, page, monkeypatch):
    monkeypatch.setattr(paging, "MAX_PAGES", 5)
    tokens = (f"t{n}" for n in count())
    server.handlers[VMS] = lambda _: page({}, token=next(tokens))
    with pytest.raises(ClusterError, match="sends too many"):
        list(pages(client, VMS))
    assert len(server.requests) == 6


def test_time_for_all_pages_of_a_list_is_limited(server, client, page, monkeypatch):
    monkeypatch.setattr(paging, "monotonic", map(float, count(0, 200)).__next__)
    tokens = (f"t{n}" for n in count())
    server.handlers[VMS] = lambda _: page({}, token=next(tokens))
    with pytest.raises(ClusterError, match="the list requests take longer than 600 s"):
        list(pages(client, VMS))
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"kind": "Status", "metadata": {}, "status": "Success"}, "its kind is 'Status'"),
        ({"kind": "VirtualMachine", "metadata": {}, "items": []}, "its kind is 'VirtualMachine'"),
        ({"kind": "PodList", "metadata": {}, "items": []}, "not a list of virtualmachines"),
        ({"kind": "VirtualMachineList", "metadata": {}}, "the response has no `items` array"),
        ({"metadata": {}, "items": []}, "missing required field `kind`"),
        ({"kind": "VirtualMachineList", "items": []}, "missing required field `metadata`"),
    ],
)
def test_list_page_that_is_not_a_kubernetes_list_raises_an_error(server, client, reply, body, why):
    server.on(VMS, reply(200, body))
    with pytest.raises(ClusterError, match=why):
        list(pages(client, VMS))


DEEP = "[" * 20_000 + "]" * 20_000


@pytest.mark.parametrize("body", ["<html>Log in</html>", f'{{"items":{DEEP}}}'])
def test_invalid_list_page_raises_an_error(server, client, reply, body):
    server.on(VMS, reply(200, body))
    with pytest.raises(
        ClusterError, match=r"the response to the list request for .* cannot be read: "
    ):
        list(pages(client, VMS))
