"""A compact manifest is stored as JSON and behaves like the mapping that it represents."""

import copy

from reconciler.source.manifests.compact_manifest import CompactManifest, compact

VALUE = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "pg-0"},
    "spec": {"running": True, "template": {"spec": {"domain": {"devices": {}}}}},
}


def test_compact_manifest_compares_and_iterates_like_the_mapping_that_it_stores():
    found = compact(VALUE)
    assert isinstance(found, CompactManifest)
    assert found == VALUE
    assert VALUE == found  # noqa: SIM300 - the other way round is the point
    assert list(found) == list(VALUE)
    assert len(found) == len(VALUE)
    assert repr(found) == repr(VALUE)
    assert copy.deepcopy(dict(found)) == VALUE


def test_compact_manifests_are_compared_by_value():
    other_order = dict(reversed(VALUE.items()))
    assert compact(VALUE) == compact(copy.deepcopy(VALUE))
    assert compact(VALUE) == compact(other_order)
    assert compact(VALUE) != compact({**VALUE, "metadata": {"name": "pg-1"}})


def test_compact_manifest_keeps_integers_of_more_than_64_bits():
    manifest = {"spec": {"n": 10**20}}
    assert compact(manifest) is manifest
