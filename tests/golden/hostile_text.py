"""Hostile strings, and checks that output with such strings is harmless for its reader."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt
from support.html.parsed_page import Page, assert_self_contained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from markdown_it.token import Token

BENIGN = "text-from-elsewhere"
HOSTILE: Mapping[str, str] = {
    "terminal sequence": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "terminal link": "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "C1 sequence": "\x9b2J\x9d0;title\x9c\x90\x85",
    "control characters": "a\b\b\v\f\x7f\x07\x00\t",
    "carriage return": "failed\rdone  ",
    "line feeds": "one\ntwo\r\n\nerror: three\u2028four\u2029five",
    "bidirectional marks": "a\u202eb\u2066c\u2069\u200f\u061c",
    "invisible characters": "a\u200b\u200d\u2060\ufeff\u00ad\U000e0041\u3164\ufe0f\U000e0101",
    "unpaired surrogate": "\ud800 \udc9b",
    "combining characters": "z" + "\u0301\u0489" * 10,
    "workflow command": "::set-output name=code::0",
    "workflow command on a second line": "a\n::add-mask::e\r\n  ::error file=x,line=1::y",
    "old workflow command": "x ##[add-mask]e ##vso[task.setvariable variable=a]b",
    "stopped commands": "::stop-commands::word\n::word::",
    "code fence": "```\n`````\n~~~\n</details>\n# title",
    "marker of the comment": "<!-- reconciler-plan --> <!--",
    "HTML": "</code></td><details><img src=x onerror=y><script>&lt;b&gt;",
    "mentions": "@octocat (@org/team) a@b.example",
    "references": "fixes #12, GH-13, org/repo#14, !15, ~label, " + "0123456789abcdef" * 2,
    "links": "https://evil.example www.evil.example "
    "mailto:a@b.example ftp://e [x](javascript:y) <http://e>",
    "images and footnotes": "![x](https://evil.example/a.png) [^1]\n[^1]: y\n[a]: https://evil.example",
    "table and headings": "| a | b |\n---\n===\n| - | - |",
    "list and quote": "- x\n1. y\n> z\n    code",
    "emoji and mathematics": ":x: :+1: $a$ $$b$$ $`c`$",
    "command for a bot": "/close\n/approve",
}
COLOR = re.compile(r"\x1b\[(?:0|1|2|31|32|33|36)m")
TERMINAL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
UNSEEN = re.compile("[\u034f\u115f\u1160\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
COMMAND = re.compile(r"^\s*::[A-Za-z]|##\w*\[")
ACTIVE = re.compile(
    r"[#!]\d|GH-\d|://|www\.|:[A-Za-z+-][\w+-]*:|(?=\d*[a-f])[0-9a-f]{7}", re.IGNORECASE
)
"""Matches text that GitHub converts to a link or an emoji."""
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TAGS = re.compile(r"</?(details|summary|code)>|<br>|<!-- reconciler-plan -->")


def check_lines(text: str) -> None:
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)
        assert not UNSEEN.search(line), ascii(line)
        assert not COMMAND.search(line), line
        if not line.isascii():
            marks = ("m" if unicodedata.category(each)[0] == "M" else " " for each in line)
            assert "m" * 6 not in "".join(marks)


def check_wrapped(text: str, benign: str, hostile: str) -> None:
    assert benign
    check_lines(text)


def check_text(text: str, benign: str, hostile: str) -> None:
    check_lines(text)
    assert text.count("\n") == benign.count("\n"), "hostile text adds no line"
    assert BENIGN in benign or "Usage" in benign, "the values reach the output"


def check_color(text: str, benign: str, hostile: str) -> None:
    check_text(COLOR.sub("", text), COLOR.sub("", benign), hostile)
    assert len(COLOR.findall(text)) == len(COLOR.findall(benign)), "hostile text adds no color"


def substituted(value: Any, text: str) -> Any:
    match value:
        case dict():
            return {substituted(key, text): substituted(each, text) for key, each in value.items()}
        case list():
            return [substituted(each, text) for each in value]
        case str():
            # Digests depend on the strings in the planned changes, so they are not compared.
            return re.sub(r"sha256:[0-9a-f]{64}", "sha256", value.replace(BENIGN, text))
        case _:
            return value


def check_json(text: str, benign: str, hostile: str) -> None:
    check_lines(text)
    assert text.count("\n") == benign.count("\n")
    assert BENIGN in benign
    wanted, found = (substituted(json.loads(each), hostile) for each in (benign, text))
    assert found == wanted, "the values are the same"


def skeleton(value: Any) -> Any:
    """Replace each string in *value* with an empty string, so that only the structure remains."""
    match value:
        case dict():
            # A path that starts with a slash becomes an absolute URI, which has no uriBaseId.
            return {key: skeleton(each) for key, each in value.items() if key != "uriBaseId"}
        case list():
            return [skeleton(each) for each in value]
        case str():
            return ""
        case _:
            return value


def texts(value: Any) -> Iterator[str]:
    match value:
        case dict():
            yield from (each for part in value.values() for each in texts(part))
        case list():
            yield from (each for part in value for each in texts(part))
        case str():
            yield value


def check_review(text: str, benign: str, hostile: str) -> None:
    """Check that a SARIF or GitLab report and its decoded messages contain no active markup."""
    check_lines(text)
    assert BENIGN in benign
    found, wanted = json.loads(text), json.loads(benign)
    assert skeleton(found) == skeleton(wanted)
    for holder in objects(found):
        assert re.fullmatch(r"(file://)?[\w.~/%-]*", holder.get("uri", ""), re.ASCII)
        for field in ("message", "shortDescription", "fullDescription", "help", "description"):
            for each in texts(holder.get(field)):
                check_lines(each.replace("\n\n", " "))  # the help text of a rule has paragraphs
                is_sarif = "check_name" not in holder
                assert not (is_sarif and re.search(r"\]\(|\{\d+\}", each)), each


def objects(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case dict():
            yield value
            yield from (each for part in value.values() for each in objects(part))
        case list():
            yield from (each for part in value for each in objects(part))


WORKFLOW_COMMAND = re.compile(
    r"::(error|warning|notice) (?:file=([^:,]*),line=(\d+),col=(\d+),)?title=([^:,]+)::(.+)"
)


def check_commands(text: str, benign: str, hostile: str) -> None:
    """Check that hostile text adds no GitHub annotation and changes no annotation property."""
    found, wanted = text.split("\n"), benign.split("\n")
    assert BENIGN in benign
    assert len(found) == len(wanted), "hostile text adds no line"
    for line, other in zip(found, wanted, strict=True):
        command, expected = WORKFLOW_COMMAND.fullmatch(line), WORKFLOW_COMMAND.fullmatch(other)
        if expected is None:
            check_lines(line)
            continue
        assert command is not None, line
        assert command.group(1, 3, 4) == expected.group(1, 3, 4)
        for each in command.group(2, 5, 6):
            # The GitHub Actions runner decodes these values and prints the message in the log.
            decoded = re.sub("%(0A|0D|25|3A|2C)", lambda code: chr(int(code[1], 16)), each or "")
            check_lines(decoded)


def check_json_lines(text: str, benign: str, hostile: str) -> None:
    check_lines(text)
    found = [json.loads(each) for each in text.split("\n") if each]
    assert [each.keys() for each in found] == [
        json.loads(each).keys() for each in benign.split("\n") if each
    ]


@lru_cache(maxsize=4)
def tokens(text: str) -> list[Token]:
    """Parse Markdown, with a cache, because each comparison parses the same harmless output."""
    return PARSER.parse(text)


@lru_cache(maxsize=4)
def page(text: str) -> Page:
    """Parse HTML, with a cache, because each comparison parses the same harmless output."""
    return Page(text)


def shape(text: str) -> list[str]:
    """Return the types of the Markdown tokens in *text*, without the text itself."""
    kinds = []
    for token in tokens(text):
        kinds.append(token.type)
        kinds += [
            each.content if each.type == "html_inline" else each.type
            for each in token.children or ()
            if not each.type.startswith("text")
        ]
        if token.type == "html_block":
            kinds += re.findall(r"<[^>]*>", token.content)
    return kinds


def check_markdown(text: str, benign: str, hostile: str) -> None:
    check_lines(text)
    assert shape(text) == shape(benign), "hostile text adds no markup"
    tags = [each for each in shape(text) if each.startswith("<")]
    assert all(TAGS.fullmatch(each) for each in tags)
    assert text.count("<!-- reconciler-plan -->") == 1
    assert not re.search(r"^\s*/", text, re.MULTILINE), "no command for a bot starts a line"
    for token in tokens(text):
        if token.type == "fence":
            assert not re.search(rf"{token.markup}|[<>@]", token.content)
        in_code = False
        for each in token.children or ():
            in_code = each.content == "<code>" or (in_code and each.content != "</code>")
            shown = each.content if each.type.startswith("text") else ""
            assert not re.search(r"@[A-Za-z0-9]", shown), "GitHub finds mentions also in <code>"
            assert in_code or not ACTIVE.search(shown), shown


def check_html(text: str, benign: str, hostile: str) -> None:
    check_lines(text)
    found, usual = page(text), page(benign)
    assert found.shape == usual.shape, "hostile text adds no element and no attribute"
    assert_self_contained(found)
    for name in ("href", "id", "class"):
        assert found.values(name) == usual.values(name), "no attribute contains hostile text"
    assert BENIGN in usual.elements[0].text


def check_live_page(text: str, benign: str, hostile: str) -> None:
    """Check that hostile text adds no HTML element, and that the URLs are percent-encoded."""
    check_lines(text)
    found, usual = page(text), page(benign)
    assert found.shape == usual.shape, "hostile text adds no element and no attribute"
    assert BENIGN in usual.elements[0].text
    for each in (*found.values("href"), *found.values("src"), *found.values("action")):
        assert re.fullmatch(r"[\w./%?=&#~-]*", each, re.ASCII), each
    assert found.values("class") == usual.values("class")


def check_event(text: str, benign: str, hostile: str) -> None:
    """Check that the output is a single server-sent event whose HTML is harmless."""
    assert text.count("\n") == benign.count("\n"), "hostile text adds no line"
    found, usual = (json.loads(each.split("data: ")[1]) for each in (text, benign))
    assert found.keys() == usual.keys() == {"say", "cells", "parts"}
    check_lines(found["say"])
    assert len(found["cells"]) == len(usual["cells"]) > 0
    for _, name, title in found["cells"]:
        check_lines(title)
        assert re.fullmatch(r"[\w ]+", name, re.ASCII)
    pages = [f"<main>{''.join(each['parts'])}</main>" for each in (found, usual)]
    check_live_page(*pages, hostile)


def check_words(text: str, benign: str, hostile: str) -> None:
    """Check that shell completions contain no character that could make a shell run a command."""
    assert BENIGN in benign
    assert re.fullmatch(r"[\w.:/@+=\n-]+", text, re.ASCII)


CHECKS: Mapping[str, Callable[[str, str, str], None]] = {
    "text": check_text,
    "wrapped": check_wrapped,
    "color": check_color,
    "json": check_json,
    "json lines": check_json_lines,
    "markdown": check_markdown,
    "review": check_review,
    "commands": check_commands,
    "words": check_words,
    "html": check_html,
    "live page": check_live_page,
    "event": check_event,
}
