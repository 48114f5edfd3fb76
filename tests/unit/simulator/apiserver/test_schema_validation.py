"""Tests how created objects are validated: types, schema rules, defaults and unknown fields."""

import pytest
from support.apiserver import VMS, vm

from reconciler.simulator.apiserver.request import schema_validation


def with_spec(**fields):
    changed = vm()
    changed["spec"].update(fields)
    return changed


def domain(**fields):
    changed = vm()
    changed["spec"]["template"]["spec"]["domain"].update(fields)
    return changed


def typed(path, have, want):
    return f'{path}: Invalid value: "{have}": {path} in body must be of type {want}: "{have}"'


INVALID = {
    "wrong type": (with_spec(running="yes"), typed("spec.running", "string", "boolean")),
    "null": (with_spec(template=None), "spec.template: Required value"),
    "missing field": (
        {**vm(), "spec": {"runStrategy": "Halted"}},
        "spec.template: Required value",
    ),
    "pattern": (
        domain(memory={"guest": "8GB"}),
        "spec.template.spec.domain.memory.guest in body should match '",
    ),
    "bad name": (
        vm("Bad_Name"),
        'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist',
    ),
    "no name": (vm(""), "metadata.name: Required value: name or generateName is required"),
    "bad label": (vm(labels={"a": "b c"}), 'metadata.labels: Invalid value: "b c": a valid label'),
}


@pytest.mark.parametrize(("obj", "message"), INVALID.values(), ids=INVALID)
def test_object_that_violates_its_schema_gets_422(server, obj, message):
    answer = server.send("POST", VMS, obj)
    assert answer.status == 422, answer.text
    assert message in answer.body["message"]
    assert answer.body["reason"] == "Invalid"


NODES = {
    "minimum": ({"type": "integer", "minimum": 1}, 0, "should be greater than or equal to 1"),
    "maximum": ({"type": "integer", "maximum": 1}, 2, "should be less than or equal to 1"),
    "minLength": ({"type": "string", "minLength": 2}, "a", "should be at least 2 chars long"),
    "maxLength": ({"type": "string", "maxLength": 1}, "ab", "may not be more than 1 bytes"),
    "maxItems": ({"type": "array", "maxItems": 1}, [1, 2], "must have at most 1 items"),
    "enum": ({"enum": ["a"]}, "b", 'Unsupported value: "b": supported values: "a"'),
    "set": (
        {"type": "array", "x-kubernetes-list-type": "set"},
        ["a", "a"],
        'Duplicate value: "a"',
    ),
    "map": (
        {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        [{"name": "a"}, {"name": "a", "b": 1}],
        'Duplicate value: {"name":"a"}',
    ),
    "time": ({"type": "string", "format": "date-time"}, "noon", "must be of type date-time"),
    "int or string": ({"x-kubernetes-int-or-string": True}, {}, "of type integer,string"),
    "boolean is no integer": ({"type": "integer"}, True, 'of type integer: "boolean"'),
}


@pytest.mark.parametrize(("node", "value", "message"), NODES.values(), ids=NODES)
def test_simulated_api_server_enforces_each_rule_of_a_crd_schema(node, value, message):
    (error,) = schema_validation.check(value, node, "spec.x")
    assert message in error.message
    assert error.field.startswith("spec.x")


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"type": "number"}, 1),
        ({"type": "integer"}, 1.0),
        ({"x-kubernetes-int-or-string": True}, 1),
        ({"x-kubernetes-int-or-string": True}, "1Gi"),
        ({"type": "string", "nullable": True}, None),
        ({}, None),
        ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00.5Z"),
    ],
)
def test_object_that_matches_its_schema_is_accepted(node, value):
    assert schema_validation.check(value, node, "spec.x") == []


def test_schema_defaults_are_set_only_if_the_parent_field_exists():
    node = {
        "properties": {
            "a": {"properties": {"b": {"default": {"c": 1}}}},
            "d": {"properties": {"e": {"default": 1}}},
        }
    }
    value = {"a": {}}
    schema_validation.apply_defaults(value, node)
    assert value == {"a": {"b": {"c": 1}}}


def test_several_schema_validation_errors_are_listed_in_brackets(server):
    broken = domain(memory={"guest": "8GB"})
    broken["spec"]["running"] = 1
    message = server.send("POST", VMS, broken).body["message"]
    assert message.startswith('VirtualMachine.kubevirt.io "pg" is invalid: [spec.')
    assert message.count("Invalid value") == 2


@pytest.mark.parametrize(
    ("directive", "status", "warned"),
    [("", 201, True), ("Warn", 201, True), ("Ignore", 201, False), ("Strict", 400, False)],
)
def test_field_validation_ignores_warns_about_or_rejects_unknown_fields(
    server, directive, status, warned
):
    answer = server.send("POST", f"{VMS}?fieldValidation={directive}", with_spec(nope=1))
    assert answer.status == status
    want = ['299 - "unknown field \\"spec.nope\\""'] if warned else []
    assert answer.header("warning") == want
    if status == 201:
        assert "nope" not in answer.body["spec"]
    else:
        assert answer.body["message"] == (
            'VirtualMachine in version "v1" cannot be handled as a VirtualMachine: strict '
            'decoding error: unknown field "spec.nope"'
        )


def test_unknown_field_of_a_list_item_is_reported_with_its_index(server):
    disks = [{"name": "root"}, {"name": "data", "nope": 1}]
    answer = server.send("POST", VMS, domain(devices={"disks": disks}))
    where = "spec.template.spec.domain.devices.disks[1].nope"
    assert answer.header("warning") == [f'299 - "unknown field \\"{where}\\""']
    kept = answer.body["spec"]["template"]["spec"]["domain"]["devices"]["disks"]
    assert "nope" not in kept[1]


def test_unknown_fields_are_kept_if_the_schema_preserves_unknown_fields(server):
    created = vm()
    created["spec"]["template"]["metadata"] = {"labels": {"a": "b"}, "anything": {"goes": [1]}}
    answer = server.send("POST", VMS, created)
    assert answer.body["spec"]["template"]["metadata"]["anything"] == {"goes": [1]}
    assert answer.header("warning") == []
