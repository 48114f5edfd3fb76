"""Tests that a client loads its credentials again after a 401 and repeats the request."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import pytest
from kubernetes.config import incluster_config

from reconciler.cluster.api.client import Client
from reconciler.errors import UnauthorizedError
from reconciler.simulator.apiserver.access import authentication
from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

if TYPE_CHECKING:
    from pathlib import Path

VMS = "/apis/kubevirt.io/v1/namespaces/default/virtualmachines"
WORLD = {
    "apiVersion": "simulator/v1alpha1",
    "kind": "World",
    "name": "tokens",
    "kubevirt": {"version": "v1.9.0"},
    "vms": [{"name": "vm", "guest": "1Gi"}],
}
HOUR_S = 3600.0


@pytest.fixture
def simulator():
    return Simulator(worlds.parse(WORLD), clock=SimClock())


@pytest.fixture
def tokens(simulator):
    return simulator.api.tokens


@pytest.fixture
def url(simulator):
    with simulator.serve() as server:
        yield server.url


@pytest.fixture
def token_file(tmp_path, tokens):
    path = tmp_path / "token"
    path.write_text(tokens.issue(authentication.ADMIN, HOUR_S))
    return path


def by_file(token_file: Path) -> dict:
    return {"tokenFile": str(token_file)}


def by_plugin(token_file: Path) -> dict:
    program = (
        "import json,sys;"
        "t=open(sys.argv[1]).read();"
        "print(json.dumps({'apiVersion':'client.authentication.k8s.io/v1',"
        "'kind':'ExecCredential','status':{'token':t}}))"
    )
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", program, str(token_file)],
        "interactiveMode": "Never",
    }
    return {"exec": plugin}


@pytest.fixture(params=[by_file, by_plugin], ids=["token file", "exec plugin"])
def rotated(request, url, clock, make_kubeconfig, token_file, simulator, tokens):
    """A client whose token is revoked, and replaced in the file that contains it."""
    path = make_kubeconfig(url, request.param(token_file))
    with Client.from_options(clock=clock, kubeconfig_path=path) as client:
        client.get(VMS)
        tokens.revoke(token_file.read_text())
        token_file.write_text(tokens.issue(authentication.ADMIN, HOUR_S))
        simulator.api.log.clear()
        yield client


def statuses(simulator):
    return [each.status for each in simulator.request_log]


def test_read_request_is_repeated_with_the_new_token_after_a_401(rotated, simulator):
    rotated.get(VMS)
    rotated.get(VMS)
    assert statuses(simulator) == [401, 200, 200]


def test_patch_request_is_repeated_with_the_new_token_after_a_401(rotated, simulator):
    ops = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
    assert rotated.patch(f"{VMS}/vm", ops).status == 200
    assert statuses(simulator) == [401, 200]


def test_watch_request_is_repeated_with_the_new_token_after_a_401(rotated, simulator):
    watch = rotated.watch(VMS, "1", 5.0)
    watch.close()
    assert statuses(simulator) == [401, 200]


def test_second_401_for_the_same_request_raises_an_error(
    url, clock, make_kubeconfig, token_file, simulator, tokens
):
    path = make_kubeconfig(url, by_file(token_file))
    with Client.from_options(clock=clock, kubeconfig_path=path) as client:
        tokens.revoke(token_file.read_text())
        with pytest.raises(UnauthorizedError, match="the server rejected the credentials"):
            client.get(VMS)
    assert statuses(simulator) == [401, 401]


def test_401_is_raised_if_the_credentials_cannot_be_loaded_again(
    url, clock, make_kubeconfig, token_file, simulator, tokens, caplog
):
    caplog.set_level(logging.INFO)
    path = make_kubeconfig(url, by_plugin(token_file))
    secret = token_file.read_text()
    with Client.from_options(clock=clock, kubeconfig_path=path) as client:
        tokens.revoke(secret)
        token_file.unlink()
        with pytest.raises(UnauthorizedError, match="the server rejected the credentials"):
            client.get(VMS)
    assert statuses(simulator) == [401]
    assert "cannot load the credentials again: the credential plugin" in caplog.text
    assert secret not in caplog.text


def test_in_cluster_client_reads_a_rotated_token_after_a_401(
    server, clock, reply, failure, tmp_path, monkeypatch
):
    """The kubernetes library reads the token file once a minute, but immediately after a 401."""
    token, root = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("old")
    root.write_text("not read over http")
    load = incluster_config.InClusterConfigLoader._load_config

    def load_for_http(loader):
        load(loader)
        loader.host = f"http://127.0.0.1:{server.port}"

    monkeypatch.setattr(incluster_config.InClusterConfigLoader, "_load_config", load_for_http)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(root))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))

    def answer(request):
        new = request.headers["authorization"].endswith(" new")
        return reply(200, {}) if new else failure(401, "Unauthorized")

    server.handlers[VMS] = answer
    with Client.from_options(clock=clock) as client:
        token.write_text("new")
        client.get(VMS)
    assert len(server.requests) == 2
