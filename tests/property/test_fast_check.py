"""Compares the fast manifest check with the complete check by jsonschema."""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.slow_check import slow_check

from reconciler.schema.check import check
from reconciler.schema.fast_check import fits

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**33)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["2Gi", "db", "", "Xy", "LiveUpdate", "60s", "kubevirt.io/v1", "1h"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "guest", "memory", "specc", "domain", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
SKELETONS = {
    "VirtualMachine": {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "pg-0", "namespace": "db", "labels": {"a": "b"}, "annotations": {}},
        "spec": {
            "instancetype": {"name": "u1", "kind": "k", "revisionName": "r"},
            "runStrategy": "Always",
            "template": {
                "metadata": {},
                "spec": {"domain": {"memory": {"guest": "2Gi", "maxGuest": "8Gi"}, "cpu": {}}},
            },
        },
    },
    "KubeVirt": {
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {
            "configuration": {
                "vmRolloutStrategy": "LiveUpdate",
                "developerConfiguration": {"featureGates": ["A"], "clusterProfiler": True},
                "liveUpdateConfiguration": {"maxGuest": "8Gi", "maxHotplugRatio": 4},
                "migrations": {"bandwidthPerMigration": 0, "allowPostCopy": False},
            },
            "workloadUpdateStrategy": {
                "workloadUpdateMethods": ["LiveMigrate"],
                "batchEvictionSize": 10,
                "batchEvictionInterval": "60s",
            },
        },
    },
}


def paths(tree, at=()):
    yield at
    if isinstance(tree, dict):
        for key, each in tree.items():
            yield from paths(each, (*at, key))


def changed(tree, path, new):
    """Return a copy of a JSON value with *new* at a path; an Ellipsis removes the key."""
    if not path:
        return new
    made = {**tree, path[0]: changed(tree.get(path[0], {}), path[1:], new)}
    return {key: each for key, each in made.items() if each is not ...}


@st.composite
def spoilt(draw):
    tree = SKELETONS[draw(st.sampled_from(sorted(SKELETONS)))]
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(sorted(paths(tree), key=repr)[1:]))
        if draw(st.booleans()):
            path = (*path[:-1], draw(st.sampled_from(["guest", "memory", "nam", "spek", "x"])))
        tree = changed(tree, path, draw(JSON | st.just(...)))
        if not isinstance(tree, dict) or not tree:
            break
    return tree


@given(spoilt() | JSON)
@settings(max_examples=100, deadline=None)
def test_fast_schema_check_accepts_the_same_manifests_as_jsonschema(tree):
    found = slow_check(tree, "manifest")
    assert check(tree, "manifest") == found
    # The fast check leaves floats that are whole numbers to jsonschema.
    assert fits("manifest")(tree) == (found == ()) or "." in repr(tree)
