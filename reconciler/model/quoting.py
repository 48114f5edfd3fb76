"""Formats values for messages: ``quoted`` shows a value, and ``kind_of`` only its type.

A manifest, plan or snapshot can contain a secret in the wrong field, and CI logs show messages.
Therefore, messages never quote a value that could not be parsed as a quantity, time or version.
"""

from __future__ import annotations

import re

MAX_QUOTED = 60
"""The maximum number of characters of a value that a message quotes."""
_API_VERSION = re.compile(r"([a-z0-9.-]{1,63}/)?v[0-9]{1,2}((alpha|beta)[0-9]{1,2})?")
_CONSTANTS = {None: "null", True: "true", False: "false"}
_KINDS = {
    int: "an integer",
    float: "a decimal number",
    dict: "a mapping",
    list: "a list",
    tuple: "a list",
}


def cut(text: str) -> str:
    """Return a short string unchanged; cut a string after 60 characters, and add its length."""
    if len(text) <= MAX_QUOTED:
        return text
    return f"{text[:MAX_QUOTED]}… ({len(text)} characters)"


def quoted(value: object) -> str:
    """Return a value in quotes, cut to 60 characters; for a mapping or list, return its type.

    Use this function for names, kinds and values from a list of choices, and for parsed values.
    """
    if isinstance(value, str):
        shown = repr(value[:MAX_QUOTED])
        return shown if len(value) <= MAX_QUOTED else f"{shown}… ({len(value)} characters)"
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    return cut(repr(value)) if isinstance(value, int | float) else kind_of(value)


def kind_of(value: object) -> str:
    """Return the type of a value and the length of a string, but not the contents."""
    if isinstance(value, str):
        return "an empty string" if not value else f"a string of {_characters(len(value))}"
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    return _KINDS.get(type(value), "this value")


def version(value: object) -> str:
    """Return a value in quotes if it looks like an apiVersion; otherwise, return its type."""
    is_version = isinstance(value, str) and _API_VERSION.fullmatch(value)
    return quoted(value) if is_version else kind_of(value)


def _characters(count: int) -> str:
    return f"{count} character" if count == 1 else f"{count} characters"
