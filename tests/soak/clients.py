"""``Clients``: sends webhook requests to ``serve``, follows a live page and scrapes metrics."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
from collections import Counter
from contextlib import suppress

SECRET = "a-secret-of-the-soak-0123456789"
_TIMEOUT_S = 60
_BRIEF_S = 1.0


class Clients:
    """Sends requests to the ports of ``serve`` until ``end``, and counts the responses."""

    def __init__(self, face: int, hooks: int) -> None:
        self._face, self._hooks = face, hooks
        self.answers: Counter[str] = Counter()
        self.slowest_s = 0.0
        """The longest time until a response to a webhook request, in seconds."""
        self.event_bytes = 0
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, daemon=True),
            threading.Thread(target=self._live, daemon=True),
            threading.Thread(target=self._repeated, args=("/metrics", 15), daemon=True),
            threading.Thread(target=self._repeated, args=("/", 60), daemon=True),
            threading.Thread(target=self._repeated, args=("/api/v1/status", 60), daemon=True),
        ]
        for each in self._threads:
            each.start()

    def end(self) -> None:
        self._ended.set()

    def push(self, commit: str, n: int) -> None:
        """Send *n* webhook requests about one push from as many threads.

        The method waits only briefly for responses, because a frozen process sends none, and the
        caller has to end the freeze.
        """
        senders = [
            threading.Thread(target=self._hook, args=(commit, number), daemon=True)
            for number in range(n)
        ]
        for each in senders:
            each.start()
        until = time.monotonic() + _BRIEF_S
        for each in senders:
            each.join(max(0.0, until - time.monotonic()))

    def _hook(self, commit: str, number: int) -> None:
        event = {"ref": "refs/heads/main", "after": commit, "number": number}
        body = json.dumps(event).encode()
        signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        began = time.monotonic()
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self._hooks, timeout=_TIMEOUT_S)
            headers = {"X-Signature": f"sha256={signed}", "Content-Type": "application/json"}
            connection.request("POST", "/hooks/generic", body, headers)
            self.answers[f"hook {connection.getresponse().status}"] += 1
            connection.close()
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            return
        self.answers["hook without an answer"] += 1

    def _repeated(self, path: str, every_s: float) -> None:
        while not self._ended.wait(every_s):
            try:
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self._face, timeout=_TIMEOUT_S
                )
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                self.answers[f"{path} {answer.status}"] += 1
                connection.close()
            except (OSError, http.client.HTTPException):
                self.answers[f"{path} without an answer"] += 1

    def _live(self) -> None:
        """Read the events of the status page, and reconnect when the connection ends."""
        while not self._ended.wait(1):
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self._face, timeout=_TIMEOUT_S
                )
                connection.request("GET", "/events")
                answer = connection.getresponse()
                self.answers[f"/events {answer.status}"] += 1
                while not self._ended.is_set() and (piece := answer.read1(65_536)):
                    self.event_bytes += len(piece)
                connection.close()
