"""Tests that list pages contain each object once at one resourceVersion, or fail with 410."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from support.apiserver import TABLE, VMS, ApiServer, vm, vm_key

from reconciler.simulator.apiserver.reading import continue_token

ALL = "/apis/kubevirt.io/v1/virtualmachines"


def names(answer):
    return [item["metadata"]["name"] for item in answer.body["items"]]


def filled(count, **options):
    server = ApiServer(**options)
    for number in range(count):
        server.store.create(vm_key(f"vm{number:03}"), vm(f"vm{number:03}"))
    return server


def pages(server, path, limit, between=lambda: None):
    token, found = "", []
    while True:
        answer = server.send("GET", f"{path}?limit={limit}&continue={token}")
        assert answer.status == 200, answer.text
        found.append(answer)
        token = answer.body["metadata"].get("continue")
        if not token:
            return found
        between()


NAMES = st.sets(st.from_regex(r"[a-c]{1,3}", fullmatch=True), max_size=12)


@settings(deadline=None, max_examples=30)
@given(NAMES, NAMES, st.integers(1, 5))
def test_pages_of_a_list_contain_every_object_once_in_order(here, there, limit):
    server = ApiServer()
    for namespace, chosen in (("db", here), ("db-2", there)):
        for name in chosen:
            server.store.create(vm_key(name, namespace), {"spec": {}})
    collected = [
        f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        for page in pages(server, ALL, limit)
        for item in page.body["items"]
    ]
    # The server orders by storage key, in which "-" comes before "/".
    assert collected == sorted([f"db/{n}" for n in here] + [f"db-2/{n}" for n in there])


def test_all_pages_of_a_list_show_the_objects_at_the_resource_version_of_the_first_page():
    server = filled(4)
    state = {"done": False}

    def disturb():
        if not state["done"]:
            state["done"] = True
            server.store.delete(vm_key("vm002"))
            server.store.create(vm_key("vm0025"), {"spec": {}})
            server.store.mutate(vm_key("vm003"), lambda o: o["spec"].update(runStrategy="Always"))

    found = pages(server, VMS, 2, disturb)
    assert [names(page) for page in found] == [["vm000", "vm001"], ["vm002", "vm003"]]
    assert found[1].body["items"][1]["spec"]["runStrategy"] == "Halted"
    assert len({page.revision for page in found}) == 1


def test_compacted_continue_token_gets_410_with_a_token_for_the_remaining_objects():
    server = filled(4, history=1)
    first = server.send("GET", f"{VMS}?limit=2").body["metadata"]
    server.store.create(vm_key("vm0015"), {"spec": {}})
    server.store.create(vm_key("vm9"), {"spec": {}})
    gone = server.send("GET", f"{VMS}?limit=9&continue={first['continue']}")
    assert (gone.status, gone.body["reason"]) == (410, "Expired")
    assert gone.body["message"] == continue_token.EXPIRED_MESSAGE
    onward = gone.body["metadata"]["continue"]
    rest = server.send("GET", f"{VMS}?limit=9&continue={onward}")
    assert names(rest) == ["vm0015", "vm002", "vm003", "vm9"]


def test_pages_of_a_list_with_a_selector_contain_only_matching_objects():
    server = filled(6)
    for name in ("vm001", "vm003", "vm005"):
        server.store.mutate(vm_key(name), lambda o: o["metadata"].update(labels={"odd": "yes"}))
    first = server.send("GET", f"{VMS}?limit=2&labelSelector=odd")
    token = first.body["metadata"]["continue"]
    second = server.send("GET", f"{VMS}?limit=2&labelSelector=odd&continue={token}")
    assert (names(first), names(second)) == (["vm001", "vm003"], ["vm005"])
    assert "remainingItemCount" not in first.body["metadata"]


def test_items_in_lists_of_built_in_kinds_have_no_api_version_or_kind():
    item = ApiServer().send("GET", "/api/v1/namespaces").body["items"][0]
    assert "kind" not in item
    assert "apiVersion" not in item


def test_list_at_a_future_resource_version_times_out():
    answer = ApiServer().send("GET", f"{VMS}?resourceVersion=999999")
    assert (answer.status, answer.body["reason"]) == (504, "Timeout")


def test_list_with_resource_version_match_exact_returns_objects_at_an_older_resource_version():
    server = filled(1)
    before = server.store.rv
    server.store.delete(vm_key("vm000"))
    query = f"resourceVersion={before}&resourceVersionMatch=Exact"
    assert names(server.send("GET", f"{VMS}?{query}")) == ["vm000"]


def test_continue_token_keeps_the_list_position_after_encoding_and_decoding():
    position = continue_token.Position(revision=7, after="db/pg")
    assert continue_token.decode(continue_token.encode(position, "db"), "db") == position
    assert continue_token.decode(continue_token.encode(position, None), None) == position


def test_all_pages_of_a_long_list_are_returned_quickly():
    server = filled(2000)
    started = time.perf_counter()
    pages(server, ALL, 500)
    assert time.perf_counter() - started < 1.0


def test_table_responses_are_paged_like_lists_of_objects():
    server = filled(3)
    answer = server.send("GET", f"{VMS}?limit=2", accept=TABLE)
    assert [row["cells"][0] for row in answer.body["rows"]] == ["vm000", "vm001"]
    assert answer.body["metadata"]["remainingItemCount"] == 1
