"""Parses label selectors and field selectors.

Source: k8s.io/apimachinery v0.36 pkg/labels/selector.go and pkg/fields/selector.go. The
supported field labels of each kind are from kube-apiserver v1.36 pkg/apis/core/v1/conversion.go.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.simulator.encoding.json_codec import Json

Matcher: TypeAlias = Callable[[dict[str, str]], bool]

_TOKENS: Final = re.compile(r"\s*(==|!=|[=!<>(),]|[^\s=!<>(),]+)")
"""Matches a token of a label selector and the whitespace before the token.

The parser strips trailing whitespace first.
"""
_OPERATOR: Final = re.compile("==|!=|=")
_SYMBOLS: Final = frozenset({"==", "!=", "=", "!", "<", ">", "(", ")", ","})
_NAMES: Final = ("metadata.name", "metadata.namespace")
_EVENT_FIELDS: Final = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_MORE_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase"),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "events": _EVENT_FIELDS,
    "jobs.batch": ("status.successful",),
}


class SelectorError(ValueError):
    """Raised for an invalid label or field selector, with the error message of kube-apiserver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The parsed label selector and field selector of a list or watch request."""

    labels: tuple[Matcher, ...] = ()
    fields: tuple[tuple[str, str, bool], ...] = ()
    """The conditions of the field selector: field path, value, and whether they must be equal."""

    @property
    def everything(self) -> bool:
        """Whether the selectors match every object."""
        return not self.labels and not self.fields

    def matches(self, obj: Json) -> bool:
        """Returns whether an object matches the selectors."""
        labels = obj["metadata"].get("labels") or {}
        return all(matcher(labels) for matcher in self.labels) and all(
            (_read(obj, path) == value) is equal for path, value, equal in self.fields
        )


def parse(storage: str, label_selector: str, field_selector: str) -> Selection:
    """Parses the label selector and the field selector of a request.

    Raises:
        SelectorError: A selector is invalid, or the kind does not support a field of the field
            selector.
    """
    return Selection(
        labels=parse_labels(label_selector), fields=parse_fields(storage, field_selector)
    )


def parse_fields(storage: str, text: str) -> tuple[tuple[str, str, bool], ...]:
    """Parses a field selector such as `metadata.name=a,status.phase!=Running`."""
    terms: list[tuple[str, str, bool]] = []
    for term in filter(None, (part.strip() for part in text.split(","))):
        found = _OPERATOR.search(term)
        path = term[: found.start()].rstrip() if found else ""
        if found is None or not path or "!" in path:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
        path = _field_name(storage, path)
        terms.append((path, term[found.end() :].lstrip(), found[0] != "!="))
    return tuple(terms)


def _field_name(storage: str, path: str) -> str:
    if storage == "events":
        path = path.replace("regarding.", "involvedObject.").replace(
            "reportingController", "reportingComponent"
        )
    if path not in (*_NAMES, *_MORE_FIELDS.get(storage, ())):
        raise SelectorError(f"field label not supported: {path}")
    return path


def parse_labels(text: str) -> tuple[Matcher, ...]:
    """Parses a label selector such as `a=b,c!=d,e in (f,g),h notin (i),j,!k`."""
    return _LabelParser(text).parse()


class _LabelParser:
    """Parses label selectors, with the error messages of kube-apiserver."""

    def __init__(self, text: str) -> None:
        self._tokens = [found.group(1) for found in _TOKENS.finditer(text.rstrip())]
        self._position = 0

    def parse(self) -> tuple[Matcher, ...]:
        matchers: list[Matcher] = []
        while self._peek():
            matchers.append(self._requirement(first=not matchers))
            if self._peek() == ",":
                self._next()
                if not self._peek():
                    raise SelectorError("found '', expected: identifier after ','")
            elif self._peek():
                raise SelectorError(f"found '{self._peek()}', expected: ',' or 'end of string'")
        return tuple(matchers)

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _requirement(self, *, first: bool) -> Matcher:
        if self._peek() == "!":
            self._next()
            key = self._identifier()
            return lambda labels: key not in labels
        if self._peek() in _SYMBOLS:
            tail = "!, identifier, or 'end of string'" if first else "identifier after ','"
            raise SelectorError(f"found '{self._peek()}', expected: {tail}")
        key = self._identifier()
        operator = self._peek()
        if operator in {"", ","}:
            return lambda labels: key in labels
        self._next()
        return self._comparison(key, operator)

    def _comparison(self, key: str, operator: str) -> Matcher:
        match operator:
            case "=" | "==":
                value = self._value()
                return lambda labels: labels.get(key) == value
            case "!=":
                value = self._value()
                return lambda labels: labels.get(key) != value
            case "in":
                values = self._values()
                return lambda labels: labels.get(key) in values
            case "notin":
                values = self._values()
                return lambda labels: labels.get(key) not in values
            case "<" | ">":
                bound = self._number()
                above = operator == ">"
                return lambda labels: _beyond(labels.get(key), bound, above=above)
        expected = "in, notin, =, ==, !=, gt, lt"
        raise SelectorError(
            f"unable to parse requirement: found '{operator}', expected: {expected}"
        )

    def _identifier(self) -> str:
        token = self._next()
        if not token or token in _SYMBOLS:
            raise SelectorError(
                f"unable to parse requirement: found '{token}', expected: identifier"
            )
        return token

    def _value(self) -> str:
        if self._peek() in {"", ","}:
            return ""
        return self._identifier()

    def _number(self) -> int:
        text = self._identifier()
        if not text.lstrip("-").isdigit():
            raise SelectorError(
                "unable to parse requirement: values[0]: Invalid value: "
                f"\"{text}\": for 'Gt', 'Lt' operators, the value must be an integer"
            )
        return int(text)

    def _values(self) -> frozenset[str]:
        if self._next() != "(":
            raise SelectorError("unable to parse requirement: found '', expected: '('")
        values: set[str] = set()
        while True:
            values.add(self._value() if self._peek() != ")" else "")
            match self._next():
                case ")":
                    return frozenset(values)
                case ",":
                    continue
                case other:
                    raise SelectorError(
                        f"unable to parse requirement: found '{other}', expected: ',', or ')'"
                    )


def _beyond(text: str | None, bound: int, *, above: bool) -> bool:
    if text is None or not text.lstrip("-").isdigit():
        return False
    return int(text) > bound if above else int(text) < bound


def _read(obj: Json, path: str) -> str:
    if path == "source":
        path = "source.component"
    value: object = obj
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
