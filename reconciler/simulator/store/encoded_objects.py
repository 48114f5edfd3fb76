"""EncodedObjects: stores the encoded objects of one API resource in list order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a list of encoded objects at one resourceVersion."""

    revision: int
    bodies: tuple[bytes, ...]
    last: str
    """The path (`namespace/name`) of the last object on the page."""
    remaining: int
    """The number of objects on later pages."""


class EncodedObjects:
    """The encoded objects of one API resource, sorted by path (`namespace/name`)."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self._order: list[str] = []

    def put(self, path: str, body: bytes) -> None:
        """Stores an encoded object at a path, in place of an earlier object at this path."""
        if path not in self.bodies:
            insort(self._order, path)
        self.bodies[path] = body

    def remove(self, path: str) -> None:
        """Removes an encoded object by its path."""
        del self.bodies[path]
        del self._order[bisect_left(self._order, path)]

    def paths(self, namespace: str | None = None) -> list[str]:
        """Returns the object paths in one namespace, or in all namespaces, in list order."""
        if namespace is None:
            return self._order[:]
        # "0" follows "/" in ASCII, so this range contains all paths of the namespace.
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
        """Returns one page of a list of encoded objects.

        Args:
            namespace: The namespace to list, or None for all namespaces.
            after: The path of the previous page's last object, or an empty string for the first
                page.
            limit: The maximum number of objects on the page, or 0 for all objects.
            revision: The resourceVersion at which the page is read.
            earlier: The former state of each object that changed after `revision`; None if the
                object did not exist.
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
