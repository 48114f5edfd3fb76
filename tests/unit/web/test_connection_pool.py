"""Tests HTTPS connections to a Git host: proxies and certificate authorities."""

from __future__ import annotations

from base64 import b64encode

import pytest
from support.fake_ports import FakeClock
from support.forges.fake_forge import TOKEN, FakeGitea
from support.git_servers.certificates import Authority
from support.git_servers.proxy import Proxy
from support.tools.installed import tool

from reconciler.errors import ForgeError, UsageError
from reconciler.forge.forge_client import ForgeClient
from reconciler.forge.github import Gitea
from reconciler.web.connection_pool import connection_pool

FORGE = Gitea("team/vms")
BASE = "https://git.example.com:8443/api/v1"
LOGIN = "Basic " + b64encode(b"bot:pass word").decode()


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in ("all_proxy", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority.create(str(tool("openssl")), tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture
def server(authority):
    with FakeGitea(tls=authority.context()) as found:
        yield found


@pytest.fixture
def user(server):
    """Returns a function that reads the name of the token's user from a Git host over HTTPS."""

    def read(ca=None) -> str:
        headers, clock = FORGE.headers(TOKEN), FakeClock()
        with ForgeClient(server.url, token=TOKEN, headers=headers, clock=clock, ca=ca) as client:
            return FORGE.user_name(client.send(FORGE.user()).body)

    return read


def test_certificate_authority_of_a_private_git_host_is_read_from_a_file(user, authority):
    assert user(authority.certificate) == "reconciler-bot"


def test_certificate_authority_in_the_environment_variable_ssl_cert_file_is_trusted(
    user, authority, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert user() == "reconciler-bot"


def test_git_host_token_is_not_sent_to_a_server_with_an_unknown_certificate_authority(
    user, server
):
    with pytest.raises(ForgeError, match=r"failed: no response \(SSLError\)"):
        user()
    assert server.requests == []


def test_unreadable_file_of_certificate_authorities_is_a_usage_error(user, tmp_path):
    (tmp_path / "ca.crt").write_text("no certificate", encoding="utf-8")
    for name in ("ca.crt", "missing.crt"):
        with pytest.raises(
            UsageError, match="cannot read the CA certificates for the Git host from"
        ):
            user(tmp_path / name)


def test_https_request_authenticates_to_the_proxy_without_showing_it_the_git_host_token(
    user, authority, server, monkeypatch
):
    with Proxy(LOGIN) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://bot:pass%20word@127.0.0.1:{proxy.port}")
        assert user(authority.certificate) == "reconciler-bot"
        assert proxy.targets == [server.url.removeprefix("https://").partition("/")[0]]


def test_error_about_a_proxy_does_not_contain_its_password(user, authority, monkeypatch):
    with Proxy(LOGIN) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://bot:hunter2@127.0.0.1:{proxy.port}")
        with pytest.raises(ForgeError) as raised:
            user(authority.certificate)
    assert "HTTPS_PROXY" in raised.value.hint
    assert "hunter2" not in f"{raised.value}{raised.value.hint}"


def proxied(no_proxy: str, base_url: str = BASE) -> bool:
    environ = {"HTTPS_PROXY": "proxy.example.com:3128", "NO_PROXY": no_proxy}
    return (
        connection_pool(base_url, ca=None, environ=environ, server="the forge").proxy is not None
    )


@pytest.mark.parametrize(
    "no_proxy",
    [
        "*",
        "git.example.com",
        "other.example, .example.com",
        "*.example.com",
        "EXAMPLE.COM",
        "git.example.com:8443",
    ],
)
def test_no_proxy_variable_selects_a_direct_connection(no_proxy):
    assert not proxied(no_proxy)


@pytest.mark.parametrize("no_proxy", ["", ",", "xample.com", "git.example.com:443", "10.0.0.0/8"])
def test_no_proxy_entry_for_a_different_host_has_no_effect(no_proxy):
    assert proxied(no_proxy)


@pytest.mark.parametrize(("host", "direct"), [("10.1.2.3", True), ("11.1.2.3", False)])
def test_no_proxy_variable_can_contain_an_ip_network(host, direct):
    assert proxied("10.0.0.0/8", f"https://{host}/api") is not direct


def test_http_request_to_a_loopback_address_never_uses_a_proxy():
    assert not proxied("", "http://127.0.0.1:3000/api/v1")


@pytest.mark.parametrize(
    "proxy", ["socks5://10.0.0.1:1080", "http:///p", "http://[", "http://a:0"]
)
def test_unusable_proxy_is_a_usage_error_that_does_not_contain_the_proxy_url(proxy):
    with pytest.raises(UsageError) as raised:
        connection_pool(BASE, ca=None, environ={"https_proxy": f"{proxy}"}, server="the forge")
    assert proxy not in str(raised.value)
