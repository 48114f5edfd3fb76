"""Plain YAML scalars are read as kubectl reads them.

Expected values follow sigs.k8s.io/yaml v1.4 (goyaml.v2/resolve.go) and Go's encoding/json.
"""

import pytest

from reconciler.source.yaml.scalars import ScalarError, key_text, resolve, resolve_tagged


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # YAML 1.1 booleans, each in three notations; any other notation is text.
        *((text, True) for text in ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON")),
        *((text, True) for text in ("true", "True", "TRUE")),
        *((text, False) for text in ("n", "N", "no", "No", "NO", "off", "Off", "OFF")),
        *((text, False) for text in ("false", "False", "FALSE")),
        *((text, text) for text in ("yEs", "oN", "tRUE", "nope", "yes!")),
        *((text, None) for text in ("", "~", "null", "Null", "NULL")),
        ("nULL", "nULL"),
        # Integers are parsed as by Go's ParseInt with base 0, without underscores.
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("1_000", 1000),
        ("0777", 511),
        ("0o777", 511),
        ("0x1F", 31),
        ("-0x1f", -31),
        ("0b101", 5),
        ("18446744073709551615", 2**64 - 1),
        # An invalid octal number: Go reads a float, which JSON writes without a fraction.
        ("089", 89),
        ("0o9", "0o9"),
        ("0b12", "0b12"),
        # Go reads an integer of more than 64 bits as a float.
        ("18446744073709551616", 18446744073709551616),
        # Go reads 1e3 as a float and writes it as 1000 in JSON: the server sees an integer.
        ("1e3", 1000),
        ("1E3", 1000),
        ("1e+3", 1000),
        ("2.0", 2),
        ("1.", 1),
        ("1e21", 1e21),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        # Text: sizes, versions, times and dates, because JSON has no type for them.
        *((text, text) for text in ("2Gi", "1.2.3", "1:30", "2001-12-14", "0x", "-", "+", ".")),
        # Numbers above the range of a float: also text.
        *((text, text) for text in ("12e4567", "-1e400", "1_0e999", "9" * 5000)),
        *((text, text) for text in ("1e", "e3", "1 2", "<<", "-.5.5")),
    ],
)
def test_plain_yaml_scalar_has_the_value_that_kubectl_sends(text, value):
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN"])
def test_yaml_number_that_json_cannot_represent_is_rejected(text):
    with pytest.raises(ScalarError):
        resolve(text)


@pytest.mark.parametrize(
    ("text", "tag", "value"),
    [
        ("123", "tag:yaml.org,2002:str", "123"),
        ("yes", "tag:yaml.org,2002:bool", True),
        ("12", "tag:yaml.org,2002:int", 12),
        ("12", "tag:yaml.org,2002:float", 12),
        ("aGk=", "tag:yaml.org,2002:binary", "hi"),
        ("12", "!vault", "12"),
    ],
)
def test_yaml_tag_sets_the_type_of_a_scalar(text, tag, value):
    assert resolve_tagged(text, tag) == value


@pytest.mark.parametrize("tag", ["int", "bool", "float", "null", "binary"])
def test_yaml_scalar_that_is_invalid_for_its_tag_is_rejected(tag):
    with pytest.raises(ScalarError):
        resolve_tagged("x!", f"tag:yaml.org,2002:{tag}")


@pytest.mark.parametrize(
    ("value", "name"), [(True, "true"), (False, "false"), (7, "7"), ("a", "a")]
)
def test_yaml_key_is_converted_to_a_json_object_key(value, name):
    assert key_text(value) == name


def test_null_is_rejected_as_a_yaml_key():
    with pytest.raises(ScalarError, match="the key of a mapping is null"):
        key_text(None)
