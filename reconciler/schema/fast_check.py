"""``fits``: quickly tests whether a value matches a schema, but does not explain why.

The test is built from the schema and is never more lenient than ``check``. If this module does not
know a keyword, every value fails the test, and ``check`` decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

from reconciler.schema import formats, schema_files, violations

TYPO_SIMILARITY = 0.8
"""The minimum similarity, measured by difflib, at which an unknown key counts as a typo."""

Test: TypeAlias = Callable[[Any], bool]

_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$defs", "title", "description", "examples", "default", "x-hint", "x-hints"}
)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class _UnknownError(Exception):
    """A schema uses a keyword that the fast check does not support."""


@cache
def fits(schema_name: str) -> Test:
    """Return a function that returns True only if the schema accepts a value."""
    root = schema_files.load(schema_name)
    return predicate(root, root)


def predicate(schema: object, root: Mapping[str, Any]) -> Test:
    """Return a function that checks values against one part of a schema."""
    try:
        return _all_of(schema, root)
    except _UnknownError:
        return _never


def _never(_: object) -> bool:
    return False


def _all_of(schema: object, root: Mapping[str, Any]) -> Test:
    if not isinstance(schema, dict):
        raise _UnknownError
    tests = []
    for keyword, expected in schema.items():
        if keyword in _ANNOTATIONS or (keyword == "then" and "if" in schema):
            continue
        if keyword not in _MAKERS:
            raise _UnknownError
        tests.append(_MAKERS[keyword](expected, schema, root))
    return _both(tests)


def _both(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def every(value: object) -> bool:
        # `all` with a generator takes twice as long as this loop, which takes most of the time.
        for test in tests:  # noqa: SIM110
            if not test(value):
                return False
        return True

    return every


def _type(expected: Any, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:  # noqa: ANN401
    names = [expected] if isinstance(expected, str) else expected
    # Compare the exact class, because a boolean is an instance of int.
    classes = frozenset(kind for name in names for kind in _TYPES[name])
    return lambda value: type(value) in classes


def _properties(expected: Any, _: Mapping[str, Any], root: Mapping[str, Any]) -> Test:  # noqa: ANN401
    tests = [(key, _all_of(each, root)) for key, each in expected.items() if each != {}]

    def every(value: object) -> bool:
        if isinstance(value, dict):
            for key, test in tests:
                if key in value and not test(value[key]):
                    return False
        return True

    return every


def _additional(expected: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Test:  # noqa: ANN401
    known = schema.get("properties", {}).keys()
    if expected is False:
        return lambda value: not isinstance(value, dict) or value.keys() <= known
    test = _all_of(expected, root)
    return lambda value: (
        not isinstance(value, dict)
        or all(test(each) for key, each in value.items() if key not in known)
    )


def _items(expected: Any, _: Mapping[str, Any], root: Mapping[str, Any]) -> Test:  # noqa: ANN401
    test = _all_of(expected, root)
    return lambda value: not isinstance(value, list) or all(map(test, value))


def _enum(expected: Any, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:  # noqa: ANN401
    if not all(isinstance(each, str) for each in expected):
        raise _UnknownError
    return lambda value: isinstance(value, str) and value in expected


def _format(expected: Any, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:  # noqa: ANN401
    if expected not in formats.CHECKS:
        raise _UnknownError
    check = formats.CHECKS[expected]

    def test(value: object) -> bool:
        try:
            return check(value)
        except ValueError:
            return False

    return test


def _for(kind: type | tuple[type, ...], keep: Callable[[Any, Any], bool]) -> Callable[..., Test]:
    """Return a function that creates tests which apply only to values of the given types."""
    return lambda expected, *_: lambda value: not isinstance(value, kind) or keep(value, expected)


def _one_of(expected: Any, _: Mapping[str, Any], root: Mapping[str, Any]) -> Test:  # noqa: ANN401
    # A fast test may reject a valid value, so it cannot detect that both alternatives match.
    # They cannot both match if one is null and the other rejects null.
    null, *others = expected
    if null != {"type": "null"} or len(others) != 1 or not _refuses_null(others[0], root):
        raise _UnknownError
    test = _all_of(others[0], root)
    return lambda value: value is None or test(value)


def _refuses_null(schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    return (
        "null" not in schema.get("type", "null")
        or None not in schema.get("enum", [None])
        or ("$ref" in schema and _refuses_null(_target(schema["$ref"], root), root))
    )


def _if(expected: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Test:  # noqa: ANN401
    # The test of a condition must be exact, and only tests of constants are exact.
    plain = all(set(each) == {"const"} for each in expected.get("properties", {}).values())
    if "else" in schema or set(expected) != {"properties"} or not plain:
        raise _UnknownError
    condition, then = _all_of(expected, root), _all_of(schema["then"], root)
    return lambda value: not condition(value) or then(value)


def _ref(expected: str, _: Mapping[str, Any], root: Mapping[str, Any]) -> Test:
    return _all_of(_target(expected, root), root)


def _target(ref: str, root: Mapping[str, Any]) -> Any:  # noqa: ANN401
    name = ref.removeprefix("#/$defs/")
    if name not in root["$defs"]:
        raise _UnknownError
    return root["$defs"][name]


def _near_miss(expected: Any, schema: Mapping[str, Any], _: Mapping[str, Any]) -> Test:  # noqa: ANN401
    known = schema.get("properties", {}).keys()

    @lru_cache(maxsize=4096)
    def is_typo(key: str) -> bool:
        return bool(violations.closest(key, expected, cutoff=TYPO_SIMILARITY))

    return lambda value: (
        not isinstance(value, dict) or not any(is_typo(key) for key in value if key not in known)
    )


_MAKERS: Mapping[str, Callable[..., Test]] = {
    "type": _type,
    "properties": _properties,
    "required": _for(dict, lambda value, names: all(name in value for name in names)),
    "additionalProperties": _additional,
    "items": _items,
    "enum": _enum,
    "const": lambda expected, *rest: _enum([expected], *rest),
    "format": _format,
    "minimum": _for((int, float), lambda value, least: value >= least),
    "maximum": _for((int, float), lambda value, most: value <= most),
    "pattern": _for(str, lambda value, expected: re.search(expected, value) is not None),
    "minLength": _for(str, lambda value, least: len(value) >= least),
    "minItems": _for(list, lambda value, least: len(value) >= least),
    "maxItems": _for(list, lambda value, most: len(value) <= most),
    "allOf": lambda expected, _, root: _both([_all_of(each, root) for each in expected]),
    "oneOf": _one_of,
    "if": _if,
    "$ref": _ref,
    "x-near-miss": _near_miss,
    "x-belongs": _for(dict, lambda value, homes: homes.keys().isdisjoint(value)),
}
"""Maps each schema keyword to the function that creates its test."""
