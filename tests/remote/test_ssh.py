"""Tests fetches over SSH from a real sshd, with each kind of key and each failure."""

from __future__ import annotations

import subprocess

import pytest
from support.git_servers.outcome import failed
from support.git_servers.programs import ssh_server
from support.git_servers.relay import Relay
from support.tools.installed import tool


@pytest.fixture
def server(tmp_path, stack, leaks):
    found = stack.enter_context(
        ssh_server(str(tool("sshd")), tmp_path / "sshd", on_connection=leaks.look)
    )
    leaks.watch(found.private_key().split("\n")[2])
    return found


@pytest.fixture
def refused(validate, server, served):
    """Returns a function that fetches from the server and returns the message and the hint."""

    def run(folder, url=None):
        address = url or server.url(served.path)
        code, message, hint = failed(validate(address, folder))
        assert code == 1
        start = f"{address.replace(f'{server.user}@', '')} cannot be fetched: "
        assert message.startswith(start)
        return message.removeprefix(start), hint

    return run


@pytest.mark.parametrize("name", ["identity", "ssh-privatekey"])
def test_ssh_repository_is_read_with_a_private_key(
    validate, server, served, credentials, leaks, name
):
    folder = credentials(**{name: server.private_key(), "known_hosts": server.known_hosts()})
    assert validate(server.url(served.path), folder).code == 0
    assert leaks.n_looks >= 1


def test_ssh_repository_is_read_with_a_key_in_the_ssh_agent(
    validate, server, served, credentials, stack, tmp_path, monkeypatch
):
    socket = tmp_path / "agent"
    command = ["ssh-agent", "-D", "-a", socket]
    agent = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(agent.terminate)
    agent.stdout.readline()  # the agent prints this line once it accepts connections
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    subprocess.run(["ssh-add", "-q", server.folder / "client"], check=True)
    folder = credentials(known_hosts=server.known_hosts())
    assert validate(server.url(served.path), folder).code == 0


def test_ssh_key_in_the_git_credentials_directory_replaces_the_keys_of_the_ssh_agent(
    refused, server, credentials, tmp_path, monkeypatch
):
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "no-agent"))
    folder = credentials(identity=server.private_key("stranger"), known_hosts=server.known_hosts())
    assert refused(folder)[0] == "the server rejects the SSH key"


REJECTED = (
    "the server rejects the SSH key",
    (
        "register the public key on the server, and add the private key as `identity` to "
        "--git-credentials or to an SSH agent"
    ),
)


def test_wrong_ssh_key_is_reported(refused, server, credentials):
    folder = credentials(identity=server.private_key("stranger"), known_hosts=server.known_hosts())
    assert refused(folder) == REJECTED


@pytest.mark.parametrize("password", ["", "passphrase"])
def test_ssh_key_with_a_passphrase_is_reported(validate, served, server, credentials, password):
    key = server.folder / "client"
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "passphrase", "-f", key]
    subprocess.run(command, check=True)
    more = {"password": password} if password else {}
    folder = credentials(identity=key.read_text(), known_hosts=server.known_hosts(), **more)
    code, message, hint = failed(validate(server.url(served.path), folder))
    assert code == 1
    assert message == f"the SSH key {folder}/identity has a passphrase, which is not supported"
    assert hint.endswith("the file `password` in --git-credentials is only for HTTPS")


def test_missing_ssh_key_is_reported(refused, server, credentials):
    assert refused(credentials(known_hosts=server.known_hosts())) == REJECTED


def test_expired_ssh_key_is_reported(refused, server, credentials):
    keys = server.folder / "authorized_keys"
    keys.write_text(f'expiry-time="20200101" {keys.read_text()}')
    folder = credentials(identity=server.private_key(), known_hosts=server.known_hosts())
    assert refused(folder) == REJECTED


@pytest.mark.parametrize("cut", [0, 1])
def test_ssh_key_that_cannot_be_read_is_reported(refused, server, credentials, cut):
    text = server.private_key().rstrip() if cut == 0 else server.private_key()[:200]
    message, hint = refused(credentials(identity=text, known_hosts=server.known_hosts()))
    assert message == "the SSH private key cannot be read"
    assert hint.startswith(
        "check that `identity` in --git-credentials contains the whole private key"
    )


def test_ssh_key_that_other_users_can_read_is_reported(refused, server, credentials):
    folder = credentials(identity=server.private_key(), known_hosts=server.known_hosts())
    (folder / "identity").chmod(0o644)
    assert refused(folder) == (
        "ssh rejects the SSH private key, because other users can read its file",
        "run chmod 600 on the file of the private key",
    )


def test_unknown_ssh_host_key_is_rejected(refused, server, credentials, tmp_path):
    (tmp_path / "home" / ".ssh").mkdir(mode=0o700)
    config = tmp_path / "home" / ".ssh" / "config"
    config.write_text("Host *\n  StrictHostKeyChecking no\n")
    folder = credentials(identity=server.private_key(), known_hosts="")
    message, hint = refused(folder)
    assert message == "the SSH host key of the server is not in known_hosts"
    assert hint.startswith("print the host key with ssh-keyscan")
    assert (folder / "known_hosts").read_text() == ""


def test_ssh_command_of_the_user_cannot_accept_an_unknown_host_key(
    refused, server, credentials, monkeypatch
):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.sshCommand")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "ssh -oStrictHostKeyChecking=no")
    message, _ = refused(credentials(identity=server.private_key(), known_hosts=""))
    assert message == "the SSH host key of the server is not in known_hosts"


def test_changed_ssh_host_key_is_rejected(refused, server, credentials):
    line = server.known_hosts(key="other-host")
    folder = credentials(identity=server.private_key(), known_hosts=line)
    message, hint = refused(folder)
    assert message == "the SSH host key of the server is not the one in known_hosts"
    assert hint.startswith("ask the operator of the server whether the key has changed")
    assert (folder / "known_hosts").read_text() == line


def test_missing_ssh_repository_is_reported(refused, server, credentials, tmp_path):
    folder = credentials(identity=server.private_key(), known_hosts=server.known_hosts())
    message, _ = refused(folder, server.url(tmp_path / "none.git"))
    assert message == "the server has no such repository, or hides it from this user"


@pytest.mark.parametrize("limit", [0, 300, 3_000, 100_000])
def test_ssh_connection_that_ends_in_the_middle_of_a_fetch_is_reported(
    refused, server, served, credentials, stack, noise, limit
):
    served.commit(noise=noise)
    relay = stack.enter_context(Relay(server.port, limit=limit))
    folder = credentials(identity=server.private_key(), known_hosts=server.known_hosts(relay.port))
    message, _ = refused(folder, server.url(served.path, relay.port))
    assert message == "the server ended the connection too early"
    assert relay.n_bytes == limit
