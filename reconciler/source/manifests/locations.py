"""Where the values of one object stand in its file, worked out when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from reconciler.model.references import FieldPath, Location
from reconciler.source.yaml.nodes import Mark

if TYPE_CHECKING:
    from reconciler.source.manifests.manifest_objects import SourceFile


class Places(Mapping[FieldPath, Location]):
    """By path; of 10,000 objects a report shows the places of a few."""

    __slots__ = ("_file", "first", "marks")

    def __init__(
        self, file: SourceFile, marks: Mapping[FieldPath, tuple[int, int] | None], first: int
    ) -> None:
        """Take the places of one object.

        Args:
            file: Where they are.
            marks: Line, which counts from the document's start, and column; None for a value
                that is not there.
            first: How many lines of the file stand before the document.
        """
        self._file = file
        self.marks = marks
        self.first = first

    def __getitem__(self, path: FieldPath) -> Location:
        mark = self.marks[path]
        if mark is None:
            raise KeyError(path)
        return self._file.location(Mark(mark[0] + self.first, mark[1]))

    def __iter__(self) -> Iterator[FieldPath]:
        return (path for path, mark in self.marks.items() if mark is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
