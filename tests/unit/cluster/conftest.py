"""Fixtures: a scripted API server on loopback HTTP, a stepped clock, and a real client."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from reconciler.cluster.api.client import Client

TOKEN = "t0ken-never-to-be-seen"
PASSWORD = "passw0rd-never-to-be-seen"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: object


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: object = ""
    headers: tuple[tuple[str, str], ...] = ()
    chunks: Iterable[bytes] | None = None
    """The chunks of a response body, which the server sends one by one, as in a watch."""
    cut: bool = False
    """Whether the server closes the connection instead of responding."""


def status(code: int, message: str, reason: str = "", causes: tuple[dict, ...] = ()) -> Reply:
    details = {"details": {"causes": list(causes)}} if causes else {}
    body = {"kind": "Status", "status": "Failure", "message": message, "reason": reason}
    return Reply(code, {**body, "code": code, **details})


class FakeClock:
    """A clock that advances only in `sleep`."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        self.on_sleep()


@dataclass
class Server:
    """Calls the handler with the longest matching path for each request; records the requests."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    handlers: dict[str, Callable[[Request], Reply]] = field(default_factory=dict)

    def on(self, path: str, *replies: Reply) -> None:
        """Respond to requests for *path* with *replies* in order; repeat the last one."""
        left = list(replies)
        self.handlers[path] = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def handle(self, request: Request) -> Reply:
        self.requests.append(request)
        matches = [path for path in self.handlers if request.path.startswith(path)]
        if not matches:
            return Reply(404, "404 page not found\n")
        return self.handlers[max(matches, key=len)](request)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(size)
            parts = urlsplit(self.path)
            reply = server.handle(
                Request(
                    method=self.command,
                    path=parts.path,
                    query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                    headers=dict(self.headers.items()),
                    body=json.loads(text) if text else None,
                )
            )
            if reply.cut:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            if reply.chunks is not None:
                self._stream(reply.chunks)
                return
            body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def _stream(self, chunks: Iterable[bytes]) -> None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for chunk in chunks:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's

        def log_message(self, *_: object) -> None:
            """Do not log requests."""

    return Handler


@pytest.fixture
def server():
    scripted = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(scripted))
    http.daemon_threads = True
    scripted.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield scripted
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make_kubeconfig(tmp_path):
    def make(server_url: str, user: dict | None = None, **cluster: object) -> str:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server_url, **cluster}}],
            "users": [{"name": "u", "user": user or {"token": TOKEN}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        return str(path)

    return make


@pytest.fixture
def make_client(server, clock, make_kubeconfig, monkeypatch):
    """Builds clients of the scripted server, and closes them."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    clients = []

    def make(url: str | None = None, **options: object) -> Client:
        path = make_kubeconfig(url or f"http://127.0.0.1:{server.port}")
        options = {"request_timeout_s": 5.0, "clock": clock, **options}
        client = Client.from_options(kubeconfig_path=path, **options)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture
def harness():
    """Return this module, so that tests can use its classes and constants."""
    return sys.modules[__name__]


@pytest.fixture
def reply():
    return Reply


@pytest.fixture
def failure():
    return status


def meta(name: str, **more: object) -> dict:
    return {
        "name": name,
        "namespace": "db",
        "uid": f"uid-{name}",
        "generation": 1,
        "resourceVersion": "7",
        "creationTimestamp": "2026-11-23T00:40:27Z",
        **more,
    }


@pytest.fixture
def raw_vm():
    """A VM as an API server with KubeVirt v1.9.0 returns it, shortened."""

    def make(name: str = "pg-0", guest: object = "1Gi", **more: object) -> dict:
        domain = {"devices": {}, "memory": {"guest": guest}, "resources": {}}
        return {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": meta(name),
            "spec": {
                "runStrategy": "Always",
                "template": {"spec": {"architecture": "amd64", "domain": domain}},
            },
            "status": {"printableStatus": "Running"},
            **more,
        }

    return make


@pytest.fixture
def raw_vmi():
    """A VM instance as an API server with KubeVirt v1.9.0 returns it, shortened."""

    def make(name: str = "pg-0", **status: object) -> dict:
        cpu = {"cores": 2, "sockets": 3, "threads": 1}
        memory = {"guest": "1Gi", "maxGuest": "4Gi"}
        return {
            "metadata": meta(name, uid=f"vmi-{name}"),
            "spec": {"architecture": "amd64", "domain": {"cpu": cpu, "memory": memory}},
            "status": {
                "phase": "Running",
                "nodeName": "node01",
                "memory": {
                    "guestAtBoot": "1Gi",
                    "guestRequested": "1Gi",
                    "guestCurrent": "1Gi",
                },
                "guestOSInfo": {"id": "alpine", "kernelRelease": "6.12.8-0-virt"},
                "conditions": [
                    {
                        "type": "LiveMigratable",
                        "status": "True",
                        "lastProbeTime": None,
                        "lastTransitionTime": "2026-11-23T00:40:29Z",
                    }
                ],
                **status,
            },
        }

    return make


@pytest.fixture
def raw_migration():
    """A migration as the workload updater of KubeVirt creates it, shortened."""

    def make(name: str = "kubevirt-workload-update-mwljw", **more: object) -> dict:
        return {
            "metadata": meta(name, annotations={"kubevirt.io/workloadUpdateMigration": ""}),
            "spec": {"priority": "user-triggered", "vmiName": "pg-0"},
            **more,
        }

    return make


@pytest.fixture
def raw_kubevirt():
    """A KubeVirt CR as an API server with KubeVirt v1.9.0 returns it, shortened."""

    def make(name: str = "kubevirt", **spec: object) -> dict:
        return {
            "metadata": {**meta(name), "namespace": "kubevirt", "generation": 2},
            "spec": spec
            or {
                "configuration": {
                    "developerConfiguration": {"featureGates": ["Snapshot"]},
                    "vmRolloutStrategy": "LiveUpdate",
                    "liveUpdateConfiguration": {"maxGuest": "8Gi"},
                },
                "workloadUpdateStrategy": {
                    "workloadUpdateMethods": ["LiveMigrate"],
                    "batchEvictionInterval": "1m0s",
                },
            },
            "status": {
                "phase": "Deployed",
                "observedGeneration": 2,
                "observedKubeVirtVersion": "v1.9.0",
                "targetKubeVirtVersion": "v1.9.0",
                "observedDeploymentID": "d1",
                "targetDeploymentID": "d1",
            },
        }

    return make


@pytest.fixture
def page():
    def make(*items: dict, version: str = "9488", token: str = "") -> Reply:
        found = {"resourceVersion": version, "continue": token}
        return Reply(200, {"kind": "List", "metadata": found, "items": list(items)})

    return make


@pytest.fixture
def cluster(server, page, raw_kubevirt, raw_vm, raw_vmi, raw_migration):
    """The scripted API server with one object of each kind."""
    api = "/apis/kubevirt.io/v1"
    node = {
        "metadata": {"name": "node01", "labels": {"kubevirt.io/schedulable": "true"}},
        "status": {"allocatable": {"memory": "16Gi"}},
    }
    server.on(f"{api}/kubevirts", page(raw_kubevirt()))
    server.on(f"{api}/virtualmachines", page(raw_vm()))
    server.on(f"{api}/virtualmachineinstances", page(raw_vmi()))
    server.on(f"{api}/virtualmachineinstancemigrations", page(raw_migration()))
    server.on("/api/v1/nodes", page(node))
    server.on("/api/v1/namespaces/kube-system", Reply(200, {"metadata": {"uid": "cluster-1"}}))
    return server
