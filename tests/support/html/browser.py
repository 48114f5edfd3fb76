"""Opens a page in headless Chromium, if it is installed, and runs a script on the page."""

from __future__ import annotations

import html
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from support.tools.installed import tool

if TYPE_CHECKING:
    from pathlib import Path

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
REPORT = re.compile(r'<pre id="report">(.*?)</pre>', re.DOTALL)
PROBE = """
window.addEventListener("load", async () => {
  const report = document.createElement("pre");
  report.id = "report";
  let found;
  try { found = await (async () => { %s })(); } catch (error) { found = {error: String(error)}; }
  report.textContent = JSON.stringify(found);
  document.body.append(report);
});
"""
DARK, LIGHT = 0, 1


class Browser:
    """Headless Chromium; a test is skipped without it."""

    def __init__(self, folder: Path) -> None:
        self._program, self._folder = tool("chromium"), folder

    def open(self, text: str, *options: str, width: int = 1280) -> tuple[str, str]:
        """Return the page's elements as HTML after its scripts have run, and the console."""
        path = self._folder / "page.html"
        path.write_text(text, encoding="utf-8")
        ended = subprocess.run(
            [
                self._program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--enable-logging=stderr",
                "--virtual-time-budget=20000",
                f"--user-data-dir={self._folder / 'profile'}",
                f"--window-size={width},900",
                *options,
                "--dump-dom",
                path.as_uri(),
            ],
            capture_output=True,
            check=True,
            text=True,
        )
        console = [each for each in ended.stderr.splitlines() if "CONSOLE" in each]
        return ended.stdout, "\n".join(console)

    def ask(
        self, text: str, script: str, *, library: str = "", width: int = 1280, scheme: int = LIGHT
    ) -> Any:
        """Return the result of *script*, the body of an asynchronous function, on the page.

        The page's policy would reject the script, so it is removed.
        """
        text = POLICY.sub("", text)
        text = text.replace("</head>", f"<script>{library}</script></head>")
        text = text.replace("</body>", f"<script>{PROBE % script}</script></body>")
        dump, _ = self.open(text, f"--blink-settings=preferredColorScheme={scheme}", width=width)
        found = REPORT.search(dump)
        assert found, "the script has no result"
        return json.loads(html.unescape(found[1]))


def axe_core() -> str:
    """Return axe-core, which checks accessibility; a test is skipped without it."""
    return tool("axe-core").read_text(encoding="utf-8")
