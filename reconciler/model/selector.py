"""``Selector``: label selectors with the syntax of ``kubectl -l``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.quoting import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY = rf"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_EQUALITY = re.compile(rf"(?P<key>{_KEY})\s*(?P<operator>!=|==?)\s*(?P<value>{_VALUE})")
_SET = re.compile(rf"(?P<key>{_KEY})\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_PRESENCE = re.compile(rf"(?P<not>!?)\s*(?P<key>{_KEY})")
_MAX_LENGTH = 10_000
"""The maximum number of characters in a label selector."""
_COMMA = re.compile(r",(?![^(]*\))")


class SelectorError(ValueError):
    """Raised for an invalid label selector; the message says which condition is invalid."""


class _Operator(StrEnum):
    IN = "in"
    NOT_IN = "notin"
    """The label's value is not in the list, or the label does not exist, as in Kubernetes."""
    EXISTS = "exists"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One condition on one label of an object."""

    key: str
    operator: _Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object's labels meet the condition."""
        match self.operator:
            case _Operator.IN:
                return labels.get(self.key) in self.values
            case _Operator.NOT_IN:
                return labels.get(self.key) not in self.values
            case _Operator.EXISTS:
                return self.key in labels
            case _Operator.ABSENT:
                return self.key not in labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Label conditions that must all be met; an empty selector matches everything."""

    requirements: tuple[Requirement, ...] = ()
    raw: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Parse a label selector.

        Forms: ``a=b``, ``a!=b``, ``a in (b,c)``, ``a notin (b)``, ``a``, ``!a``.

        Raises:
            SelectorError: A part of *text* has another form.

        Source: apimachinery v0.33 pkg/labels/selector.go (Parse).
        """
        if len(text) > _MAX_LENGTH:
            raise SelectorError(
                f"{kind_of(text)} is not a label selector; it is longer than {_MAX_LENGTH} "
                "characters"
            )
        if not text.strip():
            return cls(raw=text)
        parts = enumerate(_COMMA.split(text), 1)
        found = tuple(_requirement(part.strip(), number) for number, part in parts)
        return cls(requirements=found, raw=text)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an object's labels meet every condition."""
        return all(each.matches(labels) for each in self.requirements)

    def __str__(self) -> str:
        return self.raw


def _requirement(part: str, number: int) -> Requirement:
    """Parse one condition of a label selector."""
    if match := _EQUALITY.fullmatch(part):
        operator = _Operator.NOT_IN if match["operator"] == "!=" else _Operator.IN
        return Requirement(key=match["key"], operator=operator, values=frozenset({match["value"]}))
    if match := _SET.fullmatch(part):
        values = frozenset(value.strip() for value in match["values"].split(","))
        for value in values:
            if re.fullmatch(_VALUE, value) is None:
                raise SelectorError(
                    f"condition {number} of the label selector has {kind_of(value)}, which is not "
                    "a valid label value"
                )
        return Requirement(key=match["key"], operator=_Operator(match["operator"]), values=values)
    if match := _PRESENCE.fullmatch(part):
        operator = _Operator.ABSENT if match["not"] else _Operator.EXISTS
        return Requirement(key=match["key"], operator=operator)
    raise SelectorError(
        f"condition {number} of the label selector is {kind_of(part)}, which is not a label "
        "condition; write a=b, a!=b, a in (b,c), a notin (b,c), a or !a"
    )
