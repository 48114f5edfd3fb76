"""``check``, ``first_violation``: find and explain schema violations in a document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from reconciler.schema import formats, schema_files, violations
from reconciler.schema.fast_check import TYPO_SIMILARITY, fits, predicate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from reconciler.schema.fast_check import Test

ValuePath: TypeAlias = tuple[str | int, ...]
"""The keys and list positions from the root of the checked document to a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One violation of a schema, with its location and a message."""

    path: ValuePath
    """The path of the value, or of the key if a key is unknown or missing."""
    code: str
    """The stable name of the rule, in kebab case."""
    message: str
    """A sentence with the wrong value, without a final full stop."""
    hint: str = ""


def check(
    document: Any,  # noqa: ANN401 - any JSON value
    schema_name: str,
) -> tuple[Violation, ...]:
    """Return each schema violation in a document once, in no particular order.

    Args:
        document: The parsed document: dicts, lists, strings, numbers and booleans.
        schema_name: The name of a schema in ``schemas/``, for example ``manifest``.
    """
    if fits(schema_name)(document):
        return ()
    return _all(_validator(schema_name).iter_errors(document))


def first_violation(
    document: Any,  # noqa: ANN401 - any JSON value
    schema_name: str,
) -> Violation | None:
    """Return one schema violation in a document, or None if the document is valid.

    The search ends at the first violation, so its duration does not grow with the number of
    violations in a file that was made to contain many.
    """
    if fits(schema_name)(document):
        return None
    return next(map(_violation, _validator(schema_name).iter_errors(document)), None)


def _all(errors: Iterable[ValidationError]) -> tuple[Violation, ...]:
    found = dict.fromkeys(map(_violation, errors))
    mistyped = {each.path for each in found if each.code == "wrong-type"}
    # If a value has the wrong type, its other violations are not worth reporting.
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
    code, message, hint = violations.describe(found)
    return Violation(path=path, code=code, message=message, hint=hint)


@cache
def _validator(schema_name: str) -> Draft202012Validator:
    """Create the validator for a schema once and cache it; importing jsonschema takes 0.2 s.

    The validator skips list elements that pass the fast check, as nearly all elements do.
    """
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - slow import
    from jsonschema.validators import extend  # noqa: PLC0415 - slow import

    checker = FormatChecker(formats=())
    for name, function in formats.CHECKS.items():
        checker.checks(name, raises=ValueError)(function)
    root = schema_files.load(schema_name)
    tests: dict[str, Test] = {}

    def items(
        validator: Draft202012Validator,
        schema: Mapping[str, Any],
        instance: object,
        _: Mapping[str, Any],
    ) -> Iterator[ValidationError]:
        text = json.dumps(schema)
        fitting = tests.get(text) or tests.setdefault(text, predicate(schema, root))
        for index, each in enumerate(instance if isinstance(instance, list) else ()):
            if not fitting(each):
                yield from validator.descend(each, schema, path=index)

    keywords = {
        "required": _required,
        "additionalProperties": _additional,
        "items": items,
        "x-near-miss": _near_miss,
        "x-belongs": _belongs,
    }
    # In the stubs of types-jsonschema, extend has no types.
    kind: type[Draft202012Validator] = extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]
    return kind(root, format_checker=checker)


def _required(
    _: Draft202012Validator, required: list[str], instance: object, __: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """Check the schema keyword ``required``; each error has the path of the missing key."""
    if isinstance(instance, dict):
        yield from (_error(name) for name in required if name not in instance)


def _additional(
    validator: Draft202012Validator,
    allowed: Mapping[str, Any] | bool,  # noqa: FBT001 - a schema may be a boolean
    instance: object,
    schema: Mapping[str, Any],
) -> Iterator[ValidationError]:
    """Check the schema keyword ``additionalProperties``, with one error for each unknown key."""
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
    """Check the schema keyword ``x-near-miss``: a key that resembles a known key is a typo."""
    for key in _unknown_keys(instance, schema):
        if violations.closest(key, names, cutoff=TYPO_SIMILARITY):
            yield _error(key)


def _belongs(
    _: Draft202012Validator, homes: Mapping[str, str], instance: object, __: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """Check the schema keyword ``x-belongs``, which lists keys that belong in another mapping."""
    if isinstance(instance, dict):
        yield from (_error(name) for name in instance if name in homes)


def _unknown_keys(instance: object, schema: Mapping[str, Any]) -> list[str]:
    if not isinstance(instance, dict):
        return []
    return [name for name in instance if name not in schema.get("properties", {})]


def _error(name: str) -> ValidationError:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - slow import

    return ValidationError("", path=[name])
