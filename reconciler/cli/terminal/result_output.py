"""``ResultOutput``: prints the result of a command, and writes it to files in other formats."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from reconciler.app import output_files
from reconciler.cli.option_values import OutputFile
from reconciler.cli.options import LogOptions
from reconciler.cli.terminal import screen
from reconciler.errors import UsageError
from reconciler.model.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from reconciler.report.code_review.review import Review

log = logging.getLogger(__name__)

FLAG = "--output-file"
_REVIEWS = frozenset({"sarif", "github", "gitlab"})
_JSON = frozenset({"json", "sarif", "gitlab"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOutput:
    """Writes one result in the format of ``-o`` and in the formats of ``--output-file``."""

    shown: str
    """The output format for stdout."""
    files: tuple[OutputFile, ...] = ()
    log: LogOptions = field(default_factory=LogOptions)

    def reserve(self, out: Path | None = None) -> None:
        """Check that each output file can be written, and remove output files of an earlier run.

        Raises:
            UsageError: A file cannot be written, or two paths, including *out*, are the same file.
        """
        paths = [each.path for each in self.files] + ([out] if out else [])
        if len({each.resolve() for each in paths}) < len(paths):
            raise UsageError(
                f"{FLAG}: two outputs name the same file", hint="use one file for each output"
            )
        for each in self.files:
            output_files.reserve(each.path, FLAG)

    def show(self, render: Callable[[str, TextIO | None], Iterable[str]]) -> None:
        """Write the output files, and print the result on stdout.

        *render* returns the result in a format, for a stream or for a file.
        """
        try:
            for each in self.files:
                output_files.write(each.path, render(each.format, None), FLAG)
        finally:
            self._print(render(self.shown, sys.stdout))

    def show_review(self, review: Review, docs_url: str) -> None:
        """Write code review annotations to the outputs whose format is for code reviews."""
        for each in self.files:
            if each.format in _REVIEWS:
                output_files.write(each.path, review_pieces(review, each.format, docs_url), FLAG)
        if self.shown in _REVIEWS:
            self._print(review_pieces(review, self.shown, docs_url))

    def _print(self, pieces: Iterable[str]) -> None:
        if self.shown in _JSON:
            screen.document(pieces, self.log.log_format)
        else:
            screen.stream(pieces)


def review_pieces(review: Review, output: str, docs_url: str = "") -> Iterable[str]:
    """Render code review annotations in one of the formats that code review tools read."""
    match output:
        case "sarif":
            from reconciler import __version__
            from reconciler.report.code_review.sarif import sarif

            return sarif(review, __version__, docs_url=docs_url)
        case "gitlab":
            from reconciler.report.code_review.gitlab_code_quality import gitlab_code_quality

            if review.without_line:
                words = (
                    "the GitLab report omits %s that have no line in Git; use -o text to show them"
                )
                log.warning(words, plural(review.without_line, "finding"))
            return gitlab_code_quality(review)
        case _:
            from reconciler.report.code_review.github_commands import github_commands

            return github_commands(review)
