"""The fast schema check accepts only values that jsonschema accepts."""

import pytest
from support.slow_check import slow_check

from reconciler.schema import fast_check
from reconciler.schema.fast_check import fits, predicate

VM = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "pg-0", "labels": None, "annotations": {"a": "b"}},
    "spec": {"template": {"spec": {"domain": {"memory": {"guest": "2Gi"}}}}},
}


def test_valid_manifest_passes_the_fast_schema_check():
    assert fits("manifest")(VM)
    assert slow_check(VM, "manifest") == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "VirtualMachin"},
        {"kind": 1},
        {"metadata": {"name": "PG"}},
        {"metadata": {"name": "pg", "labels": {"a": 1}}},
        {"metadata": {"name": "pg", "namespac": "db"}},
        {"metadata": {"name": True}},
        {"metadata": {}},
        {"metadata": None},
        {"spec": {"templat": {}}},
        {"spec": {"memory": {}}},
        {"spec": {"instancetype": {"nam": "a"}}},
        {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "2GB"}}}}}},
        {"spec": {"template": {"spec": {"domain": {"memory": {"guest": True}}}}}},
    ],
)
def test_invalid_manifest_fails_the_fast_schema_check(changed):
    assert slow_check(VM | changed, "manifest") != ()
    assert not fits("manifest")(VM | changed)


@pytest.mark.parametrize(
    "schema",
    [
        {"format": "made-up"},
        {"prefixItems": []},
        {"properties": {"a": {"maxLength": 3}}},
        {"$ref": "#/$defs/nowhere"},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {"oneOf": [{"type": "null"}, {"type": "string"}, {"type": "integer"}]},
        {"oneOf": [{"type": "null"}, {"type": ["string", "null"]}]},
        {"oneOf": [{"type": "null"}, {"enum": ["a", None]}]},
        {"oneOf": [{"type": "null"}, {"minLength": 1}]},
        {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/anything"}]},
    ],
    ids=str,
)
def test_fast_schema_check_rejects_all_values_if_the_schema_has_an_unknown_keyword(schema):
    assert predicate(schema, {"$defs": {"anything": {}}}) is fast_check._never


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"pattern": "^a+$"}, ["a", "aa", 1, None], ["", "b", "ab"]),
        ({"oneOf": [{"type": "null"}, {"type": "string"}]}, [None, "a"], [1, [], True]),
        ({"oneOf": [{"type": "null"}, {"enum": ["a"]}]}, [None, "a"], ["b", 0]),
        ({"oneOf": [{"type": "null"}, {"$ref": "#/$defs/a"}]}, [None, "a"], ["b", 0]),
        ({"type": "string", "format": "date-time"}, ["2026-01-01T00:00:00Z"], ["2026-01-01"]),
    ],
)
def test_fast_schema_check_tells_valid_from_invalid_values_for_each_keyword(schema, good, bad):
    test = predicate(schema, {"$defs": {"a": {"type": "string", "pattern": "^a$"}}})
    assert [test(each) for each in (*good, *bad)] == [True] * len(good) + [False] * len(bad)


@pytest.mark.parametrize("name", ["manifest", "config", "plan"])
def test_fast_schema_check_supports_every_keyword_of_the_input_schemas(name):
    assert fits(name) is not fast_check._never
