"""``AlertMatcher``: selects Prometheus alerts, with the syntax of a PromQL selector."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.model.quoting import kind_of

MAX_LENGTH = 1000
"""The maximum number of characters in an alert matcher."""
RESERVED = frozenset({"__name__", "alertstate"})
"""Labels that an alert matcher must not contain, because this program's queries set them."""
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_OPERATION = re.compile(
    r"""\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"""
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)\s*(,|$)"""
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t", "r": "\r"}
_EXAMPLE = 'write NAME or NAME{label="value"}, for example CephHealthError{severity="critical"}'


class AlertMatcherError(ValueError):
    """Raised for an invalid alert matcher; the message says what to write instead."""


class MatchOperator(StrEnum):
    """The operators that compare a label's value; regular expressions match the whole value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCondition:
    """One condition on one label of an alert."""

    label: str
    operator: MatchOperator
    value: str
    """A string, or a regular expression in RE2 syntax, which Prometheus evaluates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMatcher:
    """Conditions on the labels of an alert, which must all be met."""

    conditions: tuple[LabelCondition, ...]
    raw: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> AlertMatcher:
        """Parse a matcher such as ``NAME``, ``NAME{label="value"}`` or ``{label=~"a|b"}``.

        A name before the braces is the value of the label ``alertname``.

        Raises:
            AlertMatcherError: *text* has another form, or selects every alert.

        Source: Prometheus v3 documentation, "Querying basics", instant vector selectors.
        """
        if len(text) > MAX_LENGTH:
            raise AlertMatcherError(
                f"{kind_of(text)} is not an alert matcher; it is longer than {MAX_LENGTH} "
                "characters"
            )
        found, rest = [], text.strip()
        if name := _NAME.match(rest):
            found.append(_condition("alertname", "=", name[0]))
            rest = rest[name.end() :].lstrip()
        if rest or not found:
            if not (rest.startswith("{") and rest.endswith("}")):
                raise AlertMatcherError(f"{kind_of(text)} is not an alert matcher; {_EXAMPLE}")
            found.extend(_conditions(rest[1:-1].rstrip()))
        positive = {MatchOperator.EQUAL, MatchOperator.MATCHES}
        if not any(each.operator in positive and each.value for each in found):
            # Many installations have an alert that always fires, such as Watchdog.
            raise AlertMatcherError(
                f"the alert matcher would select nearly every alert; {_EXAMPLE}"
            )
        return cls(conditions=tuple(found), raw=text)

    def __str__(self) -> str:
        return self.raw


def _conditions(inside: str) -> list[LabelCondition]:
    found, at = list[LabelCondition](), 0
    while at < len(inside):
        match = _OPERATION.match(inside, at)
        if match is None:
            raise AlertMatcherError(
                f"condition {len(found) + 1} in the braces does not have the form "
                'severity="critical"; the operators are =, !=, =~ and !~'
            )
        if match[1] in RESERVED:
            raise AlertMatcherError(
                f"the alert matcher has a condition on {match[1]}, which has no use, because only "
                "firing alerts are compared with the matcher; remove the condition"
            )
        found.append(_condition(match[1], match[2], _unquoted(match[3])))
        at = match.end()
    return found


def _condition(label: str, operator: str, value: str) -> LabelCondition:
    return LabelCondition(label=label, operator=MatchOperator(operator), value=value)


def _unquoted(literal: str) -> str:
    if literal.startswith("`"):
        return literal[1:-1]
    unknown = next((each for each in _ESCAPE.findall(literal[1:-1]) if each not in _ESCAPES), None)
    if unknown is not None:
        raise AlertMatcherError(
            f"the alert matcher contains the escape \\{unknown}; write a backslash as \\\\, or "
            "put the value between backticks"
        )
    return _ESCAPE.sub(lambda found: _ESCAPES[found[1]], literal[1:-1])
