"""Escapes untrusted strings, with one function per kind of output.

Names, paths, branches, annotations and messages come from Git, from the API server and from the
environment. All output code escapes these strings with ``printable``, ``json_text``,
``html_text`` or a Markdown function, so that they cannot control a terminal, a log or a comment.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MAX_TEXT = 10_000
"""The maximum number of characters in one string on a terminal, in a log or in an Event."""
_MAX_MARKS = 4
"""The maximum number of combining characters on one character; common languages need fewer."""
_UNUSUAL = re.compile(r"[^\x20-\x7e]+")
_UNUSUAL_IN_LINE = re.compile(r"[^\n\x20-\x7e]+")
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""Matches characters that are invisible although Unicode classifies them as letters or marks.

Source: Unicode 15.1 DerivedCoreProperties.txt (Default_Ignorable_Code_Point), and U+2800.
"""
_ANYWHERE = r"#(?=#\w*\[)"
_COMMAND_ANYWHERE = re.compile(_ANYWHERE)
"""Matches the first character of a CI system command, such as ``##[error]`` or ``##vso[``.

Source: actions/runner src/Runner.Common/ActionCommand.cs (TryParse).
"""
_COMMAND = re.compile(
    # Not in an IPv6 address, such as fd00::a:1.
    rf"{_ANYWHERE}|:(?=:(?![0-9a-f]{{1,4}}(?![\w-]))[a-z_])",
    re.IGNORECASE,
)
"""Matches the first character of a CI system command, and of ``::name`` at the start of a line.

Source: actions/runner src/Runner.Common/ActionCommand.cs (TryParseV2).
"""

_BREAK = "&#8203;"
"""A zero-width space.

GitHub looks for mentions, issue numbers and emoji after it decodes HTML entities. An entity
therefore does not prevent a mention, but a zero-width space does.
"""
_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~&@$]")
_MENTION = re.compile(r"@(?=\S)")
_REFERENCE = re.compile(r"[#!%&~$](?=[\w\"])|\bGH-(?=\d)", re.IGNORECASE)
"""Matches the start of a reference to an issue, such as ``#1``, and GitLab's ``!1`` and ``%1``."""
_LINK = re.compile(r":(?=//)|\bwww(?=\.)", re.IGNORECASE)
_EMOJI = re.compile(r":(?=[\w+-]+:)")
_COMMIT = re.compile(r"(?=[0-9]{0,39}[a-f])[0-9a-f]{6}(?=[0-9a-f])", re.IGNORECASE)
"""Matches six digits of a commit hash, because GitHub creates links for 7 to 40 digits."""
_OPENING = re.compile(r"\d+[.)]|[-+=/]")
"""Matches the start of a list, of a heading's underline, or of a command such as ``/close``."""
_UNSAFE_IN_BLOCK = re.compile(r"[<>@]")
_SARIF_MARKUP = re.compile(r"\](?=\()|\{(?=\d+\})")
"""Matches the parts of links and placeholders, such as ``](`` and ``{``, that SARIF must escape.

Source: SARIF 2.1.0, sections 3.11.5 (placeholders) and 3.11.6 (embedded links).
"""
_IN_MESSAGE, _IN_PROPERTY = "%\r\n", "%\r\n:,"
"""The characters to encode in the message and in a property of a GitHub workflow command."""
_URI_PATH = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def printable(text: str, limit: int = MAX_TEXT) -> str:
    r"""Escape a string to one line for a terminal, a log or an Event.

    Control, bidirectional and invisible characters become escapes such as ``\x1b``, and a newline
    becomes a space. CI system commands are escaped, so that the CI system ignores them. The middle
    of a string with more than *limit* characters is left out.
    """
    if len(text) > limit:
        text = f"{text[: limit // 2]}…{text[-(limit // 2) :]}"
    if not (text.isascii() and text.isprintable()):
        text = _UNUSUAL.sub(lambda found: _visible(found[0], _escape), text)
    if "::" in text or "##" in text:
        text = _COMMAND.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return text


def printable_lines(text: str) -> str:
    """Escape each line of a string with ``printable``, and keep the line breaks."""
    return "\n".join(map(printable, text.split("\n")))


def printable_traceback(parts: Iterable[str]) -> str:
    """Escape a traceback; only the stack frames keep their line breaks."""
    return "\n".join(
        printable_lines(each.rstrip("\n")) if each.startswith(" ") else printable(each.strip())
        for each in parts
    )


def json_text(document: str) -> str:
    r"""Escape a JSON document, so that it cannot control a terminal or a CI system.

    The characters that ``printable`` escapes become JSON escapes such as ``\u001b``, except the
    newlines between values.
    """
    if not document.isascii() or "\x7f" in document:
        document = _UNUSUAL_IN_LINE.sub(lambda found: _visible(found[0], _json_escape), document)
    if "##" in document:
        document = _COMMAND_ANYWHERE.sub(lambda found: _json_escape(found[0]), document)
    return document


def html_text(text: str, limit: int = MAX_TEXT) -> str:
    """Escape a string for HTML: for an element's content, or for a quoted attribute value.

    The characters that ``printable`` escapes are escaped here as well.
    """
    return html.escape(printable(text, limit))


def markdown_inline(text: str, limit: int = 100) -> str:
    """Shorten and escape a string for use within a line of Markdown.

    The result has no markup, HTML, links, mentions, references or emoji.
    """
    return _escaped(text, limit, _MENTION, _REFERENCE, _LINK, _EMOJI, _COMMIT)


def markdown_code(text: str, limit: int = 100) -> str:
    """Convert a string to a ``<code>`` element for Markdown that users can copy literally.

    GitHub creates no links and no emoji in ``<code>``, but it does create mentions.
    """
    return f"<code>{_escaped(text, limit, _MENTION)}</code>"


def markdown_paragraph(text: str, limit: int) -> str:
    """Escape a string for the start of a Markdown line, where ``1.`` or ``-`` starts a list."""
    line = markdown_inline(text, limit)
    return f"{_BREAK}{line}" if _OPENING.match(line) else line


def markdown_json_block(lines: Iterable[str]) -> Iterator[str]:
    """Yield the Markdown lines of a code block that contains lines of JSON.

    The fence has more backticks than any sequence of them in *lines*. Tags and mentions are
    escaped, too.
    """
    safe = [_UNSAFE_IN_BLOCK.sub(lambda found: _json_escape(found[0]), each) for each in lines]
    runs = (len(run) for each in safe for run in re.findall("`+", each))
    fence = "`" * max(3, 1 + max(runs, default=0))
    yield from (f"{fence}json", *safe, fence)


def workflow_command(name: str, properties: Mapping[str, str], message: str) -> str:
    """Build a workflow command for GitHub Actions, on one line.

    Source: actions/toolkit packages/core/src/command.ts (escapeData, escapeProperty).
    """
    given = ",".join(f"{key}={_percent(each, _IN_PROPERTY)}" for key, each in properties.items())
    return f"::{name} {given}::{_percent(message, _IN_MESSAGE)}"


def sarif_text(text: str, limit: int = MAX_TEXT) -> str:
    """Convert a string to one line for a SARIF message, without links and placeholders."""
    return _SARIF_MARKUP.sub(r"\g<0> ", printable(text, limit))


def uri_path(path: str) -> str:
    """Percent-encode each character of a path that has a meaning in a URI."""
    if _URI_PATH.issuperset(path):
        return path
    return "".join(
        chr(byte) if chr(byte) in _URI_PATH else f"%{byte:02X}"
        for byte in path.encode("utf-8", "surrogatepass")
    )


def _percent(text: str, characters: str) -> str:
    return "".join(f"%{ord(each):02X}" if each in characters else each for each in text)


def _visible(text: str, escape: Callable[[str], str]) -> str:
    """Replace each invisible character in a string with an escape sequence."""
    shown, marks = [], 0
    for each in text:
        marks = marks + 1 if unicodedata.category(each)[0] == "M" else 0
        hidden = marks > _MAX_MARKS or not each.isprintable() or _BLANK.match(each)
        shown.append(escape(each) if hidden else each)
    return "".join(shown)


def _escape(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode("ascii")


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _escaped(text: str, limit: int, *broken: re.Pattern[str]) -> str:
    line = printable(text).strip()
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    ends = {match.end() for pattern in broken for match in pattern.finditer(line)}
    if not ends and not _SPECIAL.search(line):
        return line
    return "".join(
        _literal(each) + (_BREAK if end in ends else "") for end, each in enumerate(line, 1)
    )


def _literal(character: str) -> str:
    return f"&#{ord(character)};" if _SPECIAL.match(character) else character
