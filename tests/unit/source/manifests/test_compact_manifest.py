"""A manifest that is kept as JSON reads as the mapping that it is."""

import copy

from reconciler.source.manifests.compact_manifest import CompactManifest, compact

VALUE = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "pg-0"},
    "spec": {"running": True, "template": {"spec": {"domain": {"devices": {}}}}},
}


def test_compact_manifest_equals_its_value_both_ways_and_iterates_like_it():
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


def test_integer_of_more_than_64_bits_is_kept_exactly():
    manifest = {"spec": {"n": 10**20}}
    assert compact(manifest) is manifest
