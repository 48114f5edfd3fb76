"""Fuzz targets of ``serve``: webhook requests, secrets, page requests and raw connections."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuzz.mutation import TEXTS, mutated_bytes, mutated_json, mutated_text
from fuzz.reader import Reader
from starlette.datastructures import Headers
from support.builders import NOW
from support.fake_ports import FakeClock
from support.serving.asgi_call import ask
from support.serving.senders import KNOWN_EVENTS, REPOSITORY, SENDERS
from support.serving.views import make_store, planned_view
from uvicorn.server import ServerState

from reconciler.errors import ReconcilerError
from reconciler.report.metrics.exposition import MetricsText
from reconciler.serve.hooks.followed_branch import FollowedBranch
from reconciler.serve.hooks.hooks_app import HookOptions, hooks_app
from reconciler.serve.hooks.payloads import MalformedError, body_object
from reconciler.serve.hooks.push_event import Scheme
from reconciler.serve.hooks.schemes import SCHEMES
from reconciler.serve.hooks.secret_folder import SecretFolder
from reconciler.serve.http.connection_limits import ConnectionLimits
from reconciler.serve.http.face_app import FaceOptions, face_app
from reconciler.serve.http.face_content import FaceContent
from reconciler.serve.http.limited_connection import LimitedConfig, LimitedConnection
from reconciler.serve.http.listen_address import parse_listen_address

if TYPE_CHECKING:
    from random import Random

    from support.serving.senders import Sender

_STATUSES = {200, 202, 400, 401, 404, 405, 413, 421, 431, 501, 503}
_REVISIONS = ("main", "refs/heads/main", "v1", "refs/tags/v1", "HEAD", "")
_REQUESTS = (
    b"GET /api/v1/plan HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
    b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    b"GET /a HTTP/1.0\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nabcde",
)
_PATHS = ("/", "/?ns=a&effect=live", "/vm/a/b", "/reasons/hotplug", "/api/v1/runs/a", "/readyz")


@cache
def _secrets() -> SecretFolder:
    folder = Path(tempfile.mkdtemp(prefix="webhook-secrets-"))
    for scheme in Scheme:
        found = {each.secret for each in SENDERS if each.scheme == scheme}
        (folder / scheme).write_text("\n".join(sorted(found)))
        (folder / scheme).chmod(0o400)
    return SecretFolder(folder, FakeClock())


def _header_value(rng: Random, value: str) -> str:
    return _mutated_value(rng, value) if rng.random() < 0.3 else value


def _mutated_value(rng: Random, value: str) -> str:
    return mutated_text(rng, (value,)).encode("latin-1", "replace").decode("latin-1")


def _webhook(rng: Random) -> tuple[str, dict[str, str], bytes]:
    """Return the path, headers and body of a webhook request; half of them are signed."""
    sender = rng.choice(SENDERS)
    body = _body(rng, sender)
    hook = sender.hook(rng.choice(KNOWN_EVENTS), body=body)
    headers = dict(hook.headers)
    if rng.random() < 0.5:
        headers = {name: _header_value(rng, value) for name, value in headers.items()}
    if rng.random() < 0.1:
        headers.pop(rng.choice(sorted(headers)))
    if rng.random() < 0.1:
        headers["content-type"] = "application/x-www-form-urlencoded"
    if rng.random() < 0.1:
        headers["content-length"] = _header_value(rng, rng.choice(("1", "²", "9" * 5_000)))
    return hook.path, headers, body


def _body(rng: Random, sender: Sender) -> bytes:
    content = sender.events[rng.choice(KNOWN_EVENTS)][1]
    body = mutated_json(rng, content)
    if rng.random() < 0.2:
        body = mutated_bytes(rng, body)
    return b"payload=" + body if rng.random() < 0.1 else body


def _receive(given: tuple[str, dict[str, str], bytes]) -> None:
    path, headers, body = given
    options = HookOptions(
        secrets=_secrets(),
        followed=FollowedBranch(repository=REPOSITORY, revision="main"),
        clock=FakeClock(),
    )
    answer = ask(
        hooks_app(options, lambda _push: None), path, method="POST", headers=headers, body=body
    )
    assert answer.status in _STATUSES, answer


def _payload(rng: Random) -> tuple[Sender, str, bytes, str]:
    sender = rng.choice(SENDERS)
    event = rng.choice(("push", "Push Hook", "repo:push", "repo:refs_changed", "ping", ""))
    return sender, event, _body(rng, sender), rng.choice(_REVISIONS)


def _decode(given: tuple[Sender, str, bytes, str]) -> None:
    sender, event, body, revision = given
    delivery = SCHEMES[Scheme(sender.scheme)].decode(event, body_object(body, "application/json"))
    address = delivery.repository if len(delivery.repository) % 2 else REPOSITORY
    FollowedBranch(repository=address, revision=revision).relevance(delivery)


def _claimed(rng: Random) -> tuple[Scheme, dict[str, str]]:
    sender = rng.choice(SENDERS)
    headers = sender.hook().headers
    return Scheme(sender.scheme), {name: _mutated_value(rng, headers[name]) for name in headers}


def _claim(given: tuple[Scheme, dict[str, str]]) -> None:
    scheme, headers = given
    secrets = _secrets().secrets(scheme)
    assert not any(
        each.proves(b"another body") and each.needs_body
        for each in SCHEMES[scheme].claims(Headers(headers), secrets, NOW)
    )


def _secret_file(rng: Random) -> tuple[str, bytes]:
    key = base64.b64encode(b"k" * 32)
    seed = rng.choice((b"a-secret-of-a-forge\nanother-secret\n", b"whsec_" + key + b"\n", key))
    return rng.choice(sorted(Scheme)), mutated_bytes(rng, seed)


def _open_secrets(given: tuple[str, bytes]) -> None:
    name, content = given
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        secrets = SecretFolder(Path(folder), FakeClock()).secrets(Scheme(name))
    assert all(secrets.texts + secrets.keys)


def _metrics(_view: Any, _accept: str) -> MetricsText:
    return MetricsText(content=b"", content_type="text/plain")


@cache
def _face() -> Any:
    content = FaceContent(
        page=lambda _view, query, view_id: f"{query} {view_id}",
        vm_page=lambda _view, ref, view_id: f"{ref} {view_id}",
        reason_page=lambda _view, code: code,
        missing_page=lambda path: path,
        events=lambda _before, _after: b"",
        metrics=_metrics,
    )
    return face_app(make_store(planned_view()), content, FaceOptions())


def _page_request(rng: Random) -> tuple[str, dict[str, str]]:
    path = "/" + mutated_text(rng, _PATHS).lstrip("/")
    names = ("Accept-Encoding", "If-None-Match", "Host", "Last-Event-ID", "Accept")
    seeds = ("gzip;q=1", 'W/"abc", "def"', "localhost:80", "1.000-2", "*/*")
    headers = {
        name: _header_value(rng, seed)
        for name, seed in zip(names, seeds, strict=True)
        if rng.random() < 0.5
    }
    return path.encode("utf-8", "replace").decode(), headers


def _show(given: tuple[str, dict[str, str]]) -> None:
    path, headers = given
    answer = ask(_face(), path, headers=headers, method="HEAD")
    assert answer.status in _STATUSES | {304}, answer


class _Transport(asyncio.Transport):
    """A fake network transport that remembers whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


def _sent_bytes(rng: Random) -> list[bytes]:
    data = b"".join(rng.choice(_REQUESTS) for _ in range(rng.choice((1, 1, 3))))
    data = mutated_bytes(rng, data)
    size = rng.choice((1, 7, 100, 100_000)) if len(data) < 2_000 else 10_000
    return [data[start : start + size] for start in range(0, len(data), size)]


def _connection(chunks: list[bytes]) -> None:
    asyncio.run(_serve_bytes(chunks))


async def _serve_bytes(chunks: list[bytes]) -> None:
    failures = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: failures.append(context)
    )
    config = LimitedConfig(_face(), ConnectionLimits(), 1)
    connection, transport = LimitedConnection(config, ServerState(), {}), _Transport()
    connection.connection_made(transport)
    for each in chunks:
        if transport.closed:
            break
        connection.data_received(each)
        await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.gather(*connection.tasks)
    assert not failures


READERS = (
    Reader(name="webhook", make=_webhook, read=_receive, weight=2),
    Reader(name="webhook payload", make=_payload, read=_decode, errors=(MalformedError,)),
    Reader(name="signature of a webhook", make=_claimed, read=_claim),
    Reader(
        name="secrets of webhooks",
        make=_secret_file,
        read=_open_secrets,
        errors=(ReconcilerError,),
    ),
    Reader(name="request of the page", make=_page_request, read=_show, weight=2),
    Reader(name="HTTP connection", make=_sent_bytes, read=_connection, weight=4),
    Reader(
        name="listen address",
        make=lambda rng: mutated_text(rng, ("127.0.0.1:80", "[::1]:0", ":1", *TEXTS)),
        read=lambda text: parse_listen_address(text, "--listen"),
        errors=(ReconcilerError,),
    ),
)
"""The fuzz targets of the HTTP servers of ``serve``."""
