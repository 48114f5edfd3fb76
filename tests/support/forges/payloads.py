"""``PayloadDescription``: checks requests and answers against example payloads of a forge."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

Json = dict[str, object]


@dataclass(frozen=True)
class Operation:
    """The parameters of a request, the fields of its body, and an example of each answer."""

    answers: Mapping[int, object]
    query: Collection[str] = ()
    required: Collection[str] = ()
    optional: Collection[str] = ()
    values: Mapping[str, Collection[str]] = field(default_factory=dict)
    """The permitted values of a field."""


@dataclass(frozen=True)
class PayloadDescription:
    """The operations of a forge's API, by method and path below its base address."""

    name: str
    operations: Mapping[str, Operation]

    def operation(self, method: str, path: str) -> Operation:
        """Return the operation for a request; fails if the forge has no such path."""
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
        """Check a successful answer: it has the fields of the example, with the same types."""
        answers = self.operation(method, path).answers
        assert status in answers, f"{method} {path} never answers {status}"
        _check_shape(body, answers[status], f"{method} {path}")

    def example(self, method: str, path: str, status: int) -> Json:
        """Return a copy of the example answer; for a list, a copy of its only entry."""
        found = copy.deepcopy(self.operation(method, path).answers[status])
        return found[0] if isinstance(found, list) else found  # type: ignore[return-value]


def _check_shape(found: object, example: object, where: str) -> None:
    if example is None:  # the example does not show the type of the field
        return
    assert type(found) is type(example), f"{where} is {found!r}; expected {type(example).__name__}"
    if isinstance(example, dict) and isinstance(found, dict):
        assert found.keys() == example.keys(), f"{where}: {found.keys() ^ example.keys()}"
        for key, each in example.items():
            _check_shape(found[key], each, f"{where}.{key}")
    if isinstance(example, list) and isinstance(found, list) and example:
        for each in found:
            _check_shape(each, example[0], where)
