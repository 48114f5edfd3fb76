"""Tests the JSON Patch of the simulated API server, which in some cases differs from RFC 6902."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.simulator.apiserver.patching import json_patch

DOCUMENT = {"a": {"b": 1, "list": ["x", "y"]}, "size": "1Gi", "empty": {}}


def op(kind, path, **fields):
    return {"op": kind, "path": path, **fields}


APPLIED = {
    "add a field": (op("add", "/a/c", value=2), ("a", "c"), 2),
    "add on an existing field replaces it": (op("add", "/a/b", value=2), ("a", "b"), 2),
    "add on a list path replaces the list": (
        op("add", "/a/list", value=["z"]),
        ("a", "list"),
        ["z"],
    ),
    "add before a list item": (op("add", "/a/list/1", value="z"), ("a", "list"), ["x", "z", "y"]),
    "dash appends": (op("add", "/a/list/-", value="z"), ("a", "list"), ["x", "y", "z"]),
    "replace a leaf": (op("replace", "/a/b", value=2), ("a", "b"), 2),
    "replace of an absent field adds it": (op("replace", "/a/new", value=2), ("a", "new"), 2),
    "remove a list item": (op("remove", "/a/list/0"), ("a", "list"), ["y"]),
    "a negative index counts from the end": (op("remove", "/a/list/-1"), ("a", "list"), ["x"]),
    "copy": (op("copy", "/a/c", **{"from": "/size"}), ("a", "c"), "1Gi"),
    "move": (op("move", "/a/c", **{"from": "/size"}), ("a", "c"), "1Gi"),
    "an absent field tests as null": (op("test", "/a/new", value=None), ("a", "b"), 1),
}
REFUSED = {
    "test of another value": op("test", "/size", value="2Gi"),
    "test of another spelling": op("test", "/size", value="1024Mi"),
    "test of another type": op("test", "/a/b", value=1.0),
    "test of true against one": op("test", "/a/b", value=True),
    "missing parent": op("add", "/nope/c", value=1),
    "parent is a leaf": op("add", "/size/c", value=1),
    "remove of an absent field": op("remove", "/a/nope"),
    "replace beyond the list": op("replace", "/a/list/2", value=1),
    "add beyond the list": op("add", "/a/list/3", value=1),
    "list index is no number": op("add", "/a/list/one", value=1),
    "unknown op": op("bogus", "/a/b", value=1),
    "no path": {"op": "add", "value": 1},
    "no op": {"path": "/a/b", "value": 1},
    "the whole document": op("replace", "", value={}),
    "move of an absent field": op("move", "/a/c", **{"from": "/nope"}),
}


@pytest.mark.parametrize(("operation", "where", "want"), APPLIED.values(), ids=APPLIED)
def test_json_patch_operation_changes_the_document(operation, where, want):
    value = json_patch.apply([operation], DOCUMENT)
    for step in where:
        value = value[step]
    assert value == want


@pytest.mark.parametrize("operation", REFUSED.values(), ids=REFUSED)
def test_json_patch_with_an_invalid_operation_is_rejected_without_changes(operation):
    before = json.dumps(DOCUMENT)
    with pytest.raises(json_patch.NotApplicableError):
        json_patch.apply([op("add", "/a/first", value=1), operation], DOCUMENT)
    assert json.dumps(DOCUMENT) == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{nope", "invalid character 'n' looking for beginning of object key string"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b"[", "unexpected end of JSON input"),
        (b"[] x", "invalid character 'x' after top-level value"),
        (b"{}", "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        (b"[1]", "json: cannot unmarshal number into Go value of type jsonpatch.Operation"),
    ],
)
def test_invalid_json_patch_gets_the_message_of_a_real_api_server(body, message):
    with pytest.raises(json_patch.DecodeError) as error:
        json_patch.parse(body)
    assert str(error.value) == message


def test_escaped_characters_in_a_json_pointer_are_decoded():
    document = {"metadata": {"annotations": {"a/b~c": "old"}}}
    patched = json_patch.apply(
        [op("replace", "/metadata/annotations/a~1b~0c", value="new")], document
    )
    assert patched["metadata"]["annotations"] == {"a/b~c": "new"}


KEYS = st.sampled_from(["a", "b/c", "d~e", "f"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=4)


def difference(old, new, at=""):
    """Returns the RFC 6902 operations that convert one object into the other."""
    for key in old.keys() - new.keys():
        yield op("remove", f"{at}/{escape(key)}")
    for key, value in new.items():
        path = f"{at}/{escape(key)}"
        if key not in old:
            yield op("add", path, value=value)
        elif isinstance(old[key], dict) and isinstance(value, dict):
            yield from difference(old[key], value, path)
        elif not json_patch.same(old[key], value):
            yield op("test", path, value=old[key])
            yield op("replace", path, value=value)


def escape(key):
    return key.replace("~", "~0").replace("/", "~1")


@given(OBJECTS, OBJECTS)
def test_json_patch_computed_from_two_objects_converts_the_first_object_into_the_second(old, new):
    patched = json_patch.apply(list(difference(old, new)), old)
    assert json_patch.same(patched, new)


@given(OBJECTS)
def test_values_of_different_json_types_are_never_equal(obj):
    assert json_patch.same(obj, json.loads(json.dumps(obj)))
    assert not json_patch.same({"x": obj, "n": 1}, {"x": obj, "n": True})
