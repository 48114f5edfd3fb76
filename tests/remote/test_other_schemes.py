"""Tests fetches over git:// and http://, and the limits of time and size for each scheme."""

from __future__ import annotations

import pytest
from support.git_servers.http_backend import basic, http_server
from support.git_servers.outcome import failed
from support.git_servers.programs import git_daemon, ssh_server
from support.git_servers.relay import Relay
from support.served import Command
from support.tools.installed import tool

from reconciler.app.clock import SystemClock
from reconciler.errors import SourceError
from reconciler.source.git.remote import clone_or_fetch
from reconciler.source.git.transport import fetch_failure
from reconciler.source.git.transport.git_credentials import GitCredentials

UNENCRYPTED = "has no encryption, so credentials are not sent to it"


def test_git_daemon_repository_is_read(validate, served, stack):
    daemon = stack.enter_context(git_daemon(served.root))
    assert validate(f"git://127.0.0.1:{daemon.port}/fleet.git").code == 0


def test_missing_git_daemon_repository_is_reported(validate, served, stack):
    daemon = stack.enter_context(git_daemon(served.root))
    code, message, _ = failed(validate(f"git://127.0.0.1:{daemon.port}/none.git"))
    assert code == 1
    assert message.endswith("the server has no such repository, or hides it from this user")


@pytest.mark.parametrize("limit", [0, 10, 300, 100_000])
def test_git_daemon_connection_that_ends_in_the_middle_of_a_fetch_is_reported(
    validate, served, stack, noise, limit
):
    served.commit(noise=noise)
    daemon = stack.enter_context(git_daemon(served.root))
    relay = stack.enter_context(Relay(daemon.port, limit=limit))
    code, message, _ = failed(validate(f"git://127.0.0.1:{relay.port}/fleet.git"))
    assert code == 1
    assert message.endswith("cannot be fetched: the server ended the connection too early")


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_git_password_is_not_sent_to_a_server_without_encryption(
    validate, credentials, secret, scheme
):
    folder = credentials(username="bot", password=secret)
    code, message, hint = failed(validate(f"{scheme}://git.example.invalid/fleet.git", folder))
    assert code == 1
    assert message.endswith(UNENCRYPTED)
    assert hint == "use a URL with https:// or ssh://, or remove --git-credentials"


def test_git_password_is_sent_without_encryption_to_a_loopback_address(
    validate, served, credentials, secret, stack, leaks
):
    server = stack.enter_context(
        http_server(served.root, authorization=basic("bot", secret), on_request=leaks.look)
    )
    folder = credentials(username="bot", password=secret)
    assert validate(f"{server.url}/fleet.git", folder).code == 0


@pytest.fixture(params=["https", "ssh", "git", "http"])
def remote(request, served, authority, stack, credentials, tmp_path):
    """The port of a server for each URL scheme, and a function that builds URL and credentials."""

    def of(port):
        return f"{request.param}://localhost:{port}/fleet.git", None

    if request.param == "ssh":
        server = stack.enter_context(ssh_server(str(tool("sshd")), tmp_path / "sshd"))
        return server.port, lambda port: (
            server.url(served.path, port),
            credentials(identity=server.private_key(), known_hosts=server.known_hosts(port)),
        )
    if request.param == "git":
        return stack.enter_context(git_daemon(served.root)).port, lambda port: (
            of(port)[0].replace("localhost", "127.0.0.1"),
            None,
        )
    if request.param == "http":
        return stack.enter_context(http_server(served.root)).port, of
    server = stack.enter_context(http_server(served.root, tls=authority.context()))
    folder = credentials(ca_crt=authority.certificate.read_text())
    return server.port, lambda port: (of(port)[0], folder)


def fetched(address, folder, directory, timeout_s=300.0):
    credentials = folder and GitCredentials(folder=folder, installation_token=None)
    repository, commit = clone_or_fetch(
        address,
        directory,
        "main",
        timeout_s=timeout_s,
        clock=SystemClock(),
        credentials=credentials,
    )
    repository.close()
    return commit


@pytest.mark.parametrize("limit", [10, 100_000])
def test_git_fetch_from_a_server_that_stops_responding_ends_at_the_deadline(
    remote, served, stack, noise, tmp_path, limit
):
    served.commit(noise=noise)
    port, at = remote
    relay = stack.enter_context(Relay(port, limit=limit, suspends=True))
    with pytest.raises(SourceError, match="was not fetched before the deadline") as caught:
        fetched(*at(relay.port), tmp_path / "clone", timeout_s=2.0)
    assert caught.value.hint == "allow more time with --deadline, or check the network"


def test_reconciler_command_ends_at_its_deadline_if_the_git_server_stops_responding(
    remote, served, stack, noise, capsys, tmp_path
):
    served.commit(noise=noise)
    port, at = remote
    relay = stack.enter_context(Relay(port, limit=100_000, suspends=True))
    address, folder = at(relay.port)
    more = ["--git-credentials", folder] if folder else []
    kubeconfig = tmp_path / "kubeconfig"
    options = ["--repo", address, "--deadline", "1s", "--yes", "--kubeconfig", kubeconfig]
    code, message, _ = failed(Command(capsys)("apply", *options, *more))
    assert code == 1
    assert message.endswith("was not fetched before the deadline")


def test_git_fetch_above_the_size_limit_is_stopped(remote, served, noise, tmp_path, monkeypatch):
    served.commit(noise=noise)
    monkeypatch.setattr(fetch_failure, "MAX_PACK_BYTES", 100_000)
    port, at = remote
    with pytest.raises(SourceError, match="the server sends more data than") as caught:
        fetched(*at(port), tmp_path / "clone")
    assert caught.value.hint.startswith("remove large files from the branch")
    assert fetched_size(tmp_path / "clone") <= 150_000


def fetched_size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_small_repository_can_be_fetched_with_each_supported_url_scheme(remote, served, tmp_path):
    port, at = remote
    assert fetched(*at(port), tmp_path / "clone") == served.work("rev-parse", "HEAD")
