"""``describe``: returns the message and the hint for a violation of a schema."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.model.quoting import cut, kind_of, quoted, version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_TYPE_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_FORMAT_CODES = {
    "quantity": "bad-quantity",
    "memory": "bad-quantity",
    "duration": "bad-duration",
    "timeout": "bad-duration",
    "selector": "bad-selector",
    "alert-matcher": "bad-alert-matcher",
    "dns-label": "bad-name",
    "dns-subdomain": "bad-name",
    "relative-path": "bad-path",
    "label-key": "bad-label",
    "cron": "bad-cron",
    "time-zone": "bad-time-zone",
    "date-time": "bad-time",
}
_TIMES = frozenset({"duration", "timeout"})
SIMILAR_FIELD = "similar-field"
"""The code for an unknown key that resembles a known key in the same mapping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A violation of one schema keyword, reported by jsonschema."""

    keyword: str
    expected: Any
    """The value of the keyword in the schema."""
    value: object
    schema: Mapping[str, Any]
    path: tuple[str | int, ...]
    """The path of the wrong value, or of the unknown or missing key."""
    cause: str = ""
    """The message of a failed format check; a hint can follow after ``; ``."""


def describe(found: Finding) -> tuple[str, str, str]:
    """Return the code, the message and the hint for a schema violation."""
    where = dotted(found.path) or "the document"
    writer = _WRITERS.get(found.keyword)
    if writer is None:
        message = (
            f"{where} is {kind_of(found.value)}, which does not conform to the schema: "
            f"{found.keyword} {found.expected}"
        )
        return "bad-value", message, ""
    return writer(found, where)


def _unknown(found: Finding, where: str) -> tuple[str, str, str]:
    name, known = found.path[-1], tuple(found.schema.get("properties", ()))
    guess = f"{did_you_mean(str(name), known)} allowed: {', '.join(sorted(known))}".lstrip()
    hint = found.schema.get("x-hints", {}).get(name, guess)
    return "unknown-field", f"{where} is not a known field", hint


def _typo(found: Finding, where: str) -> tuple[str, str, str]:
    right = closest(str(found.path[-1]), found.expected)
    if isinstance(found.value, dict) and right in found.value:
        hint = f"remove {where} if it is a misspelling of {right}"
        return (
            SIMILAR_FIELD,
            f"{where} is not a known field, but resembles {right}, which is also set",
            hint,
        )
    return "unknown-field", f"{where} is not a known field", f"did you mean {right}?"


def _misplaced(found: Finding, where: str) -> tuple[str, str, str]:
    right = found.expected[found.path[-1]]
    return "unknown-field", f"{where} is not a known field", f"move the field to {right}"


def _type(found: Finding, where: str) -> tuple[str, str, str]:
    types = [found.expected] if isinstance(found.expected, str) else list(found.expected)
    wanted = " or ".join(_TYPE_WORDS[name] for name in types if name != "null")
    message = f"{where} is {_described(found.value)}; expected {wanted}"
    if found.schema.get("format") in _TIMES and isinstance(found.value, int):
        return "wrong-type", message, "add a unit, such as 90s, 10m or 1h30m"
    return "wrong-type", message, _type_hint(found.value, types)


def _choice(found: Finding, where: str) -> tuple[str, str, str]:
    choices = found.expected if isinstance(found.expected, list) else [found.expected]
    expected = " or ".join(map(str, choices))
    shown = version if found.path[-1:] == ("apiVersion",) else quoted
    message = f"{where} is {shown(found.value)}; expected {expected}"
    return "bad-value", message, did_you_mean(str(found.value), map(str, choices))


def _format(found: Finding, where: str) -> tuple[str, str, str]:
    message, _, hint = found.cause.partition("; ")
    return _FORMAT_CODES[found.expected], f"{where}: {message}", hint


def _bound(found: Finding, where: str) -> tuple[str, str, str]:
    bound = "at least" if found.keyword == "minimum" else "at most"
    message = f"{where} is {quoted(found.value)}; expected {bound} {found.expected}"
    return "bad-value", message, str(found.schema.get("x-hint", ""))


_WRITERS: Mapping[str, Callable[[Finding, str], tuple[str, str, str]]] = {
    "additionalProperties": _unknown,
    "x-near-miss": _typo,
    "x-belongs": _misplaced,
    "required": lambda _, where: ("missing-field", f"{where} is missing", ""),
    "type": _type,
    "enum": _choice,
    "const": _choice,
    "format": _format,
    "minimum": _bound,
    "maximum": _bound,
    "minLength": lambda _, where: ("bad-value", f"{where} is empty", ""),
    "minItems": lambda _, where: ("bad-value", f"{where} is empty", ""),
    "maxItems": lambda found, where: (
        "bad-value",
        f"{where} has too many entries; expected at most {found.expected}",
        "",
    ),
}


def dotted(path: Iterable[str | int]) -> str:
    """Format a path in dotted notation, such as ``items[2].spec.paths[0]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{cut(step)}"
    return text.removeprefix(".")


def _described(value: object) -> str:
    """Describe a value by its type; quote only booleans, because other values might be secrets."""
    return f"{kind_of(value)} (a boolean)" if isinstance(value, bool) else kind_of(value)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean X?`` if a known name is similar, or an empty string."""
    found = closest(name, known)
    return f"did you mean {found}?" if found else ""


def closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the known name most similar to a name, or an empty string if none is similar.

    Args:
        name: The name that the user wrote.
        known: The possible names.
        cutoff: The minimum similarity, from 0 to 1, as ``difflib`` measures it.
    """
    by_lower = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else ""


def _type_hint(value: object, types: Sequence[str]) -> str:
    if value is None:
        return "set a value, or remove the key"
    if isinstance(value, str):
        return "remove the quotes" if _would_fit(value, types) else ""
    if isinstance(value, float) and "integer" in types and "string" in types:
        return "write a size such as 1536Mi, or a whole number of bytes"
    if "string" in types and isinstance(value, bool | int | float):
        return "put the value in quotes"
    return ""


def _would_fit(text: str, types: Sequence[str]) -> bool:
    """Return whether a quoted value would have an expected type without its quotes."""
    is_number = text.isascii() and text.isdigit()
    is_boolean = text in {"true", "false"}
    return (is_number and "integer" in types) or (is_boolean and "boolean" in types)
