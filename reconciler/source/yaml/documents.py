"""Reads YAML text into documents; what cannot be read becomes a problem with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.source.yaml import fast_documents
from reconciler.source.yaml.composer import Composer
from reconciler.source.yaml.fast_lines import Lines, has_odd_characters
from reconciler.source.yaml.nodes import Mark, Node, Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BROKEN = 10
"""After so many unreadable documents the rest of a text is left unread."""

_DOCUMENT_LINE = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_SYNTAX_HINT = "check the indentation, quotes and brackets here and in the lines before"
_TEMPLATE_HINT = (
    "this looks like a template: render it and pipe it in with -f -, "
    "or leave it out of paths in .reconciler.yaml"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The documents of one text, in order, without empty ones."""

    roots: tuple[Node, ...]
    problems: tuple[Problem, ...] = ()


def parse(text: str) -> Documents:
    r"""Read *text*, whose lines end with ``\n``; one broken document hides no other."""
    return parse_plain(text) or parse_any(text)


def parse_plain(text: str) -> Documents | None:
    """The same of a text of plain lines; None where it is another one."""
    if has_odd_characters(text):
        return None
    lines = Lines()
    found = [fast_documents.read(each, lines) for each in fast_documents.texts(text, lines)]
    read = [each for each in found if each is not None]
    if not found or len(read) < len(found):
        return None
    return Documents(roots=tuple(each.node() for each in read if each.value is not None))


def parse_any(text: str) -> Documents:
    """The same with ruamel alone, which reads everything, and takes its time.

    After a problem, reading goes on at the next line that begins with ``---``, which can stand
    nowhere but between documents.
    """
    roots: list[Node] = []
    problems: dict[Problem, None] = {}
    line = 0
    for _ in range(MAX_BROKEN):
        try:
            for root, found in _documents(text, line):
                problems.update(dict.fromkeys(found))
                if root is not None:
                    roots.append(root)
        except ProblemError as error:
            problems[_explained(error.problem, text)] = None
            offset = _next_document(text, error.problem.mark.line - 1 - line)
            if offset is None:
                break
            text, line = text[offset:], line + text.count("\n", 0, offset)
        else:
            break
    return Documents(roots=tuple(roots), problems=tuple(problems))


def _documents(text: str, line: int) -> Iterator[tuple[Node | None, tuple[Problem, ...]]]:
    """The documents of *text*, whose first line has the number *line*, from 0.

    Raises:
        ProblemError: A document is not YAML; nothing after it is read.
    """
    from ruamel.yaml.error import MarkedYAMLError  # noqa: PLC0415 - slow import
    from ruamel.yaml.reader import ReaderError  # noqa: PLC0415 - slow import

    try:
        yield from _composed(text, line)
    except MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(at.line + line + 1, at.column + 1) if at else Mark(line + 1, 1)
        message = " ".join(str(each) for each in (error.context, error.problem) if each)
        raise ProblemError(
            Problem(mark=mark, code="not-yaml", message=message, hint=_SYNTAX_HINT)
        ) from error
    except ReaderError as error:
        # The reader looks at the whole text first: what precedes the bad character is whole.
        before = [each.start() for each in _DOCUMENT_LINE.finditer(text, 0, error.position)]
        if before and before[-1] > 0:
            yield from _composed(text[: before[-1]], line)
        row = text.count("\n", 0, error.position)
        column = error.position - text.rfind("\n", 0, error.position)
        message = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        mark = Mark(row + line + 1, column)
        raise ProblemError(Problem(mark=mark, code="not-yaml", message=message)) from error


def _composed(text: str, line: int) -> Iterator[tuple[Node | None, tuple[Problem, ...]]]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - slow import
    from ruamel.yaml import events as ev  # noqa: PLC0415 - slow import

    composer = Composer()
    for event in YAML(typ="safe", pure=True).parse(text):
        mark = Mark(event.start_mark.line + line + 1, event.start_mark.column + 1)
        match event:
            case ev.ScalarEvent():
                _scalar(composer, mark, event)
            case ev.MappingStartEvent():
                composer.open(mark, event.anchor, mapping=True)
            case ev.SequenceStartEvent():
                composer.open(mark, event.anchor, mapping=False)
            case ev.MappingEndEvent() | ev.SequenceEndEvent():
                composer.close()
            case ev.AliasEvent():
                composer.alias(mark, event.anchor)
            case ev.DocumentEndEvent():
                empty = composer.root is None or composer.root.value is None
                yield None if empty else composer.root, tuple(composer.problems)
                composer = Composer()
            case _:
                pass


def _scalar(composer: Composer, mark: Mark, event: Any) -> None:  # noqa: ANN401 - ruamel's event
    # The tag "!" says that the scalar is text, as quotes do.
    tag = None if event.tag in {None, "!"} else str(event.tag)
    fast_documents = event.tag is None and bool(event.implicit[0])
    composer.scalar(mark, event.anchor, event.value, plain=fast_documents, tag=tag)


def _next_document(text: str, row: int) -> int | None:
    """Where the next document begins, at line *row* or after it, but not at the very start."""
    starts = (each.start() for each in _DOCUMENT_LINE.finditer(text))
    return next((at for at in starts if at > 0 and text.count("\n", 0, at) >= row), None)


def _explained(problem: Problem, text: str) -> Problem:
    if problem.code != "not-yaml" or "{{" not in text:
        return problem
    return Problem(
        mark=problem.mark, code=problem.code, message=problem.message, hint=_TEMPLATE_HINT
    )
