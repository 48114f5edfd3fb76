"""A manifest that is stored as JSON behaves like the mapping that it represents."""

import copy

from reconciler.source.manifests.compact_manifest import CompactManifest, compact

VALUE = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "pg-0"},
    "spec": {"running": True, "template": {"spec": {"domain": {"devices": {}}}}},
}


def test_vm_manifest_stored_as_json_compares_and_iterates_like_a_mapping():
    found = compact(VALUE)
    assert isinstance(found, CompactManifest)
    assert found == VALUE
    assert VALUE == found  # noqa: SIM300 - the other way round is the point
    assert list(found) == list(VALUE)
    assert len(found) == len(VALUE)
    assert repr(found) == repr(VALUE)
    assert copy.deepcopy(dict(found)) == VALUE


def test_vm_manifests_stored_as_json_are_compared_by_value():
    other_order = dict(reversed(VALUE.items()))
    assert compact(VALUE) == compact(copy.deepcopy(VALUE))
    assert compact(VALUE) == compact(other_order)
    assert compact(VALUE) != compact({**VALUE, "metadata": {"name": "pg-1"}})


def test_vm_manifest_with_an_integer_of_more_than_64_bits_is_not_stored_as_json():
    manifest = {"spec": {"n": 10**20}}
    assert compact(manifest) is manifest
