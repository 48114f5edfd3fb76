"""``plain``: explains a YAML library's syntax error in simple words."""

from __future__ import annotations

import re

_PLAIN = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"mapping values are not allowed", "a colon and a space are not allowed in this value"),
        (r"stream( end)? .*quoted scalar|end of stream while.*quoted", "a quote is not closed"),
        (r"',' or '\]'", "a list in brackets has no closing bracket, or lacks a comma"),
        (r"',' or '\}'", "a mapping in braces has no closing brace, or lacks a comma"),
        (r"tab character|'\\t'", "a tab is not allowed in the indentation"),
        (r"cannot start any token", "a value cannot start with this character without quotes"),
        (r"expected ':'", "a key is not followed by a colon"),
        (r"expected key|'-' indicator|block end", "the indentation differs from the lines before"),
        (r"node content", "a value is missing"),
        (r"(sequence|block sequence) entries are not allowed", "a list item is not allowed here"),
        (r"mapping keys are not allowed", "a mapping key is not allowed here"),
        (
            r"escape (character|code)|hexa?decimal",
            "the escape sequence after a backslash is unknown",
        ),
        (r"alias|anchor", "the name of an anchor or alias is not valid"),
        (r"%(TAG|YAML)|directive|version number", "a line that starts with % is not valid"),
        (r"\btag\b", "a tag, which starts with an exclamation mark, is not valid"),
        (r"block scalar|indentation indicator", "the block string after | or > is not valid"),
        (r"document", "the document must end here"),
        (r"while (scanning|parsing) a flow", "brackets or braces are not balanced"),
    )
)


def plain(message: str) -> str:
    """Explain a syntax error that libyaml or ruamel.yaml reports."""
    found = (words for pattern, words in _PLAIN if pattern.search(message))
    return next(found, "the text is not valid YAML")
