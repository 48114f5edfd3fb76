"""A sender without the secret can neither start a run nor block the Git host's webhooks."""

from __future__ import annotations

from contextlib import ExitStack
from select import select

import pytest
from support.fake_ports import FakeClock
from support.serving.raw_http import HANGS_S, connect, read_to_end
from support.serving.senders import BRANCH, REPOSITORY, SENDERS

from reconciler.serve.hooks.followed_branch import FollowedBranch
from reconciler.serve.hooks.hooks_app import HOOK_LIMITS, HookOptions, hooks_app
from reconciler.serve.hooks.secret_folder import SecretFolder
from reconciler.serve.http.http_server import HttpServer, Listener
from reconciler.serve.http.listen_address import ListenAddress

GITHUB = SENDERS[0]
MEBIBYTE = 1024 * 1024


@pytest.fixture
def pushes():
    return []


@pytest.fixture
def address(tmp_path, pushes):
    """The address of a webhook server with the limits that the program uses."""
    (tmp_path / "github").write_text(GITHUB.secret)
    clock = FakeClock()
    options = HookOptions(
        secrets=SecretFolder(tmp_path, clock),
        followed=FollowedBranch(repository=REPOSITORY, revision=BRANCH),
        clock=clock,
    )
    listener = Listener(
        option="--hooks-listen",
        address=ListenAddress(host="127.0.0.1", port=0),
        app=hooks_app(options, pushes.append),
        limits=HOOK_LIMITS,
    )
    with HttpServer(listener) as server:
        yield server.addresses[0]


def head(hook, n_bytes: int) -> bytes:
    lines = [f"POST {hook.path} HTTP/1.1", "Host: a", f"Content-Length: {n_bytes}"]
    lines += [f"{name}: {value}" for name, value in hook.headers.items()]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode()


def send(address, hook) -> bytes:
    with connect(address) as client:
        client.sendall(head(hook, len(hook.body)) + hook.body)
        return read_to_end(client)


def test_large_requests_of_unknown_senders_do_not_block_webhook_requests_of_the_git_host(
    address, pushes
):
    unknown = GITHUB.hook(secret="an attempt")
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(40)]
        for each in clients:
            each.sendall(head(unknown, MEBIBYTE) + b"x" * (MEBIBYTE - 1))
        # The server rejects the clients that exceed the common limit, and waits for the others.
        answered, _, _ = select(clients, (), (), HANGS_S)
        assert read_to_end(answered[0]).startswith(b"HTTP/1.1 503 ")
        assert send(address, GITHUB.hook()).startswith(b"HTTP/1.1 202 ")
    assert len(pushes) == 1


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /hooks/github HTTP/1.1\r\nX-Slow: ", None],
    ids=["nothing", "a part of the headers", "a part of the body"],
)
def test_slow_connections_of_unknown_senders_do_not_block_webhook_requests_of_the_git_host(
    address, pushes, sent
):
    unknown = head(GITHUB.hook(secret="an attempt"), 100) + b"x" if sent is None else sent
    with ExitStack() as stack:
        for _ in range(HOOK_LIMITS.connections + 50):
            stack.enter_context(connect(address)).sendall(unknown)
        assert send(address, GITHUB.hook()).startswith(b"HTTP/1.1 202 ")
    assert len(pushes) == 1
