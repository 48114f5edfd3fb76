"""Tests the object store: resourceVersions, generations, finalizers and ownerReferences."""

import pytest
from support.apiserver import vm, vm_key

from reconciler.simulator.clock import SimClock
from reconciler.simulator.store.history import Key
from reconciler.simulator.store.store import Store
from reconciler.simulator.store.store_errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
)

VMI = Key("virtualmachineinstances.kubevirt.io", "db", "pg")
POD = Key("pods", "db", "launcher")


@pytest.fixture
def store():
    return Store(SimClock(scale=None))


def write(field, value):
    return lambda obj: obj.update({field: value})


def test_new_object_gets_a_uid_a_resource_version_and_a_creation_time(store):
    meta = store.create(vm_key(), vm())["metadata"]
    assert meta["generation"] == 1
    assert meta["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert meta["resourceVersion"] == str(store.rv)
    assert len(meta["uid"]) == 36


def test_object_stores_with_the_same_seed_generate_the_same_uids():
    uids = {Store(SimClock(scale=None), seed=7).ids.uid() for _ in range(3)}
    assert len(uids) == 1
    assert uids != {Store(SimClock(scale=None), seed=8).ids.uid()}


def test_object_name_can_be_used_only_once(store):
    store.create(vm_key(), vm())
    with pytest.raises(AlreadyExistsError):
        store.create(vm_key(), vm())


def test_object_store_returns_copies_of_objects(store):
    store.create(vm_key(), vm())["spec"]["runStrategy"] = "broken"
    assert store.get(vm_key())["spec"]["runStrategy"] == "Halted"


@pytest.mark.parametrize(
    ("key", "status", "change", "generation"),
    [
        (vm_key(), False, write("spec", {"runStrategy": "Always"}), 2),
        (vm_key(), True, write("status", {"ready": True}), 1),
        (VMI, False, write("status", {"phase": "Running"}), 2),
        (VMI, False, write("spec", {"x": 1}), 2),
        (vm_key(), False, lambda obj: obj["metadata"].update(labels={"a": "b"}), 1),
        (POD, True, write("status", {"phase": "Running"}), 1),
    ],
)
def test_generation_of_an_object_counts_spec_changes(store, key, status, change, generation):
    store.create(key, {"spec": {"runStrategy": "Halted"}})
    before = store.rv
    assert store.mutate(key, change, status=status)["metadata"]["generation"] == generation
    assert store.rv == before + 1


def test_write_without_a_change_creates_no_resource_version(store):
    store.create(vm_key(), vm())
    events = []
    store.subscribe(events.append)
    before = store.rv
    store.mutate(vm_key(), lambda _: None, manager="virt-controller")
    assert (store.rv, events) == (before, [])


def test_object_write_keeps_the_status_while_a_status_write_keeps_other_fields(store):
    store.create(vm_key(), vm())
    store.mutate(vm_key(), write("status", {"ready": True}), status=True)
    store.mutate(vm_key(), lambda o: o.update(spec={"a": 1}, status={"ready": False}))
    store.mutate(vm_key(), lambda o: o.update(spec={"a": 2}, status={"n": 1}), status=True)
    assert store.get(vm_key())["spec"] == {"a": 1}
    assert store.get(vm_key())["status"] == {"n": 1}


def test_kind_without_a_status_subresource_rejects_status_writes(store):
    store.create(VMI, {})
    with pytest.raises(ValueError, match="no status subresource"):
        store.update(VMI, {"status": {}}, status=True)


def test_write_with_an_old_resource_version_causes_a_conflict(store):
    stale = store.create(vm_key(), vm())
    store.mutate(vm_key(), write("spec", {}))
    with pytest.raises(ConflictError):
        store.update(vm_key(), stale)


def test_write_to_a_deleted_and_recreated_object_causes_a_conflict(store):
    uid = store.create(vm_key(), vm())["metadata"]["uid"]
    store.delete(vm_key())
    store.create(vm_key(), vm())
    with pytest.raises(ConflictError, match="UID in precondition"):
        store.update(vm_key(), {"metadata": {"uid": uid}})
    with pytest.raises(ConflictError):
        store.delete(vm_key(), uid=uid)


def test_object_store_update_of_an_absent_object_causes_an_error(store):
    with pytest.raises(NotFoundError):
        store.update(vm_key(), vm())
    assert store.mutate(vm_key(), lambda _: None) is None
    assert store.delete(vm_key()) is None


def test_dry_run_of_a_write_to_the_object_store_stores_nothing(store):
    store.create(vm_key(), vm())
    before = store.rv
    shown = store.update(vm_key(), vm(guest="2Gi"), dry_run=True)
    assert shown["metadata"]["generation"] == 2
    assert shown["metadata"]["resourceVersion"] == str(before) == str(store.rv)
    assert store.create(vm_key("other"), vm("other"), dry_run=True)
    assert store.raw(vm_key("other")) is None


def test_deleted_object_remains_until_its_last_finalizer_is_removed(store):
    store.create(vm_key(), vm(finalizers=["a", "b"]))
    events = []
    store.subscribe(lambda event: events.append(event.type))
    marked = store.delete(vm_key())["metadata"]
    assert marked["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    assert marked["generation"] == 2
    store.delete(vm_key())
    store.mutate(vm_key(), lambda o: o["metadata"].update(finalizers=["b"]))
    assert store.get(vm_key()) is not None
    store.mutate(vm_key(), lambda o: o["metadata"].pop("finalizers"))
    assert store.get(vm_key()) is None
    assert events == ["MODIFIED", "MODIFIED", "DELETED"]


def owned_by(*owners):
    return {"metadata": {"ownerReferences": [{"uid": o["metadata"]["uid"]} for o in owners]}}


def test_dependents_of_a_deleted_object_are_deleted_unless_they_have_another_owner(store):
    first, second = store.create(vm_key("a"), vm("a")), store.create(vm_key("b"), vm("b"))
    store.create(VMI, owned_by(first))
    store.create(POD, owned_by(store.get(VMI)))
    shared = Key("pods", "db", "shared")
    store.create(shared, owned_by(first, second))
    store.delete(vm_key("a"))
    assert store.get(VMI) is None
    assert store.get(POD) is None
    assert store.get(shared) is not None
    store.delete(vm_key("b"))
    assert store.get(shared) is None


def test_removed_subscriber_of_the_object_store_receives_no_more_changes(store):
    events = []
    stop = store.subscribe(events.append)
    stop()
    store.create(vm_key(), vm())
    assert events == []


def test_simulated_store_history_removes_the_oldest_changes_beyond_its_capacity():
    store = Store(SimClock(scale=None), history=3)
    start = store.rv
    for name in "abcde":
        store.create(vm_key(name), vm(name))
    assert len(store.events_since(start + 2, "virtualmachines.kubevirt.io")) == 3
    with pytest.raises(Exception, match="compacted"):
        store.events_since(start + 1, "virtualmachines.kubevirt.io")


def test_object_keys_and_lists_have_the_order_of_the_api_server(store):
    for namespace, name in (("b", "z"), ("a", "y"), ("a-b", "x"), ("a", "x")):
        store.create(vm_key(name, namespace), vm(name))
    keys = list(store.keys("virtualmachines.kubevirt.io"))
    assert [key.path for key in keys] == ["a-b/x", "a/x", "a/y", "b/z"]
    assert [o["metadata"]["name"] for o in store.list("virtualmachines.kubevirt.io", "a")] == [
        "x",
        "y",
    ]


def test_error_about_an_unknown_api_resource_lists_the_known_resources(store):
    with pytest.raises(LookupError, match=r"virtualmachinez.*stored resources:"):
        store.create(Key("virtualmachinez", "db", "x"), {})
