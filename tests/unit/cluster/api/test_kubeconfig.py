"""Tests which server and credentials a kubeconfig selects, and the errors if it selects none."""

from __future__ import annotations

import io
import logging
import sys

import pytest
from kubernetes.client import configuration

from reconciler.cluster.api import kubeconfig
from reconciler.cluster.api.client import Client
from reconciler.errors import ClusterError, UnauthorizedError, UsageError


def connect(clock, **options) -> Client:
    return Client.from_options(clock=clock, **options)


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_missing_cluster_configuration_raises_an_error(clock):
    with pytest.raises(ClusterError, match="no cluster is configured") as caught:
        connect(clock)
    assert "--kubeconfig" in caught.value.hint


def test_missing_kubeconfig_is_a_usage_error(clock):
    with pytest.raises(UsageError, match="the kubeconfig /no/such/file does not exist"):
        connect(clock, kubeconfig_path="/no/such/file")


def test_missing_kubeconfig_context_raises_an_error(clock, make_kubeconfig):
    path = make_kubeconfig("http://127.0.0.1:1")
    with pytest.raises(ClusterError, match="it has no context elsewhere"):
        connect(clock, kubeconfig_path=path, context="elsewhere")


def test_kubeconfig_context_option_without_a_kubeconfig_is_a_usage_error(clock):
    with pytest.raises(UsageError, match="the context a cannot be used: the kubeconfig"):
        connect(clock, context="a")


def test_environment_variable_selects_the_kubeconfig(clock, make_kubeconfig, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", make_kubeconfig("https://api.example:6443/base"))
    with connect(clock) as client:
        assert client.host == "api.example:6443"


def test_failed_credential_plugin_raises_an_error_without_its_output(
    clock, make_kubeconfig, caplog
):
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-c", "import sys; sys.exit('secret-of-the-plugin')"],
        }
    }
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(UnauthorizedError, match="the credential plugin") as caught:
        connect(clock, kubeconfig_path=make_kubeconfig("http://127.0.0.1:1", user))
    assert "secret-of-the-plugin" not in str(caught.value) + caplog.text
    assert logging.getLogger().handlers == handlers


def test_proxy_settings_are_read_from_the_environment_once(
    server, make_client, reply, monkeypatch
):
    client = make_client()
    server.on("/version", reply(200, {}))

    def searched():
        raise AssertionError

    monkeypatch.setattr(configuration, "getproxies", searched)
    assert client.get("/version")


def test_proxy_from_the_environment_is_used(server, make_client, reply, monkeypatch):
    def proxies():
        return {"http": f"http://127.0.0.1:{server.port}"}

    monkeypatch.setattr(configuration, "getproxies", proxies)
    server.on("/version", reply(200, {}))
    assert make_client("http://api.example").get("/version")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"#" * 1_000_001, "larger than 1,000,000 bytes"),
        (b"a: &a {}\nb:\n" + b"- {<<: *a}\n" * 11, "more than 10 YAML aliases"),
        (b"a: " + b"[" * 201, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("name", ["file", "stdin"])
def test_kubeconfig_that_takes_too_long_to_parse_is_rejected(
    tmp_path, monkeypatch, name, text, message
):
    path = tmp_path / "kubeconfig"
    path.write_bytes(text)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

    with pytest.raises(ClusterError, match=message):
        kubeconfig.load("-" if name == "stdin" else str(path), None)
    if name == "file":
        with pytest.raises(ClusterError, match="cannot be used"):
            kubeconfig.context_names(str(path))
