"""``ApiServer``: a simulated Kubernetes API server without objects, whose clock tests advance."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from reconciler.simulator.apiserver import bootstrap
from reconciler.simulator.apiserver.access.authentication import ADMIN, Tokens
from reconciler.simulator.apiserver.access.rbac import Mode
from reconciler.simulator.apiserver.api_server import KubeApiServer
from reconciler.simulator.apiserver.reading.watch import WatchStream
from reconciler.simulator.apiserver.request.admission import Admission
from reconciler.simulator.apiserver.request.http_messages import Request, User, parse_query
from reconciler.simulator.clock import SimClock
from reconciler.simulator.store.history import Key
from reconciler.simulator.store.store import Store

VMS = "/apis/kubevirt.io/v1/namespaces/db/virtualmachines"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    text: str
    delay_s: float = 0.0

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def guest(self) -> str:
        return self.body["spec"]["template"]["spec"]["domain"]["memory"]["guest"]

    @property
    def revision(self) -> str:
        return self.body["metadata"]["resourceVersion"]


def vm(name: str = "pg", guest: str = "1Gi", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "db", **metadata},
        "spec": {
            "runStrategy": "Halted",
            "template": {"spec": {"domain": {"devices": {}, "memory": {"guest": guest}}}},
        },
    }


def vm_key(name: str = "pg", namespace: str = "db") -> Key:
    return Key("virtualmachines.kubevirt.io", namespace, name)


def encoded(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


@dataclass
class ApiServer:
    """A simulated Kubernetes API server that tests call in process."""

    mode: Mode = Mode.OPEN
    tokens: dict[str, User] = field(default_factory=dict)
    history: int = 10_000
    scale: float | None = None

    def __post_init__(self) -> None:
        self.clock = SimClock(scale=self.scale)
        self.store = Store(self.clock, history=self.history)
        self.admission = Admission()
        known = Tokens(self.clock, self.tokens)
        self.api = KubeApiServer(self.store, self.admission, tokens=known, mode=self.mode)
        self.faults = self.api.faults
        bootstrap.ensure_namespace(self.store, "db")

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        *,
        user: User | None = ADMIN,
        **headers: str,
    ) -> Answer:
        answer = self.ask(method, path, body, content_type, user=user, **headers)
        assert not isinstance(answer, WatchStream)
        return Answer(answer.status, answer.headers, answer.body.decode(), answer.delay_s)

    def watch(self, path: str, **headers: str) -> WatchStream:
        answer = self.ask("GET", path, **headers)
        assert isinstance(answer, WatchStream)
        return answer

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        *,
        user: User | None = ADMIN,
        **headers: str,
    ) -> Any:
        plain, _, query = path.partition("?")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.handle(
            Request(
                method=method,
                path=plain,
                query=parse_query(query),
                headers={"content-type": content_type, "user-agent": "test/1.0", **named},
                body=encoded(body),
                user=user,
            )
        )

    def create_vm(self, name: str = "pg", **options: Any) -> Answer:
        answer = self.send("POST", VMS, vm(name, **options))
        assert answer.status == 201, answer.text
        return answer

    def patch(self, operations: Any, name: str = "pg", query: str = "") -> Answer:
        kind = JSON_PATCH if isinstance(operations, list) else MERGE_PATCH
        return self.send("PATCH", f"{VMS}/{name}?{query}", operations, kind)


def frames(stream: WatchStream) -> list[dict[str, Any]]:
    """Return the watch events that are available now."""
    return [json.loads(frame) for frame in stream.poll()]


def over_http(
    url: str,
    method: str,
    path: str,
    body: Any = None,
    content_type: str = "application/json",
    token: str = "",
    *,
    first_line: bool = False,
    user_agent: str = "test/1.0",
) -> Answer:
    """Send one request over HTTP; for a watch request, return only the first line."""
    headers = {"Content-Type": content_type, "User-Agent": user_agent}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with closing(
        http.client.HTTPConnection(url.removeprefix("http://"), timeout=500)
    ) as connection:
        connection.request(method, path, encoded(body), headers)
        with connection.getresponse() as response:
            text = response.readline() if first_line else response.read()
            return Answer(response.status, tuple(response.getheaders()), text.decode())
