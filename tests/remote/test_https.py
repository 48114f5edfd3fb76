"""Tests fetches over HTTPS from a real git-http-backend, with all credentials and failures."""

from __future__ import annotations

import pytest
from support.git_servers.http_backend import basic, http_server
from support.git_servers.outcome import failed
from support.git_servers.proxy import Proxy
from support.git_servers.relay import Relay

CHECK_LOGIN = (
    "check `username` and `password`, or `bearerToken`, in --git-credentials; the token might "
    "have expired, or might lack permission to read the repository"
)
CHECK_NETWORK = "check the repository URL, the network and the proxy (HTTPS_PROXY, NO_PROXY)"
MOVED = "set --repo to the new URL of the repository"
TOO_EARLY = "the server ended the connection too early"


@pytest.fixture
def server(served, authority, leaks, secret, stack):
    """An HTTPS Git server that requires the user ``bot`` and the secret as the password."""
    return stack.enter_context(
        http_server(
            served.root,
            tls=authority.context(),
            authorization=basic("bot", secret),
            on_request=leaks.look,
        )
    )


@pytest.fixture
def folder(credentials, authority, secret):
    """A directory with the correct credentials and the certificate authority of the server."""
    return credentials(username="bot\n", password=secret, ca_crt=authority.certificate.read_text())


@pytest.fixture
def refused(validate, server):
    """Returns a function that fetches from the server and returns the message and the hint."""

    def run(folder=None, url=None):
        address = url or f"{server.url}/fleet.git"
        code, message, hint = failed(validate(address, folder))
        assert code == 1
        start = f"{address} cannot be fetched: "
        assert message.startswith(start)
        return message.removeprefix(start), hint

    return run


def test_https_repository_is_read_with_user_and_password(validate, server, folder, leaks):
    assert validate(f"{server.url}/fleet.git", folder).code == 0
    assert leaks.n_looks >= 3


def test_https_repository_is_read_with_user_and_password_in_the_url(
    validate, server, secret, authority, monkeypatch, leaks
):
    monkeypatch.setenv("GIT_SSL_CAINFO", str(authority.certificate))
    address = f"{server.url}/fleet.git".replace("//", f"//bot:{secret}@")
    assert validate(address).code == 0
    assert leaks.n_looks >= 3


def test_https_repository_is_read_with_a_bearer_token(
    validate, server, credentials, secret, authority
):
    server.authorization = f"Bearer {secret}"
    folder = credentials(bearerToken=secret, ca_crt=authority.certificate.read_text())
    assert validate(f"{server.url}/fleet.git", folder).code == 0
    assert server.headers("authorization") == [f"Bearer {secret}"] * len(server.requests)


def test_https_repository_is_read_with_a_password_without_a_user_name(
    validate, server, credentials, secret, authority
):
    server.authorization = basic("git", secret)
    folder = credentials(password=secret, ca_crt=authority.certificate.read_text())
    assert validate(f"{server.url}/fleet.git", folder).code == 0


def test_git_password_is_used_for_the_user_in_the_repository_url(
    validate, server, credentials, secret, authority
):
    folder = credentials(password=secret, ca_crt=authority.certificate.read_text())
    address = f"{server.url}/fleet.git".replace("//", "//bot@")
    assert validate(address, folder).code == 0


def test_https_repository_is_read_with_credentials_from_netrc(
    validate, server, secret, authority, monkeypatch, tmp_path
):
    monkeypatch.setenv("GIT_SSL_CAINFO", str(authority.certificate))
    (tmp_path / "home" / ".netrc").write_text(f"machine localhost login bot password {secret}\n")
    assert validate(f"{server.url}/fleet.git").code == 0


def test_password_from_netrc_is_not_sent_if_a_git_credentials_directory_is_set(
    refused, server, credentials, secret, authority, tmp_path
):
    (tmp_path / "home" / ".netrc").write_text(f"machine localhost login bot password {secret}\n")
    folder = credentials(ca_crt=authority.certificate.read_text())
    assert refused(folder)[0] == "the server asks for credentials, but none are set"
    assert server.headers("authorization") == []


def test_git_credentials_directory_replaces_user_credentials_but_not_proxy_settings(
    validate, server, folder, secret, stack, monkeypatch, tmp_path
):
    """The user's configuration has several credentials, a proxy and a certificate authority."""
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    home, proxy = tmp_path / "home", stack.enter_context(Proxy())
    (folder / "ca.crt").rename(home / "ca.crt")
    (home / ".netrc").write_text("machine localhost login other password of-netrc\n")
    (home / "cookies").write_text("localhost\tFALSE\t/\tTRUE\t0\tsession\tof-cookie\n")
    (home / "helper").write_text(f"#!/bin/sh\ntouch {home}/ran\n")
    (home / "helper").chmod(0o755)
    (home / ".gitconfig").write_text(
        f"""
        [http]
            proxy = http://127.0.0.1:{proxy.port}
            sslCAInfo = ~/ca.crt
            extraHeader = "X-Token: of-header"
            cookieFile = ~/cookies
            emptyAuth = true
        [http "{server.url}/fleet.git"]
            extraHeader = "X-Token: of-address"
        [credential]
            helper = {home}/helper
        [core]
            askPass = {home}/helper
        [url "https://other:of-rewrite@localhost:{server.port}/fleet"]
            insteadOf = https://localhost:{server.port}/fleet
        [url "{server.url}/"]
            insteadOf = https://mirror.example/
        """
    )
    assert validate("https://mirror.example/fleet.git", folder).code == 1
    assert server.headers("authorization") == []  # the host is not the host of --repo
    assert validate(f"{server.url}/fleet.git", folder).code == 0
    assert set(server.headers("authorization")) == {basic("bot", secret)}
    assert server.headers("x-token") == server.headers("cookie") == []
    assert set(proxy.targets) == {f"localhost:{server.port}"}
    assert not (home / "ran").exists()


def test_git_credentials_are_read_again_at_each_fetch(
    validate, server, folder, credentials, secret
):
    server.authorization = basic("bot", f"{secret}-2")
    assert validate(f"{server.url}/fleet.git", folder).code == 1
    credentials(password=f"{secret}-2")
    assert validate(f"{server.url}/fleet.git", folder).code == 0


def test_wrong_https_password_is_reported(refused, folder, credentials, secret):
    credentials(password=f"{secret}-wrong")
    assert refused(folder) == ("the server rejects the credentials", CHECK_LOGIN)


def test_wrong_bearer_token_for_a_repository_is_reported(refused, credentials, secret, authority):
    folder = credentials(bearerToken=secret, ca_crt=authority.certificate.read_text())
    assert refused(folder) == ("the server rejects the credentials", CHECK_LOGIN)


def test_expired_https_credentials_are_reported(refused, server, folder, credentials, secret):
    server.refusal = 403
    credentials(password=f"{secret}-expired")
    assert refused(folder) == ("the server denies access (403)", CHECK_LOGIN)


def test_missing_https_credentials_are_reported(refused, server, credentials, authority):
    assert refused(credentials(ca_crt=authority.certificate.read_text())) == (
        "the server asks for credentials, but none are set",
        "set --git-credentials to a directory with `username` and `password`",
    )
    assert server.headers("authorization") == []


def test_missing_https_repository_is_reported(refused, server, folder):
    assert refused(folder, f"{server.url}/none.git") == (
        "the server has no such repository, or hides it from this user",
        "check the repository URL and the credentials; some servers hide private repositories",
    )


@pytest.fixture
def other(served, authority, stack):
    """A second HTTPS server, which asks for credentials; its host name is 127.0.0.1."""
    found = stack.enter_context(
        http_server(served.root, tls=authority.context(), authorization="something else")
    )
    found.host = "127.0.0.1"
    return found


def test_git_password_is_not_sent_to_the_host_of_a_redirect(refused, server, other, folder):
    server.redirect = other.url
    assert refused(folder) == (
        (
            f"the server redirects to {other.url}, which asks for credentials, but the "
            f"credentials for {server.url} are sent only to {server.url}"
        ),
        MOVED,
    )
    assert len(other.requests) == 1
    assert other.headers("authorization") == []


def test_git_password_is_not_sent_to_a_different_port_of_the_git_server(
    refused, server, other, folder
):
    other.host = "localhost"
    server.redirect = other.url
    message, _ = refused(folder)
    assert message.startswith(f"the server redirects to {other.url}, which asks for credentials")
    assert other.headers("authorization") == []


def test_password_in_the_repository_url_is_not_sent_to_the_host_of_a_redirect(
    validate, server, other, secret, authority, monkeypatch
):
    monkeypatch.setenv("GIT_SSL_CAINFO", str(authority.certificate))
    server.redirect = other.url
    address = f"{server.url}/fleet.git".replace("//", f"//bot:{secret}@")
    assert "the server redirects to" in failed(validate(address))[1]
    assert len(other.requests) == 1
    assert other.headers("authorization") == []


def test_password_from_netrc_is_not_sent_to_the_host_of_a_redirect(
    refused, server, other, secret, authority, monkeypatch, tmp_path
):
    monkeypatch.setenv("GIT_SSL_CAINFO", str(authority.certificate))
    (tmp_path / "home" / ".netrc").write_text(f"machine localhost login bot password {secret}\n")
    server.redirect = other.url
    assert refused()[1] == MOVED
    assert len(other.requests) == 1
    assert other.headers("authorization") == []


def test_bearer_token_is_not_sent_to_the_host_of_a_redirect(
    refused, server, other, credentials, secret, authority
):
    server.redirect = other.url
    folder = credentials(bearerToken=secret, ca_crt=authority.certificate.read_text())
    assert refused(folder) == (
        "the server redirects to another URL, to which the bearer token is not sent",
        MOVED,
    )
    assert other.requests == []


def test_redirect_to_a_public_repository_is_followed_without_credentials(
    validate, server, other, folder
):
    server.redirect, other.authorization = other.url, ""
    assert validate(f"{server.url}/fleet.git", folder).code == 0
    assert other.headers("authorization") == []


def test_redirect_from_https_to_http_is_rejected(refused, server, served, folder, stack):
    plain = stack.enter_context(http_server(served.root))
    server.redirect = plain.url
    assert refused(folder) == (
        "the server redirects to a URL without encryption",
        "set --repo to the new https:// URL of the repository",
    )
    assert plain.requests == []


def test_unknown_certificate_authority_of_a_git_server_is_reported(
    refused, server, credentials, secret
):
    assert refused(credentials(username="bot", password=secret)) == (
        "the certificate of the server cannot be verified",
        ("add the CA certificate as `ca.crt` to --git-credentials, or set GIT_SSL_CAINFO"),
    )
    assert server.requests == []


def test_git_credentials_are_not_sent_to_a_server_with_an_unverified_certificate(
    refused, server, credentials, secret, monkeypatch
):
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    message, _ = refused(credentials(username="bot", password=secret))
    assert message == "the certificate of the server cannot be verified"
    assert server.requests == []


def test_https_repository_is_read_through_a_proxy(validate, server, folder, stack, monkeypatch):
    proxy = stack.enter_context(Proxy(basic("me", "proxy-password")))
    monkeypatch.setenv("https_proxy", f"http://me:proxy-password@127.0.0.1:{proxy.port}")
    assert validate(f"{server.url}/fleet.git", folder).code == 0
    assert set(proxy.targets) == {f"localhost:{server.port}"}


def test_proxy_that_rejects_its_credentials_is_reported(
    refused, server, folder, stack, monkeypatch
):
    proxy = stack.enter_context(Proxy(basic("me", "proxy-password")))
    monkeypatch.setenv("https_proxy", f"http://me:wrong-word@127.0.0.1:{proxy.port}")
    message, hint = refused(folder)
    assert message == "the proxy rejects the credentials"
    assert hint.startswith("add the credentials to the proxy URL")
    assert (server.requests, proxy.targets) == ([], [])


def test_unreachable_proxy_is_reported(refused, folder, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert refused(folder) == ("the connection to the server failed", CHECK_NETWORK)


@pytest.mark.parametrize("has_certificate", [True, False])
def test_client_certificate_is_sent_to_a_git_server_that_requires_it(
    validate, served, authority, credentials, stack, has_certificate
):
    tls = authority.context(asks_client=True)
    server = stack.enter_context(http_server(served.root, tls=tls))
    files = {"ca_crt": "ca.crt"}
    if has_certificate:
        files |= {"tls_crt": "tls.crt", "tls_key": "tls.key"}
    texts = {name: (authority.folder / file).read_text() for name, file in files.items()}
    ended = validate(f"{server.url}/fleet.git", credentials(**texts))
    assert (ended.code == 0, len(server.requests) > 0) == (has_certificate, has_certificate)


@pytest.mark.parametrize("limit", [0, 1_000, 3_000, 5_000, 100_000])
def test_git_connection_that_ends_in_the_middle_of_a_fetch_is_reported(
    validate, server, served, folder, stack, limit, noise
):
    served.commit(noise=noise)
    relay = stack.enter_context(Relay(server.port, limit=limit))
    code, message, _ = failed(validate(f"https://localhost:{relay.port}/fleet.git", folder))
    assert code == 1
    assert message.endswith(f"cannot be fetched: {TOO_EARLY}")
    assert relay.n_bytes == limit
