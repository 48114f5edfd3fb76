"""A manifest that is kept as text reads as the mapping that it is."""

import copy

import pytest

from reconciler.source.manifests.lazy_manifest import LazyManifest
from reconciler.source.yaml.fast_lines import Lines

TEXT = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: pg-0
  uid: "1"
spec:
  running: true
  template:
    spec:
      domain:
        devices: {}
status: {}
"""
VALUE = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "pg-0"},
    "spec": {"running": True, "template": {"spec": {"domain": {"devices": {}}}}},
}


def test_it_is_equal_to_its_value_both_ways_and_iterates_like_it():
    found = LazyManifest(TEXT, Lines())
    assert found == VALUE
    assert VALUE == found  # noqa: SIM300 - the other way round is the point
    assert list(found) == list(VALUE)
    assert len(found) == len(VALUE)
    assert repr(found) == repr(VALUE)
    assert copy.deepcopy(dict(found)) == VALUE


def test_two_are_compared_by_their_text_or_else_by_their_value():
    lines = Lines()
    assert LazyManifest(TEXT, lines) == LazyManifest(TEXT, Lines())
    assert LazyManifest(TEXT, lines) == LazyManifest("# c\n" + TEXT, lines)
    assert LazyManifest(TEXT, lines) != LazyManifest(TEXT.replace("pg-0", "pg-1"), lines)
    assert LazyManifest(TEXT, lines) != LazyManifest(TEXT, lines, "db")


def test_a_namespace_is_put_in():
    found = LazyManifest(TEXT, Lines()).in_namespace("db")
    assert found["metadata"] == {"name": "pg-0", "namespace": "db"}


def test_what_is_no_manifest_is_refused():
    with pytest.raises(ValueError, match="no whole manifest"):
        dict(LazyManifest("a: 1\n", Lines()))
