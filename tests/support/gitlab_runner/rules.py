"""Evaluates the ``if`` expression of a rule in a GitLab CI file.

Source: docs.gitlab.com, "Specify when jobs run with rules", CI/CD variable expressions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(
    r"\s*(?:\$(?P<variable>\w+)|\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|/(?P<pattern>[^/]*)/"
    r"|(?P<null>null)|(?P<sign>==|!=|=~|!~|&&|\|\||[()]))"
)


def holds(expression: str, variables: Mapping[str, str]) -> bool:
    """Return whether the rule's *expression* is true for the *variables* of a pipeline."""
    tokens = _tokens(expression)
    value = _either(tokens, variables)
    if tokens:
        raise ValueError(f"unexpected {tokens[0]} in {expression!r}")
    return value


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"unsupported syntax at {text[at:]!r}")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        at = match.end()
    return found


def _either(tokens: list[tuple[str, str]], variables: Mapping[str, str]) -> bool:
    value = _both(tokens, variables)
    while tokens[:1] == [("sign", "||")]:
        tokens.pop(0)
        value = _both(tokens, variables) or value
    return value


def _both(tokens: list[tuple[str, str]], variables: Mapping[str, str]) -> bool:
    value = _compared(tokens, variables)
    while tokens[:1] == [("sign", "&&")]:
        tokens.pop(0)
        value = _compared(tokens, variables) and value
    return value


def _compared(tokens: list[tuple[str, str]], variables: Mapping[str, str]) -> bool:
    if tokens[:1] == [("sign", "(")]:
        tokens.pop(0)
        value = _either(tokens, variables)
        if tokens.pop(0) != ("sign", ")"):
            raise ValueError("a parenthesis is not closed")
        return value
    left = _value(tokens.pop(0), variables)
    if not tokens or tokens[0][1] not in {"==", "!=", "=~", "!~"}:
        return bool(left)
    sign, right = tokens.pop(0)[1], tokens.pop(0)
    if sign in {"=~", "!~"}:
        if right[0] != "pattern":
            raise ValueError(f"{sign} needs a pattern")
        return bool(re.search(right[1], left or "")) == (sign == "=~")
    return (left == _value(right, variables)) == (sign == "==")


def _value(token: tuple[str, str], variables: Mapping[str, str]) -> str | None:
    kind, text = token
    if kind == "variable":
        return variables.get(text)
    if kind in {"double", "single"}:
        return text
    if kind == "null":
        return None
    raise ValueError(f"unexpected {text!r}")
