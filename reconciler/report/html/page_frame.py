"""``page_start``: renders the start of an HTML page that loads no external resources."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.report.html.page_script import SCRIPT
from reconciler.report.html.page_style import STYLE

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_END = f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
"""The script and the closing tags at the end of an HTML page."""


def page_start(title: str) -> Iterator[str]:
    """Render the HTML head and the start of the body.

    The Content-Security-Policy permits only the style sheet and the script that the page itself
    contains.
    """
    policy = (
        f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="color-scheme" content="light dark">\n'
    yield '<meta name="referrer" content="no-referrer">\n'
    yield f"<title>{html_text(title)}</title>\n"
    yield f"<style>{STYLE}</style>\n</head>\n<body>\n"


def _hash(text: str) -> str:
    """Return the Content-Security-Policy source that permits exactly the given script or style."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
