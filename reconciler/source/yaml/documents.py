"""``parse``: parses the documents in a YAML file, and reports documents that cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from reconciler.source.yaml.composer import Composed, compose
from reconciler.source.yaml.decode_text import MAX_DOCUMENT_BYTES
from reconciler.source.yaml.json_stream import json_pieces
from reconciler.source.yaml.nodes import Mark, Node, Piece, Problem, ProblemError, from_parser
from reconciler.source.yaml.parsers import libyaml
from reconciler.source.yaml.syntax_messages import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.source.yaml.parsers import Parser

MAX_BROKEN = 50
"""The maximum number of unreadable documents in a file; the rest of the file is not read."""

_DOCUMENT_LINE = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_END_LINE = re.compile(r"^\.\.\.(?=\s|$)", re.MULTILINE)
_NOT_ALLOWED = re.compile("[^\t\n\r -~\u0085\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SYNTAX_HINT = "check the indentation, quotes and brackets here and in the lines before"
_TEMPLATE_HINT = (
    "this looks like a template: render it and pipe in the result with -f -, or add the file "
    "to `exclude` in .reconciler.yaml"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A YAML document that cannot be parsed, and the reason."""

    problem: Problem
    text: str
    """The text of the document; after too many unreadable documents, the remaining text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The parsed documents in one YAML file, in order, without empty documents."""

    documents: tuple[Composed, ...]
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def roots(self) -> tuple[Node, ...]:
        """The root nodes of the documents."""
        return tuple(each.root for each in self.documents)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems in the file, in parsed and in unreadable documents."""
        remarks = (problem for each in self.documents for problem in each.remarks)
        return (*remarks, *(each.problem for each in self.unreadable))


def parse(text: str, parser: Parser | None = None) -> Documents:
    r"""Parse the documents in a YAML file whose lines end with ``\n``.

    One broken document does not hide the others: after an error, reading continues at the next
    line that starts with ``---``, because such a line is always between documents.

    Args:
        text: The YAML text, with one or more documents.
        parser: The library that parses the documents; libyaml by default.
    """
    found = tuple(read(text, parser))
    return Documents(
        documents=tuple(each for each in found if isinstance(each, Composed)),
        unreadable=tuple(each for each in found if isinstance(each, Unreadable)),
    )


def read(text: str, parser: Parser | None = None) -> Iterator[Composed | Unreadable]:
    """Yield the documents in a YAML file one at a time.

    A caller that keeps no document needs only the memory for the largest one.
    """
    reported: set[Problem] = set()
    first = 0
    for count in range(1, MAX_BROKEN + 1):
        try:
            yield from _documents(text, parser or libyaml())
        except ProblemError as error:
            problem = error.problem
            if problem.code == "not-yaml" and "{{" in text:
                problem = replace(problem, hint=_TEMPLATE_HINT)
            following = _next_document(text, problem.mark.line - 1, first)
            broken = _document_at(text, problem.mark, following)
            if count == MAX_BROKEN:
                broken, following = text, None
            if problem not in reported:
                reported.add(problem)
                yield Unreadable(problem=problem, text=broken)
            if following is None:
                break
            first = text.count("\n", 0, following)
            text = "\n" * first + text[following:]  # empty lines preserve the line numbers
        else:
            break


def parts(text: str, is_omitted: Callable[[str, int], bool]) -> Iterator[str]:
    """Split a YAML file between documents into parts of at most ``MAX_DOCUMENT_BYTES`` characters.

    Parsing one part at a time needs less memory. In each part, empty lines replace the earlier
    parts and the omitted documents, so that line numbers do not change.

    Args:
        text: Any number of documents; each line that starts with ``---`` separates two documents.
        is_omitted: Returns whether to omit a document; the arguments are the document's text and
            the number of its first line.
    """
    kept: list[str] = []
    start, line, length = 0, 1, 0
    while start <= len(text):
        end = text.find("\n---", start) + 1 or len(text) + 1
        document = text[start:end]
        n_lines = document.count("\n")
        if is_omitted(document, line):
            document = "\n" * n_lines
        else:
            if length and length + len(document) > MAX_DOCUMENT_BYTES:
                yield "".join(kept)
                kept, length = ["\n" * (line - 1)], 0
            length += len(document)
        kept.append(document)
        start, line = end, line + n_lines
    if length:
        yield "".join(kept)


def _documents(text: str, parser: Parser) -> Iterator[Composed]:
    """Yield the documents in a YAML file.

    Raises:
        ProblemError: A document is not valid YAML; the documents after it are not read.
    """
    if bad := _NOT_ALLOWED.search(text):
        # A parser rejects the whole text, but the documents before the character are readable.
        before = [each.start() for each in _DOCUMENT_LINE.finditer(text, 0, bad.start())]
        yield from _composed(text[: before[-1]] if before else "", parser)
        line = text.count("\n", 0, bad.start()) + 1
        mark = Mark(line, bad.start() - text.rfind("\n", 0, bad.start()))
        message = f"the character U+{ord(bad[0]):04X} is not allowed in YAML"
        hint = "save the file as UTF-8" if bad[0] == "\0" else ""
        raise ProblemError(Problem(mark=mark, code="not-yaml", message=message, hint=hint))
    yield from _composed(text, parser)


def _composed(text: str, parser: Parser) -> Iterator[Composed]:
    pieces = json_pieces(text) or _pieces(text)
    events = chain.from_iterable(_events(piece, parser) for piece in pieces)
    yield from compose(events, parser.kinds)


def _events(piece: Piece, parser: Parser) -> Iterator[Any]:
    """Yield the parser events for one part of a file; event positions refer to the whole file."""
    try:
        if not piece.row and not piece.column:
            yield from parser.events(piece.text)
            return
        for event in parser.events(piece.text):
            event.start_mark = piece.moved(event.start_mark)
            yield event
    except parser.error as error:
        raise ProblemError(_syntax_problem(error, piece)) from error


def _pieces(text: str) -> Iterator[Piece]:
    """Split YAML after each end marker ``...``, because libyaml requires ``---`` after that."""
    start = row = 0
    if "..." in text:
        for match in _END_LINE.finditer(text):
            yield Piece(text[start : match.end()], row, 0)
            row += text.count("\n", start, match.end())
            start = match.end()
    yield Piece(text[start:] if start else text, row, 0)


def _syntax_problem(error: Any, piece: Piece) -> Problem:  # noqa: ANN401 - of either library
    at = error.problem_mark or error.context_mark
    message = " ".join(str(each) for each in (error.problem, error.context) if each)
    return Problem(
        mark=from_parser(piece.moved(at)) if at else Mark(1, 1),
        code="not-yaml",
        message=plain(message),
        hint=_SYNTAX_HINT,
    )


def _next_document(text: str, row: int, first: int) -> int | None:
    """Return the position of the next ``---`` line after a given line, or None if none follows."""
    found = _DOCUMENT_LINE.search(text, max(_start(text, row), first + 1))
    return found.start() if found else None


def _document_at(text: str, mark: Mark, following: int | None) -> str:
    """Return the content of the YAML document that contains a given position."""
    start = _start(text, mark.line - 1)
    first = max(text.rfind("\n---", 0, start), 0)
    if following == start and mark.column > 1:
        first, after = start, _DOCUMENT_LINE.search(text, start + 1)
        following = after.start() if after else None
    return text[first:following]


def _start(text: str, row: int) -> int:
    """Return the position of the first character of a line."""
    at = 0
    for _ in range(row):
        at = text.find("\n", at) + 1
    return at
