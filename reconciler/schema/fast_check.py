"""Answers only whether a value fits one of our schemas, far faster than saying what is wrong.

Made of the same schema as the check, and never kinder than it: a keyword that is not known here
lets nothing fit, which leaves the value to the check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

from reconciler.schema import formats, schema_files, violations

NEAR = 0.8
"""How alike two keys must be (difflib's ratio) to be taken for one."""

Test: TypeAlias = Callable[[Any], bool]

_SAYS_NOTHING = frozenset(
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
    """A keyword, or a use of one, that this module does not read."""


@cache
def fits(schema_name: str) -> Test:
    """What tells of plain values whether the schema allows them; never so by mistake."""
    root = schema_files.load(schema_name)
    return part(root, root)


def part(schema: object, root: Mapping[str, Any]) -> Test:
    """The same of *schema*, which stands somewhere in the schema *root*."""
    try:
        return _all_of(schema, root)
    except _UnknownError:
        return _nothing


def _nothing(_: object) -> bool:
    return False


def _all_of(schema: object, root: Mapping[str, Any]) -> Test:
    if not isinstance(schema, dict):
        raise _UnknownError
    tests = []
    for keyword, expected in schema.items():
        if keyword in _SAYS_NOTHING or (keyword == "then" and "if" in schema):
            continue
        if keyword not in _MAKERS:
            raise _UnknownError
        tests.append(_MAKERS[keyword](expected, schema, root))
    return _both(tests)


def _both(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def every(value: object) -> bool:
        # A loop, for a generator in `all` takes twice as long, and most of the time goes here.
        for test in tests:  # noqa: SIM110
            if not test(value):
                return False
        return True

    return every


def _type(expected: Any, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:  # noqa: ANN401
    names = [expected] if isinstance(expected, str) else expected
    # By the exact class, as a boolean is no integer.
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


def _required(expected: Any, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:  # noqa: ANN401
    names = frozenset(expected)
    return lambda value: not isinstance(value, dict) or names <= value.keys()


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


def _const(expected: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Test:  # noqa: ANN401
    return _enum([expected], schema, root)


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


def _number(keep: Callable[[Any, Any], bool]) -> Callable[..., Test]:
    return lambda expected, *_: (
        lambda value: not isinstance(value, int | float) or keep(value, expected)
    )


def _pattern(expected: str, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:
    search = re.compile(expected).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _min_length(expected: int, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:
    return lambda value: not isinstance(value, str) or len(value) >= expected


def _min_items(expected: int, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:
    return lambda value: not isinstance(value, list) or len(value) >= expected


def _every(expected: Any, _: Mapping[str, Any], root: Mapping[str, Any]) -> Test:  # noqa: ANN401
    return _both([_all_of(each, root) for each in expected])


def _one_of(expected: Any, _: Mapping[str, Any], root: Mapping[str, Any]) -> Test:  # noqa: ANN401
    # Tests may deny by mistake, so that two alternatives might hold unseen: not null and its like.
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
    # Tests may deny by mistake, and a condition must not: those of constants never do.
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
    def is_slip(key: str) -> bool:
        return bool(violations.close(key, expected, cutoff=NEAR))

    return lambda value: (
        not isinstance(value, dict) or not any(is_slip(key) for key in value if key not in known)
    )


def _belongs(expected: Any, _: Mapping[str, Any], __: Mapping[str, Any]) -> Test:  # noqa: ANN401
    return lambda value: not isinstance(value, dict) or expected.keys().isdisjoint(value)


_MAKERS: Mapping[str, Callable[..., Test]] = {
    "type": _type,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "items": _items,
    "enum": _enum,
    "const": _const,
    "format": _format,
    "minimum": _number(lambda value, least: value >= least),
    "maximum": _number(lambda value, most: value <= most),
    "pattern": _pattern,
    "minLength": _min_length,
    "minItems": _min_items,
    "allOf": _every,
    "oneOf": _one_of,
    "if": _if,
    "$ref": _ref,
    "x-near-miss": _near_miss,
    "x-belongs": _belongs,
}
"""What makes a test of a keyword: from its value, the schema it stands in, and the root."""
