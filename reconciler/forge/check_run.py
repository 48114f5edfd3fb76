"""``CheckRun``: a result with annotations of lines in Git; only GitHub supports check runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.forge.forge import State


class AnnotationLevel(StrEnum):
    """The severity levels of an annotation."""

    FAILURE = "failure"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A message about a line of a file."""

    path: str
    """The file's path in the repository."""
    line: int
    column: int
    level: AnnotationLevel
    title: str
    message: str
    details: str = ""
    """Preformatted text below the message; empty if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """The content of a GitHub check run."""

    name: str
    state: State
    title: str
    summary: str
    """The result in Markdown, of at most 65,535 characters."""
    key: str
    """Identifies this result, in case the request to create the check run gets no response."""
    link: str = ""
    annotations: tuple[Annotation, ...] = ()
