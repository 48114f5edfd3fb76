"""``Node``: a YAML value as plain JSON, with its location in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Mark(NamedTuple):
    """A position in a text; line and column are counted from 1."""

    line: int
    column: int


class Piece(NamedTuple):
    """A part of a file that is parsed separately, with the location of this part in the file."""

    text: str
    row: int
    """The number of lines in the file before this part."""
    column: int
    """The number of characters before this part in the line where it starts."""

    def moved(self, mark: ParserMark) -> ParserMark:
        """Convert a position in this part to a position in the whole file."""
        column = mark.column if mark.line else mark.column + self.column
        return _Moved(mark.line + self.row, column)


class _Moved(NamedTuple):
    line: int
    column: int


class ParserMark(Protocol):
    """A position in a text; line and column are counted from 0, as in the YAML libraries."""

    @property
    def line(self) -> int:
        """The line number, counted from 0."""
        ...

    @property
    def column(self) -> int:
        """The column number, counted from 0."""
        ...


class Node(NamedTuple):
    """A YAML value, its location, and the nodes for the values in a mapping or list.

    An alias and its anchor share the same Python objects.
    """

    value: Any
    """The value as plain JSON: dict, list, str, int, float, bool or None."""
    start: ParserMark
    children: Mapping[str | int, Node]
    """The child nodes, keyed by mapping key or list index, in file order. A scalar has none."""
    key_start: ParserMark | None = None
    """The position of the value's key in a mapping, or None for the root and for list items."""

    @property
    def mark(self) -> Mark:
        """The start position of the value, counted from 1."""
        return from_parser(self.start)

    def find(self, path: Iterable[str | int]) -> Node | None:
        """Return the node at a field path, or None if the field is missing."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            node = node.children.get(step)
        return node

    def at(self, path: Iterable[str | int]) -> Mark:
        """Return where a field's value starts; for a missing field, its nearest parent's value."""
        node = self
        for step in path:
            child = node.children.get(step)
            if child is None:
                break
            node = child
        return node.mark

    def key_at(self, path: Iterable[str | int]) -> Mark:
        """Return where the key of a field starts or, without a key, where the value starts."""
        node = self.find(path)
        if node is None or node.key_start is None:
            return self.at(path)
        return from_parser(node.key_start)


def as_stored(node: Node) -> Node:
    """Convert an object to the form in which the API server stores it, without null values.

    A null label or annotation becomes an empty string, because the server decodes the metadata
    into Go maps of strings. Any other key whose value is null is removed. (The server removes a
    null if the schema neither allows null nor has a default. For managed fields that allow null,
    null means the same as a missing key.)

    Source: k8s.io/apiextensions-apiserver v0.32 pkg/apiserver/schema/objectmeta/coerce.go
    (GetObjectMeta) and pkg/apiserver/schema/defaulting/prune.go
    (PruneNonNullableNullsWithoutDefaults).
    """
    for path in (("metadata", "labels"), ("metadata", "annotations")):
        texts = node.find(path)
        if texts is not None and isinstance(texts.value, dict):
            for key, each in texts.children.items():
                if each.value is None:
                    node = _replaced(node, (*path, key), each._replace(value=""))
    return _without_nulls(node)


def _replaced(node: Node, path: tuple[str | int, ...], new: Node) -> Node:
    """Return a copy of a node in which the value at a field path is replaced."""
    if not path:
        return new
    child = _replaced(node.children[path[0]], path[1:], new)
    return node._replace(
        value={**node.value, path[0]: child.value},
        children={**node.children, path[0]: child},
    )


def _without_nulls(node: Node) -> Node:
    if not _has_null(node.value):
        return node
    if isinstance(node.value, list):
        children = {index: _without_nulls(each) for index, each in node.children.items()}
        return node._replace(value=[each.value for each in children.values()], children=children)
    children = {
        key: _without_nulls(each) for key, each in node.children.items() if each.value is not None
    }
    value = {key: each.value for key, each in children.items()}
    return node._replace(value=value, children=children)


def _has_null(value: object) -> bool:
    if isinstance(value, dict):
        return any(each is None or _has_null(each) for each in value.values())
    return isinstance(value, list) and any(map(_has_null, value))


def from_parser(mark: ParserMark) -> Mark:
    """Convert a position counted from 0 to a ``Mark``, which is counted from 1."""
    return Mark(mark.line + 1, mark.column + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem in a YAML document, with its position and an explanation."""

    mark: Mark
    code: str
    """The stable identifier of the problem, such as ``duplicate-key``."""
    message: str
    """A clause, without a full stop, that contains the values that cause the problem."""
    context: tuple[str, ...] = ()
    hint: str = ""


class ProblemError(Exception):
    """An exception that carries a ``Problem``; only the package ``source`` handles it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
