"""Checks a plain value against one of our schemas and says in plain words what is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from reconciler.schema import formats, schema_files, violations
from reconciler.schema.fast_check import NEAR, fits, part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from reconciler.schema.fast_check import Test

ValuePath: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the root; indexes into the checked value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that is wrong."""

    path: ValuePath
    """Ends with the key itself where a key is unknown or missing."""
    code: str
    """Stable kebab-case name of the rule."""
    message: str
    """A sentence with the values; no final full stop."""
    hint: str = ""


def check(
    document: Any,  # noqa: ANN401 - any JSON value
    schema_name: str,
) -> tuple[Violation, ...]:
    """Everything in *document* that the schema does not allow, each once, in no special order.

    Args:
        document: Plain values or a ruamel tree; numbers and texts are never converted.
        schema_name: For example ``manifest``; see ``schemas/``.
    """
    if fits(schema_name)(document):
        return ()
    return _all(_brief_validator(schema_name).iter_errors(document))


def explain(
    document: Any,  # noqa: ANN401 - any JSON value
    schema_name: str,
) -> tuple[Violation, ...]:
    """As ``check``, but without asking first, far faster, whether there is anything to say."""
    return _all(_validator(schema_name).iter_errors(document))


def _all(errors: Iterable[ValidationError]) -> tuple[Violation, ...]:
    found = dict.fromkeys(map(_violation, errors))
    mistyped = {each.path for each in found if each.code == "wrong-type"}
    # What else a value of the wrong type breaks says nothing more.
    return tuple(e for e in found if e.code == "wrong-type" or e.path not in mistyped)


def _violation(error: ValidationError) -> Violation:
    path = tuple(error.absolute_path)
    found = violations.Finding(
        keyword=str(error.validator),
        expected=error.validator_value,
        value=error.instance,
        schema=error.schema if isinstance(error.schema, dict) else {},
        path=path,
        cause=str(error.cause or ""),
    )
    code, message, hint = violations.word(found)
    return Violation(path=path, code=code, message=message, hint=hint)


@cache
def _validator(schema_name: str) -> Draft202012Validator:
    """Made once a schema: jsonschema takes 0.2 s to import and some to compile."""
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - slow import
    from jsonschema.validators import extend  # noqa: PLC0415 - slow import

    checker = FormatChecker(formats=())
    for name, function in formats.CHECKS.items():
        checker.checks(name, raises=ValueError)(function)
    keywords = {
        "required": _required,
        "additionalProperties": _additional,
        "x-near-miss": _near_miss,
        "x-belongs": _belongs,
    }
    # The stubs of types-jsonschema leave extend untyped.
    kind: type[Draft202012Validator] = extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]
    return kind(schema_files.load(schema_name), format_checker=checker)


@cache
def _brief_validator(schema_name: str) -> Draft202012Validator:
    """The same, but it passes over the elements of a list that fit: of 10,000, all but a few."""
    from jsonschema.validators import extend  # noqa: PLC0415 - slow import

    whole, root = _validator(schema_name), schema_files.load(schema_name)
    tests: dict[str, Test] = {}

    def items(
        validator: Draft202012Validator,
        schema: Mapping[str, Any],
        instance: object,
        _: Mapping[str, Any],
    ) -> Iterator[ValidationError]:
        text = json.dumps(schema)
        fitting = tests.get(text) or tests.setdefault(text, part(schema, root))
        for place, each in enumerate(instance if isinstance(instance, list) else ()):
            if not fitting(each):
                yield from validator.descend(each, schema, path=place)

    kind: type[Draft202012Validator] = extend(type(whole), {"items": items})  # type: ignore[no-untyped-call]
    return kind(root, format_checker=whole.format_checker)


def _required(
    _: Draft202012Validator, required: list[str], instance: object, __: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """As jsonschema's own, but with the missing key as the end of the path."""
    if isinstance(instance, dict):
        yield from (_error(name) for name in required if name not in instance)


def _additional(
    validator: Draft202012Validator,
    allowed: Mapping[str, Any] | bool,  # noqa: FBT001 - a schema may be a boolean
    instance: object,
    schema: Mapping[str, Any],
) -> Iterator[ValidationError]:
    """As jsonschema's own, but one error an unknown key, with the key as the end of the path."""
    for name in _unknown_keys(instance, schema):
        if allowed is False:
            yield _error(name)
        else:
            yield from validator.descend(
                cast("dict[str, Any]", instance)[name], allowed, path=name
            )


def _near_miss(
    _: Draft202012Validator, names: list[str], instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """Our keyword for an open mapping: a key that looks like one of *names* is a slip."""
    for key in _unknown_keys(instance, schema):
        if violations.close(key, names, cutoff=NEAR):
            yield _error(key)


def _belongs(
    _: Draft202012Validator, places: Mapping[str, str], instance: object, __: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """Our keyword for an open mapping: keys that are ours, but belong elsewhere."""
    if isinstance(instance, dict):
        yield from (_error(name) for name in instance if name in places)


def _unknown_keys(instance: object, schema: Mapping[str, Any]) -> list[str]:
    if not isinstance(instance, dict):
        return []
    return [name for name in instance if name not in schema.get("properties", {})]


def _error(name: str) -> ValidationError:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - slow import

    return ValidationError("", path=[name])
