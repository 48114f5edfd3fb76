"""``CheckRun``: the content of a GitHub check run, with annotations on lines of files in Git."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.forge.forge import State


class AnnotationLevel(StrEnum):
    """The severity levels that GitHub defines for an annotation of a check run."""

    FAILURE = "failure"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A message about one line of a file, which GitHub shows in the pull request."""

    path: str
    """The path of the annotated file, relative to the root of the repository."""
    line: int
    column: int
    level: AnnotationLevel
    title: str
    message: str
    details: str = ""
    """Preformatted text that GitHub shows below the message, or an empty string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRun:
    """The content of a GitHub check run."""

    name: str
    state: State
    title: str
    summary: str
    """The summary of the check run in Markdown, with at most 65,535 characters."""
    key: str
    """The external ID, by which a retry finds this check run if GitHub's response was lost."""
    link: str = ""
    annotations: tuple[Annotation, ...] = ()
