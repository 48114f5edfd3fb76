"""``PayloadDescription``: checks requests and responses against a Git host's example payloads."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

Json = dict[str, object]


@dataclass(frozen=True)
class Operation:
    """An API operation: query parameters, body fields, and an example response for each status."""

    answers: Mapping[int, object]
    query: Collection[str] = ()
    required: Collection[str] = ()
    optional: Collection[str] = ()
    values: Mapping[str, Collection[str]] = field(default_factory=dict)
    """The permitted values of each body field that allows only certain values."""


@dataclass(frozen=True)
class PayloadDescription:
    """The operations of a Git host's API, keyed by method and path below the base URL."""

    name: str
    operations: Mapping[str, Operation]

    def operation(self, method: str, path: str) -> Operation:
        """Return the API operation for a request; fails if the Git host's API has no such path."""
        for line, found in self.operations.items():
            known, template = line.split(" ")
            parts = (re.escape(each) for each in re.split(r"\{\w+\}", template))
            if method == known and re.fullmatch("[^/]+".join(parts), path):
                return found
        raise AssertionError(f"{self.name} has no {method} {path}")

    def check_request(self, method: str, path: str, query: Mapping, body: object) -> None:
        found = self.operation(method, path)
        assert query.keys() <= set(found.query), f"unknown parameters in {query}"
        known = {*found.required, *found.optional}
        if not known:
            assert body is None
            return
        assert isinstance(body, dict)
        assert body.keys() <= known, f"unknown fields in {body.keys()}"
        assert set(found.required) <= body.keys(), f"missing fields in {body.keys()}"
        for name, value in body.items():
            assert isinstance(value, str), f"{name} is not a text"
            assert value in found.values.get(name, (value,)), f"{name} is {value}"

    def check_answer(self, method: str, path: str, status: int, body: object) -> None:
        """Check that a successful response has the fields and types of the documented example."""
        answers = self.operation(method, path).answers
        assert status in answers, f"{method} {path} never answers {status}"
        _check_shape(body, answers[status], f"{method} {path}")

    def example(self, method: str, path: str, status: int) -> Json:
        """Return a copy of the example response, or of its only entry if it is a list."""
        found = copy.deepcopy(self.operation(method, path).answers[status])
        return found[0] if isinstance(found, list) else found  # type: ignore[return-value]


def _check_shape(found: object, example: object, where: str) -> None:
    if example is None:  # a null in the example does not show the field's type
        return
    assert type(found) is type(example), f"{where} is {found!r}; expected {type(example).__name__}"
    if isinstance(example, dict) and isinstance(found, dict):
        assert found.keys() == example.keys(), f"{where}: {found.keys() ^ example.keys()}"
        for key, each in example.items():
            _check_shape(found[key], each, f"{where}.{key}")
    if isinstance(example, list) and isinstance(found, list) and example:
        for each in found:
            _check_shape(each, example[0], where)
