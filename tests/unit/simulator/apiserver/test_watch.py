"""Tests watches of the simulated API server: order of events, selectors, bookmarks, timeouts."""

from support.apiserver import TABLE, VMS, ApiServer, frames, vm, vm_key


def seen_by(stream):
    return [(f["type"], f["object"]["metadata"].get("name")) for f in frames(stream)]


def test_watch_without_a_resource_version_starts_with_the_existing_objects(server):
    server.create_vm("a")
    stream = server.watch(f"{VMS}?watch=1")
    server.create_vm("b")
    assert seen_by(stream) == [("ADDED", "a"), ("ADDED", "b")]


def test_watch_with_a_resource_version_starts_with_the_changes_after_that_version(server):
    server.create_vm("a")
    since = server.store.rv
    server.patch({"spec": {"runStrategy": "Always"}}, "a")
    server.send("DELETE", f"{VMS}/a")
    stream = server.watch(f"{VMS}?watch=true&resourceVersion={since}")
    assert seen_by(stream) == [("MODIFIED", "a"), ("DELETED", "a")]


def test_watch_events_have_increasing_resource_versions(server):
    stream = server.watch(f"{VMS}?watch=1&resourceVersion=0")
    for name in "abc":
        server.create_vm(name)
    server.send("DELETE", f"{VMS}/b")
    revisions = [int(f["object"]["metadata"]["resourceVersion"]) for f in frames(stream)]
    assert revisions == sorted(set(revisions))
    assert revisions[-1] == server.store.rv


def test_watch_receives_only_events_of_its_namespace_and_kind(server):
    stream = server.watch(f"{VMS}?watch=1")
    server.store.create(vm_key("x", "other"), {"spec": {}})
    server.send("POST", "/api/v1/namespaces/db/configmaps", {"metadata": {"name": "c"}})
    assert seen_by(stream) == []


def test_watch_reports_an_object_that_enters_or_leaves_the_selection_as_added_or_deleted(server):
    server.create_vm("a")
    stream = server.watch(f"{VMS}?watch=1&labelSelector=live")
    server.patch({"metadata": {"labels": {"live": "yes"}}}, "a")
    server.patch({"metadata": {"labels": {"more": "yes"}}}, "a")
    server.patch({"metadata": {"labels": {"live": None}}}, "a")
    assert seen_by(stream) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_watch_with_a_compacted_resource_version_ends_with_an_error_event():
    server = ApiServer(history=1)
    server.create_vm("a")
    server.create_vm("b")
    stream = server.watch(f"{VMS}?watch=1&resourceVersion=1001")
    (error,) = frames(stream)
    assert stream.status == 200
    assert (error["type"], error["object"]["code"]) == ("ERROR", 410)
    assert error["object"]["message"].startswith("too old resource version: 1001 (")
    assert stream.ended


def test_watch_sends_one_bookmark_per_simulated_minute(server):
    stream = server.watch(f"{VMS}?watch=1&allowWatchBookmarks=true")
    silent = server.watch(f"{VMS}?watch=1")
    server.clock.advance(59)
    assert frames(stream) == []
    server.clock.advance(1)
    (bookmark,) = frames(stream)
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"]["resourceVersion"] == str(server.store.rv)
    assert frames(silent) == []


def test_initial_watch_events_end_with_an_annotated_bookmark(server):
    server.create_vm("a")
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    found = frames(server.watch(f"{VMS}?{query}&allowWatchBookmarks=true"))
    assert [f["type"] for f in found] == ["ADDED", "BOOKMARK"]
    annotations = found[1]["object"]["metadata"]["annotations"]
    assert annotations == {"k8s.io/initial-events-end": "true"}


def test_watch_ends_after_its_timeout_in_simulated_time(server):
    stream = server.watch(f"{VMS}?watch=1&timeoutSeconds=5")
    server.clock.advance(4.9)
    stream.poll()
    assert not stream.ended
    server.clock.advance(0.1)
    stream.poll()
    assert stream.ended


def test_closed_watch_receives_no_more_events(server):
    stream = server.watch(f"{VMS}?watch=1")
    stream.close()
    server.create_vm("a")
    assert frames(stream) == []


def test_watch_stream_calls_its_on_ready_callback_for_each_event(server):
    woken = []
    stream = server.watch(f"{VMS}?watch=1")
    stream.on_ready(lambda: woken.append(server.store.rv))
    server.create_vm("a")
    server.create_vm("b")
    assert len(woken) == 2


def test_watch_receives_a_change_before_the_change_that_a_controller_makes_in_response(
    server,
):
    def answer(event):
        if event.key.name == "cause":
            server.store.create(vm_key("effect"), vm("effect"))

    server.store.subscribe(answer)
    stream = server.watch(f"{VMS}?watch=1")
    server.create_vm("cause")
    assert seen_by(stream) == [("ADDED", "cause"), ("ADDED", "effect")]


def test_watch_in_table_format_describes_the_columns_only_in_its_first_table(server):
    stream = server.watch(f"{VMS}?watch=1", accept=TABLE)
    server.create_vm("a")
    server.create_vm("b")
    first, second = (f["object"] for f in frames(stream))
    assert [c["name"] for c in first["columnDefinitions"]] == ["Name", "Age", "Status", "Ready"]
    assert second["columnDefinitions"] == []
    assert second["rows"][0]["cells"][0] == "b"


def test_watch_of_a_single_object_receives_only_events_of_that_object(server):
    stream = server.watch(f"{VMS}/a?watch=1")
    server.create_vm("a")
    server.create_vm("b")
    assert seen_by(stream) == [("ADDED", "a")]
