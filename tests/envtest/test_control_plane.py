"""Tests the start and stop of a control plane with fake etcd and kube-apiserver programs."""

from __future__ import annotations

import os
import socket
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from envtest import clusters, control_plane, definitions
from envtest.control_plane import HOST, ControlPlane, ControlPlaneError, running

from reconciler.app.clock import SystemClock
from reconciler.cluster.api.client import Client
from reconciler.errors import UnauthorizedError

if TYPE_CHECKING:
    from pathlib import Path

STAND_IN = f"""\
#!{sys.executable}
import http.server, pathlib, ssl, sys, urllib.parse
flags = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:])
token = ""
if "tls-cert-file" in flags:
    token = pathlib.Path(flags["token-auth-file"]).read_text().split(",")[0]
    port, ready = int(flags["secure-port"]), "/readyz"
else:
    port, ready = urllib.parse.urlsplit(flags["listen-client-urls"]).port, "/health"

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = not token or self.headers["Authorization"] == f"Bearer {{token}}"
        self.send_response((200 if self.path == ready else 404) if known else 401)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
if token:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(flags["tls-cert-file"], flags["tls-private-key-file"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("serving", flush=True)
server.serve_forever()
"""


@pytest.fixture
def program(tmp_path):
    """Write an executable file to a temporary directory."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "assets" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o700)
        return path

    return write


@pytest.fixture
def plane(tmp_path):
    (tmp_path / "data").mkdir()
    return ControlPlane.on_free_ports(tmp_path / "assets", tmp_path / "data")


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_control_plane_accepts_only_its_own_token_and_stops_when_the_context_manager_exits(
    plane, program
):
    for name in ("etcd", "kube-apiserver"):
        program(name, STAND_IN)
    with control_plane.started(plane) as kubeconfig:
        assert is_open(plane.etcd_port)
        with Client.from_options(clock=SystemClock(), kubeconfig_path=str(kubeconfig)) as client:
            assert client.get("/readyz") == b"ok"
        kubeconfig.write_text(kubeconfig.read_text().replace(plane.token, "another"))
        with (
            Client.from_options(clock=SystemClock(), kubeconfig_path=str(kubeconfig)) as client,
            pytest.raises(UnauthorizedError),
        ):
            client.get("/readyz")
        for secret in (plane.key, plane.token_file, kubeconfig):
            assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert not is_open(plane.port)
    assert not is_open(plane.etcd_port)


def test_control_plane_listens_on_loopback_only(plane):
    etcd, apiserver = plane.etcd_command(), plane.apiserver_command()
    assert [each.split("=")[1] for each in etcd if "-urls=" in each] == [
        f"http://127.0.0.1:{plane.etcd_port}",
        f"http://127.0.0.1:{plane.etcd_port}",
        f"http://127.0.0.1:{plane.peer_port}",
    ]
    assert {"--bind-address=127.0.0.1", f"--secure-port={plane.port}"} < set(apiserver)
    assert f"--etcd-servers=http://127.0.0.1:{plane.etcd_port}" in apiserver


def test_control_plane_token_does_not_appear_in_process_command_lines(plane):
    for command in (plane.etcd_command(), plane.apiserver_command(), plane.certificate_command()):
        assert plane.token not in " ".join(command)


def test_error_about_a_missing_control_plane_program_contains_its_name(plane, program):
    program("etcd", STAND_IN)
    with (
        pytest.raises(ControlPlaneError, match="which has no kube-apiserver"),
        control_plane.started(plane),
    ):
        pytest.fail("it started")


def test_control_plane_program_that_exits_early_raises_an_error_with_its_output(tmp_path, program):
    path = program("etcd", "#!/bin/sh\necho unknown flag: --nope\nexit 2\n")
    with (
        pytest.raises(ControlPlaneError, match=r"ended with 2:\nunknown flag: --nope"),
        running([str(path)], tmp_path / "log", lambda: False),
    ):
        pytest.fail("it is ready")


def test_control_plane_program_that_never_becomes_ready_is_stopped(tmp_path, program):
    path = program("etcd", "#!/bin/sh\necho $$\nexec sleep 60\n")
    log = tmp_path / "log"
    with (
        pytest.raises(ControlPlaneError, match="is not ready after"),
        running([str(path)], log, lambda: False, start_s=0.3),
    ):
        pytest.fail("it is ready")
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text()), 0)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "simulated"),
        ({"KUBECONFIG": "/k"}, "simulated"),
        ({"RECONCILER_ENVTEST_CLUSTER": "0", "KUBECONFIG": "/k"}, "simulated"),
        ({"KUBEBUILDER_ASSETS": "/a"}, "started"),
        ({"KUBEBUILDER_ASSETS": ""}, "simulated"),
        ({"RECONCILER_ENVTEST_CLUSTER": "1", "KUBEBUILDER_ASSETS": "/a"}, "given"),
    ],
)
def test_api_server_tests_use_an_existing_cluster_only_if_an_environment_variable_requests_this(
    environment, expected
):
    assert clusters.chosen(environment) == expected


def test_packaged_crds_include_the_kubevirt_kinds():
    found = {each["metadata"]["name"] for each in definitions.load(definitions.SHIPPED)}
    assert found >= {
        f"{plural}.kubevirt.io"
        for plural in (
            "kubevirts",
            "virtualmachines",
            "virtualmachineinstances",
            "virtualmachineinstancemigrations",
        )
    }


def test_crd_loader_ignores_objects_and_files_that_are_not_crds(tmp_path):
    (tmp_path / "operator.yaml").write_text(
        "kind: Namespace\n---\nkind: CustomResourceDefinition\nmetadata: {name: a}\n---\n"
    )
    (tmp_path / "b.json").write_text('{"kind": "CustomResourceDefinition"}')
    (tmp_path / "schemas.json").write_text('{"V1Pod": {"type": "object"}}')
    (tmp_path / "README.md").write_text("no data")
    kind = "CustomResourceDefinition"
    assert definitions.load(tmp_path) == [
        {"kind": kind},
        {"kind": kind, "metadata": {"name": "a"}},
    ]


def test_crd_loader_rejects_a_directory_without_crds(tmp_path):
    (tmp_path / "schemas.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="no CustomResourceDefinition"):
        definitions.load(tmp_path)
