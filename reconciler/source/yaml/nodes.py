"""A YAML document as plain JSON values and the place of each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Mark(NamedTuple):
    """A place in a text; line and column count from 1."""

    line: int
    column: int


class Node(NamedTuple):
    """One value with its place, and the same for everything in it.

    A tree shares what an alias repeats, in ``value`` and in ``children`` alike.
    """

    value: Any
    """Plain JSON: dict, list, str, int, float, bool or None."""
    mark: Mark
    children: Mapping[str | int, Node]
    """By key or list position; empty for a scalar."""
    keys: Mapping[str, Mark]
    """Where each key of a mapping stands."""
    size: int = 1
    """How many values the tree has when every alias is written out."""

    def find(self, path: Iterable[str | int]) -> Node | None:
        """The node at *path*."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            node = node.children.get(step)
        return node

    def at(self, path: Iterable[str | int]) -> Mark:
        """Where the value at *path* stands, or the nearest value above it."""
        node = self
        for step in path:
            child = node.children.get(step)
            if child is None:
                break
            node = child
        return node.mark

    def key_at(self, path: tuple[str | int, ...]) -> Mark:
        """Where the last key of *path* stands; what ``at`` says where there is no such key."""
        parent = self.find(path[:-1])
        last = path[-1] if path else None
        if parent is not None and isinstance(last, str) and last in parent.keys:
            return parent.keys[last]
        return self.at(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a document cannot be read."""

    mark: Mark
    code: str
    """Stable kebab-case name of the rule."""
    message: str
    """A sentence with the values; no final full stop."""
    context: tuple[str, ...] = ()
    hint: str = ""


class ProblemError(Exception):
    """Carries a problem out of the depths of a document; never leaves ``source``."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
