"""Reads plain YAML scalars as Kubernetes does: YAML 1.1 with some rules of Go's YAML parser.

``kubectl`` converts YAML to JSON with sigs.k8s.io/yaml; this module returns the JSON value for a
scalar.

Source: sigs.k8s.io/yaml v1.4 goyaml.v2/resolve.go (resolve) and yaml.go (convertToJSONableObject).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_TAG = "tag:yaml.org,2002:"
_TAG_TYPES = {"bool": (bool,), "int": (int,), "float": (int, float), "null": (type(None),)}
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NO_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_BASED = re.compile(r"(?P<sign>[-+]?)0(?P<base>[xX]|[oO]|[bB]|)(?P<digits>[0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASES = {"x": 16, "o": 8, "b": 2, "": 8}
_UINT64_MAX, _INT64_MIN = 2**64 - 1, -(2**63)
_MANY_DIGITS = 100
_FIRST = frozenset("0123456789+-.yYnNtTfFoO~")
_INTEGRAL_BELOW = 1e21
"""The value below which Go's JSON encoder writes whole floats without an exponent."""


class ScalarError(ValueError):
    """A YAML scalar cannot be represented in JSON."""


def resolve(text: str) -> Scalar:
    """Return the value of a plain (unquoted) YAML scalar.

    ``yes``, ``no``, ``on``, ``off``, ``y`` and ``n`` are booleans. ``0777`` and ``0o777`` are
    octal numbers. ``1e3`` is the integer 1000. Dates and ``1:30`` are strings.

    Raises:
        ScalarError: The scalar is infinity or not-a-number, which JSON cannot express.
    """
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NO_JSON.fullmatch(text):
        raise ScalarError(f"{text} is not a JSON number")
    if text[0] in "yYnNtTfFoO~":
        return text
    number = _number(text.replace("_", "") if text[0] != "." else text)
    return text if number is None else number


def resolve_tagged(text: str, tag: str) -> Scalar:
    """Return the value of a scalar with an explicit tag; with an unknown tag, it is a string.

    Raises:
        ScalarError: The scalar is not valid for its tag.
    """
    short = tag.removeprefix(_TAG)
    if short == "binary":
        try:
            return base64.b64decode(text).decode()
        except (binascii.Error, ValueError) as error:
            raise ScalarError(
                "this value is not base64-encoded UTF-8 text, which the tag !!binary requires"
            ) from error
    if short not in _TAG_TYPES:
        return text
    value = resolve(text)
    if type(value) not in _TAG_TYPES[short]:
        raise ScalarError(f"this value is not valid for its tag !!{short}")
    return value


def key_text(value: Scalar) -> str:
    """Convert a key in a YAML mapping to the name of a JSON object member.

    Raises:
        ScalarError: The key is null, for which JSON has no name.
    """
    match value:
        case None:
            raise ScalarError("the key of a mapping is null")
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _number(text: str) -> int | float | None:
    if _DECIMAL.fullmatch(text):
        return _in_range(int(text)) if len(text) < _MANY_DIGITS else _whole(float(text))
    if match := _BASED.fullmatch(text):
        try:
            digits = int(match["digits"], _BASES[match["base"].lower()])
        except ValueError:
            digits = None
        if digits is not None and digits <= _UINT64_MAX:
            return _in_range(-digits if match["sign"] == "-" else digits)
    if _FLOAT.fullmatch(text):
        return _whole(float(text))
    return None


def _in_range(value: int) -> int | float | None:
    """Convert an integer to a float if it does not fit into 64 bits, as Go's parser does."""
    return value if _INT64_MIN <= value <= _UINT64_MAX else _whole(float(value))


def _whole(value: float) -> int | float | None:
    """Convert a whole float below ``_INTEGRAL_BELOW`` to an integer; return None for infinity.

    None means that the scalar stays a string: a value beyond the range of a float, such as
    12e4567, could be the start of a commit hash.
    """
    if value in {float("inf"), float("-inf")}:
        return None
    return int(value) if value.is_integer() and abs(value) < _INTEGRAL_BELOW else value
