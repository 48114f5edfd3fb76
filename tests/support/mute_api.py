"""``MuteApi``: an API server that stops responding, on a clock that each timeout advances."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace


class Response:
    reason = ""

    def __init__(self, status, body):
        self.status, self._unread = status, io.BytesIO(json.dumps(body).encode())
        self.headers = SimpleNamespace(get=lambda _name: None, getlist=lambda _name: [])

    def read1(self, amount, **_options):
        return self._unread.read(amount)

    def release_conn(self):
        pass


class MuteApi:
    """Replaces the ApiClient of the ``kubernetes`` library; each request waits for its timeout."""

    def __init__(self, clock):
        self.clock = clock
        self.configuration = SimpleNamespace(host="http://mute")
        self.user_agent = ""
        self.stored = None
        self.mute = False
        self.waits = []

    def close(self):
        pass

    def param_serialize(self, method, path, *, body, **_rest):
        return method, path, {}, body, None

    def call_api(self, method, _path, _headers, body, _form, *, _request_timeout):
        if self.mute:
            _connect_s, whole_s = _request_timeout
            self.waits.append(whole_s)
            self.clock.elapsed += whole_s
            raise TimeoutError
        if method in ("POST", "PUT"):
            self.stored = body
        if self.stored is None:
            return SimpleNamespace(response=Response(404, {"reason": "NotFound"}))
        return SimpleNamespace(response=Response(200, self.stored))
