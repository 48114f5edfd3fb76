"""Escapes text for GitHub Markdown, without markup, HTML, links, mentions and emoji.

GitHub looks for mentions, issue numbers and emoji after it decodes entities. An entity does not
prevent them, but a zero-width space (``&#8203;``) does.
"""

from __future__ import annotations

import re

from reconciler.report.terminal_layout import printable

_BREAK = "&#8203;"
_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~&@$]")
_UNSAFE_JSON = re.compile(r"[<>@]")
_MENTION = re.compile(r"@(?=\S)")
_ISSUE = re.compile(r"(?:#|\bGH-)(?=\d)", re.IGNORECASE)
_LINK = re.compile(r":(?=//)|\bwww(?=\.)", re.IGNORECASE)
_OPENING = re.compile(r"\d+[.)]|[-+=]")
_EMOJI = re.compile(r":(?=[\w+-]+:)")


def inline(text: str, limit: int = 100) -> str:
    """Escape the first *limit* characters of *text* for use within a line."""
    return _escaped(text, limit, (_MENTION, _ISSUE, _LINK, _EMOJI))


def code(text: str, limit: int = 100) -> str:
    """Return *text* as code that can be copied literally and is safe in HTML.

    GitHub creates no links and no emoji in ``<code>``, but it does create mentions.
    """
    return f"<code>{_escaped(text, limit, (_MENTION,))}</code>"


def paragraph(text: str, limit: int) -> str:
    """Escape *text* for the start of a line, where a digit or a dash could start a list."""
    line = inline(text, limit)
    return f"{_BREAK}{line}" if _OPENING.match(line) else line


def json_line(document: str) -> str:
    """Escape JSON for a fenced block, without tags, mentions or control characters.

    The escaped JSON has the same value.
    """
    if document.isprintable() and not _UNSAFE_JSON.search(document):
        return document
    return "".join(
        _json_escape(each) if _UNSAFE_JSON.match(each) or not each.isprintable() else each
        for each in document
    )


def _escaped(text: str, limit: int, broken: tuple[re.Pattern[str], ...]) -> str:
    line = printable(text).strip()
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    ends = {match.end() for pattern in broken for match in pattern.finditer(line)}
    if not ends and not _SPECIAL.search(line):
        return line
    return "".join(
        _literal(each) + (_BREAK if end in ends else "") for end, each in enumerate(line, 1)
    )


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _literal(character: str) -> str:
    return f"&#{ord(character)};" if _SPECIAL.match(character) else character
