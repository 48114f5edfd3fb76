"""Evaluates the subset of GitHub Actions expressions that the files of this repository use.

Syntax outside this subset is an error. Source: GitHub's documentation, "Evaluate expressions in
workflows and actions", and actions/runner src/Sdk/DTExpressions2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)(?![\w-])"
    r"|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>==|!=|&&|\|\||[!().,\[\]]))"
)
_TEMPLATE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_CONSTANTS = {"true": True, "false": False, "null": None}
STATUS_FUNCTIONS = re.compile(r"\b(always|success|failure|cancelled)\(")
"""Matches the status functions that replace the implied ``success()`` of an ``if`` condition."""


class ExpressionError(Exception):
    """A GitHub Actions expression is malformed, or this test runner does not support it."""


def evaluated(
    text: str, contexts: Mapping[str, object], functions: Mapping[str, Callable[..., object]]
) -> object:
    """Return the value of the GitHub Actions expression *text*, without ``${{`` and ``}}``."""
    parser = _Parser(_tokens(text), contexts, functions)
    value = parser.either()
    if parser.tokens:
        raise ExpressionError(f"unexpected {parser.tokens[0][1]!r} in {text!r}")
    return value


def interpolated(
    text: str, contexts: Mapping[str, object], functions: Mapping[str, Callable[..., object]]
) -> str:
    """Return *text* with each ``${{ expression }}`` replaced by its value."""
    if text.count("${{") != len(_TEMPLATE.findall(text)):
        raise ExpressionError(f"an expression is not closed in {text!r}")
    return _TEMPLATE.sub(lambda match: as_text(evaluated(match[1], contexts, functions)), text)


def as_text(value: object) -> str:
    """Convert *value* to the string that GitHub Actions inserts into a template."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case _:
            raise ExpressionError(f"{value!r} cannot be inserted into a text")


def truthy(value: object) -> bool:
    """Return whether GitHub Actions treats *value* as true in an ``if`` condition."""
    return value not in (None, False, 0, "")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"unsupported syntax at {text[at:]!r}")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found


@dataclass
class _Parser:
    tokens: list[tuple[str, str]]
    contexts: Mapping[str, object]
    functions: Mapping[str, Callable[..., object]]

    def accept(self, *signs: str) -> str:
        if self.tokens and self.tokens[0][0] == "sign" and self.tokens[0][1] in signs:
            return self.tokens.pop(0)[1]
        return ""

    def require(self, sign: str) -> None:
        if not self.accept(sign):
            raise ExpressionError(f"expected {sign!r} before {self.tokens[:1]}")

    def either(self) -> object:
        value = self.both()
        while self.accept("||"):
            other = self.both()
            value = value if truthy(value) else other
        return value

    def both(self) -> object:
        value = self.compared()
        while self.accept("&&"):
            other = self.compared()
            value = other if truthy(value) else value
        return value

    def compared(self) -> object:
        value = self.negated()
        while sign := self.accept("==", "!="):
            other = self.negated()
            value = _equal(value, other) is (sign == "==")
        return value

    def negated(self) -> object:
        return not truthy(self.negated()) if self.accept("!") else self.accessed()

    def accessed(self) -> object:
        if self.accept("("):
            value = self.either()
            self.require(")")
            return value
        if not self.tokens:
            raise ExpressionError("the expression ends too early")
        kind, text = self.tokens.pop(0)
        match kind:
            case "text":
                return text[1:-1].replace("''", "'")
            case "number":
                return float(text) if "." in text else int(text)
            case "name" if self.accept("("):
                return self.called(text)
            case "name":
                return _CONSTANTS[text] if text in _CONSTANTS else self.property_of(text)
            case _:
                raise ExpressionError(f"unexpected {text!r}")

    def called(self, name: str) -> object:
        if name not in self.functions:
            raise ExpressionError(f"unsupported function {name}()")
        arguments = []
        while not self.accept(")"):
            arguments.append(self.either())
            if not self.accept(","):
                self.require(")")
                break
        return self.functions[name](*arguments)

    def property_of(self, name: str) -> object:
        if name not in self.contexts:
            raise ExpressionError(f"unknown context {name}")
        value = self.contexts[name]
        while self.accept("."):
            if not self.tokens or self.tokens[0][0] != "name":
                raise ExpressionError(f"unsupported property after {name}")
            key = self.tokens.pop(0)[1]
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def _equal(left: object, right: object) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if type(left) is type(right):
        return left == right
    return _as_number(left) == _as_number(right)


def _as_number(value: object) -> float:
    """Convert *value* to a number, as GitHub Actions does to compare values of different types."""
    match value:
        case None | "":
            return 0
        case bool() | int() | float():
            return float(value)
        case str() if re.fullmatch(r"-?\d+(\.\d+)?", value):
            return float(value)
        case _:
            return float("nan")
