"""Parses an HTML page, and reports what a browser would repair, load or run."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "path", "br"})
LOADING = frozenset({"src", "srcset", "data", "action", "formaction", "poster", "background"})


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)


class Page(HTMLParser):
    """The parsed elements of an HTML page, in order; wrongly nested tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.text_nodes = 0
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute occurs twice: {attrs}"
        found = Element(tag, dict(attrs))
        self.elements.append(found)
        if tag not in VOID:
            self._open.append(found)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        self.text_nodes += 1
        for each in self._open:
            each.texts.append(data)

    def all(self, *tags: str) -> list[Element]:
        return [each for each in self.elements if each.tag in tags]

    def values(self, name: str) -> list[str]:
        """Return all values of the HTML attribute *name*, in page order."""
        return [each.attributes[name] or "" for each in self.elements if name in each.attributes]

    @property
    def shape(self) -> list[tuple[str, ...]]:
        """The tag and the attribute names of each HTML element, in page order."""
        return [(each.tag, *each.attributes) for each in self.elements]

    @property
    def rows(self) -> list[Element]:
        """The rows of all VM tables on the page."""
        return [each for each in self.all("tr") if "class" in each.attributes]


def content_hash(text: str) -> str:
    """Return the Content-Security-Policy source that permits an inline element with *text*."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def assert_self_contained(page: Page) -> None:
    """Assert that the page loads nothing, and runs only the scripts that its policy permits."""
    metas = [each.attributes for each in page.all("meta")]
    policy = next(
        each["content"] for each in metas if each.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    scripts, styles = page.all("script"), page.all("style")
    assert rules == {
        "default-src": "'none'",
        "style-src": content_hash(styles[0].text),
        "script-src": content_hash(scripts[0].text),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert (len(scripts), len(styles)) == (1, 1)
    assert not page.all("link", "base", "iframe", "object", "embed", "img", "form")
    assert "@import" not in styles[0].text
    assert "url(" not in styles[0].text
    for each in page.elements:
        names = set(each.attributes)
        assert not names & LOADING, each
        assert not any(name.startswith("on") or name == "style" for name in names), each
