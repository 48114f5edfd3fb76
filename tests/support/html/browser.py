"""``Browser``: controls a page in headless Chromium through the DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from support.tools.installed import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    " ": 32,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "/": 191,
}
"""The keys that ``Browser.press`` presses, with their codes in the DevTools protocol."""
UNFOLD = 'for (const each of document.querySelectorAll("details")) each.open = true;'
"""JavaScript that opens all collapsed sections of a page."""
TEXTS = {"Enter": "\r", " ": " ", "/": "/"}


@contextmanager
def started_browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a profile in *folder*, or skip the test if Chromium is not installed."""
    program = tool("chromium")
    commands, to_send = os.pipe()
    to_read, answers = os.pipe()
    # Chromium reads commands from file descriptor 3 and writes responses to 4.
    arguments = [
        *("bash", "-c", f'exec "$0" "$@" 3<&{commands} 4>&{answers}', str(program)),
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
    ]
    with (
        os.fdopen(to_send, "wb", buffering=0) as writing,
        os.fdopen(to_read, "rb") as reading,
        subprocess.Popen(
            arguments, pass_fds=(commands, answers), stderr=subprocess.DEVNULL
        ) as process,
    ):
        os.close(commands)
        os.close(answers)
        try:
            yield Browser(folder, writing, reading)
        finally:
            process.kill()


class Browser:
    """One tab of Chromium."""

    def __init__(self, folder: Path, writing: Any, reading: Any) -> None:
        self._folder, self._writing, self._reading = folder, writing, reading
        self._last, self._session = 0, None
        self.console: list[str] = []
        """The messages that Chromium reported about the page, such as policy violations."""
        self.requests: list[str] = []
        """The URLs that the page has requested."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def open(self, text: str, *, fragment: str = "", **window: Any) -> None:
        """Show the HTML page *text* as if a server had sent it, like ``visit``."""
        path = self._folder / "page.html"
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        self.visit(path.as_uri() + fragment, **window)

    def visit(
        self,
        address: str,
        *,
        width: int = 1280,
        dark: bool = False,
        scripts: bool = True,
        media: str = "screen",
    ) -> None:
        """Open a page in a browser window of *width* CSS pixels, and wait until it is loaded."""
        self.send("Page.navigate", url="about:blank")
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.console.clear()
        self.requests.clear()
        self.send("Page.navigate", url=address, until="Page.loadEventFired")

    def evaluate(self, script: str) -> Any:
        """Return the value of *script*, the body of an asynchronous function."""
        answer = self.send(
            "Runtime.evaluate",
            expression=f"(async () => {{ {script} }})()",
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def follow(self, script: str) -> None:
        """Run JavaScript that opens another page, and wait until that page is loaded."""
        self.send("Runtime.evaluate", expression=script, until="Page.loadEventFired")

    def wait_for(self, condition: str) -> None:
        """Wait until the JavaScript expression *condition* is true in the page."""
        self.evaluate(f"while (!({condition})) await new Promise((next) => setTimeout(next, 10));")

    def press(self, *keys: str) -> None:
        """Press *keys* one after another; a string that is not a key name is inserted as text."""
        for key in keys:
            if key not in KEYS:
                self.send("Input.insertText", text=key)
                continue
            code = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
            down = {"type": "keyDown", "text": TEXTS[key]} if key in TEXTS else {"type": "keyDown"}
            self.send("Input.dispatchKeyEvent", **down, **code)
            self.send("Input.dispatchKeyEvent", type="keyUp", **code)

    def screenshot(self, path: Path, *, height: int = 0) -> None:
        """Save a screenshot of the page's top *height* pixels, by default of the whole page."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
        picture = self.send(
            "Page.captureScreenshot", clip={**clip, "scale": 1}, captureBeyondViewport=True
        )
        path.write_bytes(base64.b64decode(picture["data"]))

    def send(self, method: str, *, until: str = "", **parameters: Any) -> Any:
        """Send a DevTools command and return its result; with *until*, also await that event."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._writing.write(json.dumps(message).encode() + b"\0")
        result, happened = None, not until
        while result is None or not happened:
            found = self._receive()
            if found.get("id") == self._last:
                assert "error" not in found, found
                result = found["result"]
            happened = happened or found.get("method") == until
        return result

    def _receive(self) -> dict[str, Any]:
        """Receive one DevTools message, and store its console and network reports."""
        data = bytearray()
        while not data.endswith(b"\0"):
            byte = self._reading.read(1)
            assert byte, "Chromium has ended"
            data += byte
        found = json.loads(data[:-1])
        match found.get("method"):
            case "Log.entryAdded":
                self.console.append(found["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.console.append(json.dumps(found["params"]))
            case "Network.requestWillBeSent":
                self.requests.append(found["params"]["request"]["url"])
        return found


def accessibility(browser: Browser) -> tuple[int, list[Any]]:
    """Check the open page with axe-core; return the number of passed rules and all violations.

    A test is skipped if axe-core is not installed.
    """
    browser.evaluate(tool("axe-core").read_text(encoding="utf-8"))
    passes, problems = browser.evaluate(
        UNFOLD
        + """
        const found = await axe.run(document, {resultTypes: ["violations"]});
        return [found.passes.length, found.violations.map((each) => [
          each.id, each.impact, each.nodes.slice(0, 3).map((node) => node.html)])];
    """
    )
    return passes, problems
