"""Tests managedFields, which record the field manager that owns each field."""

from hypothesis import given
from hypothesis import strategies as st
from support.apiserver import ApiServer, vm

from reconciler.simulator.store import api_resources, fields_v1, managed_fields

VMS = api_resources.stored("virtualmachines.kubevirt.io")
GUEST = ("f:spec", "f:template", "f:spec", "f:domain", "f:memory", "f:guest")


def owners(obj):
    return {
        (e["manager"], e["operation"], e.get("subresource", "")): fields_v1.decode(e["fieldsV1"])
        for e in obj["metadata"].get("managedFields", [])
    }


def replace_guest(value):
    return [{"op": "replace", "path": "/spec/template/spec/domain/memory/guest", "value": value}]


def test_creator_of_an_object_owns_only_the_fields_that_it_sent():
    created = ApiServer().create_vm(labels={"tier": "db"}).body
    owned = owners(created)["test", "Update", ""]
    assert GUEST in owned
    assert ("f:metadata", "f:labels", "f:tier") in owned
    assert not [path for path in owned if path[:2] == ("f:metadata", "f:name")]
    assert ("f:metadata",) not in owned


def test_patch_takes_ownership_only_of_the_field_that_it_changes():
    server = ApiServer()
    server.create_vm()
    patched = server.patch(replace_guest("2Gi"), query="fieldManager=reconciler").body
    assert owners(patched)["reconciler", "Update", ""] == {GUEST}
    assert GUEST not in owners(patched)["test", "Update", ""]
    assert GUEST[:-1] in owners(patched)["test", "Update", ""]


def test_patch_without_a_change_adds_no_entry_to_managed_fields():
    server = ApiServer()
    server.create_vm()
    patched = server.patch(replace_guest("1Gi"), query="fieldManager=reconciler").body
    assert set(owners(patched)) == {("test", "Update", "")}


def test_value_that_changes_only_its_json_type_counts_as_changed_in_managed_fields():
    changed, removed = managed_fields.changes({"a": {"b": 1}}, {"a": {"b": True}}, {})
    assert (changed, removed) == ({("f:a", "f:b")}, set())


def test_field_manager_defaults_to_the_user_agent_up_to_the_slash():
    server = ApiServer()
    created = server.send(
        "POST",
        "/apis/kubevirt.io/v1/namespaces/db/virtualmachines",
        vm(),
        user_agent="kubectl-create/v1.32 (linux/amd64)",
    )
    assert set(owners(created.body)) == {("kubectl-create", "Update", "")}


def test_field_that_is_removed_from_an_object_is_removed_from_managed_fields():
    server = ApiServer()
    server.create_vm(labels={"tier": "db"})
    patched = server.patch([{"op": "remove", "path": "/metadata/labels/tier"}]).body
    assert not [p for p in owners(patched)["test", "Update", ""] if p[-1] == "f:tier"]


def test_status_write_has_a_separate_managed_fields_entry():
    server = ApiServer()
    server.create_vm()
    answer = server.send(
        "PATCH",
        "/apis/kubevirt.io/v1/namespaces/db/virtualmachines/pg/status",
        {"status": {"ready": True}},
        "application/merge-patch+json",
    )
    assert ("f:status", "f:ready") in owners(answer.body)["test", "Update", "status"]


def test_time_of_a_managed_fields_entry_changes_only_with_its_fields():
    server = ApiServer()
    created = server.create_vm().body["metadata"]["managedFields"][0]["time"]
    server.clock.advance(10)
    same = server.patch(replace_guest("1Gi")).body["metadata"]["managedFields"][0]["time"]
    later = server.patch(replace_guest("2Gi")).body["metadata"]["managedFields"][0]["time"]
    assert created == same == "2026-01-01T00:00:00Z"
    assert later == "2026-01-01T00:00:10Z"


def test_list_merged_by_key_is_owned_item_by_item_but_an_atomic_list_is_owned_as_a_whole():
    node = {
        "type": "object",
        "properties": {
            "keyed": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": {}, "size": {}}},
            },
            "gates": {"type": "array", "x-kubernetes-list-type": "set", "items": {}},
            "methods": {"type": "array", "x-kubernetes-list-type": "atomic", "items": {}},
        },
    }
    new = {"keyed": [{"name": "a", "size": 1}], "gates": ["X"], "methods": ["M"]}
    changed, _ = managed_fields.changes({}, new, node)
    assert changed == {
        ("f:keyed",),
        ("f:keyed", 'k:{"name":"a"}'),
        ("f:keyed", 'k:{"name":"a"}', "f:name"),
        ("f:keyed", 'k:{"name":"a"}', "f:size"),
        ("f:gates",),
        ("f:gates", 'v:"X"'),
        ("f:methods",),
    }


PATHS = st.sets(
    st.lists(st.sampled_from(["f:a", "f:b", 'k:{"n":"x"}', 'v:"y"']), min_size=1, max_size=4).map(
        tuple
    )
)


@given(PATHS)
def test_managed_field_paths_are_unchanged_after_encoding_and_decoding(paths):
    assert fields_v1.decode(fields_v1.encode(paths)) == paths


GUESTS = st.sampled_from(["1Gi", "2Gi", "3Gi"])
WRITES = st.lists(st.tuples(st.sampled_from(["ann", "bob", "cyd"]), GUESTS), max_size=6)


@given(WRITES)
def test_object_field_is_owned_by_the_field_manager_that_changed_it_last(writes):
    live, entries, expected = {}, [], None
    for manager, guest in [("test", "1Gi"), *writes]:
        new = vm(guest=guest)
        before = live.get("spec", {}).get("template", {})
        if not before or before != new["spec"]["template"]:
            expected = manager
        entries = managed_fields.after_update(
            live,
            new,
            entries,
            VMS,
            manager=manager,
            time="2026-01-01T00:00:00Z",
        )
        live = new
    holding = [e["manager"] for e in entries if GUEST in fields_v1.decode(e["fieldsV1"])]
    assert holding == [expected]
