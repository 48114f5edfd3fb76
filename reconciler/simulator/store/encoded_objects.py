"""EncodedObjects: the encoded objects of one resource, in list order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list, at one revision."""

    revision: int
    bodies: tuple[bytes, ...]
    last: str
    """The path (`namespace/name`) of the last object of the page."""
    remaining: int
    """The number of objects on later pages."""


class EncodedObjects:
    """Encoded objects by path (`namespace/name`), ordered by path."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self._order: list[str] = []

    def put(self, path: str, body: bytes) -> None:
        """Adds or replaces an object."""
        if path not in self.bodies:
            insort(self._order, path)
        self.bodies[path] = body

    def remove(self, path: str) -> None:
        """Removes an object."""
        del self.bodies[path]
        del self._order[bisect_left(self._order, path)]

    def paths(self, namespace: str | None = None) -> list[str]:
        """Returns the paths in list order; with a namespace, only its paths."""
        if namespace is None:
            return self._order[:]
        # "0" is the character after "/".
        start, end = (bisect_left(self._order, namespace + mark) for mark in "/0")
        return self._order[start:end]

    def page(
        self,
        namespace: str | None,
        *,
        after: str,
        limit: int,
        revision: int,
        earlier: Mapping[str, bytes | None],
    ) -> Page:
        """Returns one page of a list.

        Args:
            namespace: Only objects in it; None for all.
            after: The path of the last object of the previous page; empty for the first page.
            limit: The most objects on the page; 0 for all.
            revision: The revision of the page.
            earlier: The objects that changed since `revision`, as they were (None: absent).
        """
        paths, bodies = self.paths(namespace), self.bodies
        if earlier:
            absent = {path for path, body in earlier.items() if body is None}
            paths = sorted({*paths, *earlier} - absent)
            bodies = {**bodies, **{p: body for p, body in earlier.items() if body is not None}}
        start = bisect_right(paths, after) if after else 0
        chosen = paths[start : start + limit] if limit else paths[start:]
        return Page(
            revision=revision,
            bodies=tuple([bodies[path] for path in chosen]),
            last=chosen[-1] if chosen else after,
            remaining=len(paths) - start - len(chosen),
        )
