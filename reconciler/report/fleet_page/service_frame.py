"""``service_page``: adds the HTML head, header and footer that all status pages have."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.report.fleet_page.fleet_style import FLEET_STYLE
from reconciler.report.fleet_page.live_script import LIVE_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Mapping

STATIC: Mapping[str, tuple[str, bytes]] = {
    "live.css": ("text/css; charset=utf-8", FLEET_STYLE.encode()),
    "live.svg": (
        "image/svg+xml",
        (
            b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" stroke-width="4">'
            b'<path stroke="#6e7781" d="M1 3h4M6 3h4M1 8h4M11 8h4M6 13h4M11 13h4"/>'
            b'<path stroke="#1f883d" d="M11 3h4M6 8h4"/><path stroke="#bf8700" d="M1 13h4"/></svg>'
        ),
    ),
    "live.js": ("text/javascript; charset=utf-8", LIVE_SCRIPT.encode()),
}
"""Maps the name of each static file that the status pages load to its media type and content.

The pages themselves contain neither style nor script, so that a strict Content-Security-Policy is
possible.
"""

_FOOTER = (
    ("reasons", "Reasons"),
    ("api/v1/plan", "Plan as JSON"),
    ("api/v1/status", "Status as JSON"),
    ("api/v1/runs", "Runs as JSON"),
    ("metrics", "Metrics"),
    ("readyz", "Readiness"),
)
"""The links in the page footer: URL (relative to the page with all VMs) and text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The properties that differ between the status pages of ``serve``."""

    page: str
    """The kind of page, which the page's script reads: ``fleet``, ``vm`` or ``text``."""
    title: str
    root: str
    """The URL of the page with all VMs, relative to the current page; '' if both are the same."""
    view_id: str = ""
    """The ID of the displayed state, which the page's script sends to get later changes."""
    vm: str = ""
    """On a VM's page, the URL of that page relative to the page with all VMs; otherwise empty."""
    skip: tuple[str, str] = ("main", "Skip to the content")
    """The target and text of the skip link, with which keyboard users skip the page header."""
    navigation: tuple[tuple[str, str], ...] = ()
    """The target and text of each navigation link at the top of the page."""


def service_page(frame: Frame, content: str) -> str:
    """Render a complete HTML page with the given content."""
    target, words = frame.skip
    root, title = html_text(frame.root), html_text(f"{frame.title} - memory reconciler")
    links = "".join(
        f'<a href="{html_text(at)}">{html_text(text)}</a>' for at, text in frame.navigation
    )
    more = "".join(f'<a href="{root}{at}">{text}</a>' for at, text in _FOOTER)
    navigation = f'<nav aria-label="Sections">{links}</nav>' if links else ""
    values = {"page": frame.page, "root": frame.root, "since": frame.view_id, "vm": frame.vm}
    data = "".join(f' data-{name}="{html_text(value)}"' for name, value in values.items())
    live = frame.page != "text"
    indicator = '<p id="live" hidden></p>' if live else ""
    script = f'<script src="{root}static/{_address("live.js")}" defer></script>\n' if live else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n"
        f'<link rel="stylesheet" href="{root}static/{_address("live.css")}">\n'
        f'<link rel="icon" href="{root}static/{_address("live.svg")}">\n'
        f"{script}</head>\n<body{data}>\n"
        f'<a class="skip" href="#{target}">{words}</a>\n'
        f'<header class="bar"><a class="brand" href="{root or "./"}">'
        f"Memory reconciler</a>{navigation}{indicator}</header>\n"
        f'<main id="main" tabindex="-1">\n{content}</main>\n'
        f'<footer class="bar">{more}</footer>\n'
        '<p id="news" class="quiet" role="status"></p>\n</body>\n</html>\n'
    )


def _address(name: str) -> str:
    """Return the URL of a static file, with a query string that changes with the content."""
    return f"{name}?{_VERSIONS[name]}"


_VERSIONS = {name: sha256(body).hexdigest()[:12] for name, (_, body) in STATIC.items()}
