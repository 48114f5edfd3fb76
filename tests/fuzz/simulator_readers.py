"""Fuzz targets of the simulator: its YAML files, and requests to its API server."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml
from fuzz.cluster_readers import objects
from fuzz.mutation import BYTES, mutated_bytes, mutated_json, mutated_text
from fuzz.reader import Reader
from fuzz.source_readers import KUBEVIRT, VM
from support.served import WORLDS
from support.simulated import simulator

from reconciler.simulator.encoding import protobuf
from reconciler.simulator.http_server import http_app
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds
from reconciler.simulator.worlds.field_reader import WorldError

if TYPE_CHECKING:
    from random import Random

DOCUMENTS = tuple(
    yaml.safe_load((WORLDS / f"{name}.yaml").read_text())
    for name in ("hotplug", "quota", "backup-running", "in-flight", "migration-policy")
)
PATHS = (
    "/apis/kubevirt.io/v1/namespaces/NS/virtualmachines",
    "/apis/kubevirt.io/v1/namespaces/NS/virtualmachines/NAME",
    "/apis/kubevirt.io/v1/namespaces/NS/virtualmachineinstances/NAME",
    "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt",
    "/apis/kubevirt.io/v1/namespaces/NS/virtualmachineinstancemigrations",
    "/apis/subresources.kubevirt.io/v1/namespaces/NS/virtualmachines/NAME/restart",
    "/api/v1/namespaces/NS/pods",
    "/api/v1/namespaces/NS/resourcequotas",
    "/api/v1/nodes",
    "/api/v1/namespaces",
    "/api/v1/namespaces/NS/serviceaccounts/default/token",
    "/apis/coordination.k8s.io/v1/namespaces/NS/leases",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/openapi/v3/apis/kubevirt.io/v1",
    "/apis",
    "/version",
)
QUERIES = (
    ("limit", ("5", "0")),
    ("continue", ("abc", "eyJ2IjoibWV0YSJ9")),
    ("resourceVersion", ("0", "5")),
    ("resourceVersionMatch", ("Exact", "NotOlderThan")),
    ("labelSelector", ("a=b", "a in (b,c)")),
    ("fieldSelector", ("metadata.name=a", "status.phase!=Running")),
    ("watch", ("1", "true")),
    ("timeoutSeconds", ("5",)),
    ("dryRun", ("All",)),
    ("fieldManager", ("a",)),
    ("fieldValidation", ("Strict", "Warn", "Ignore")),
    ("force", ("true",)),
    ("allowWatchBookmarks", ("true",)),
    ("gracePeriodSeconds", ("0",)),
    ("propagationPolicy", ("Background",)),
)
MEDIA = (
    "application/json",
    "application/yaml",
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/vnd.kubernetes.protobuf",
    "text/plain",
)
PATCH = [
    {"op": "test", "path": "/spec/runStrategy", "value": "Always"},
    {"op": "replace", "path": "/spec/template/spec/domain/memory/guest", "value": "2Gi"},
    {"op": "add", "path": "/metadata/labels/a", "value": "b"},
    {"op": "copy", "from": "/metadata/name", "path": "/metadata/labels/c"},
    {"op": "move", "from": "/metadata/labels/a", "path": "/metadata/labels/d"},
    {"op": "remove", "path": "/metadata/labels/-/0"},
]
MERGE = {
    "metadata": {"labels": {"a": "b"}, "annotations": {"x": "y"}},
    "spec": {"template": {"spec": {"domain": {"memory": {"guest": "3Gi"}}}}},
    "status": {"phase": "Running"},
}
REVIEW = {"spec": {"resourceAttributes": {"verb": "get", "resource": "nodes", "group": ""}}}
OPTIONS = {"gracePeriodSeconds": 5, "dryRun": ["All"], "spec": {"audiences": ["a"]}}


def _world(rng: Random) -> bytes:
    document = rng.choice(DOCUMENTS)
    if rng.random() < 0.7:
        return mutated_json(rng, document)
    return mutated_bytes(rng, yaml.safe_dump(document).encode())


def _load(data: bytes) -> None:
    """Load a simulated cluster from a YAML file, and run it if the file is valid."""
    sim = Simulator(worlds.loads(data, "world.yaml"))
    del sim


def _bodies() -> tuple[Any, ...]:
    stored = [
        each
        for plural in ("virtualmachines", "virtualmachineinstances", "nodes", "pods", "kubevirts")
        for each in objects(plural)[:2]
    ]
    return (VM, KUBEVIRT, PATCH, MERGE, REVIEW, OPTIONS, *stored)


def _requests(rng: Random) -> list[dict[str, Any]]:
    """Return a few API requests in order; later ones see what earlier ones have stored."""
    return [_request(rng) for _ in range(6)]


def _request(rng: Random) -> dict[str, Any]:
    path = rng.choice(PATHS).replace("NS", "default").replace("NAME", "alpine")
    if rng.random() < 0.2:
        path = f"/{mutated_text(rng, (path,))}"
    query = [
        (name, mutated_text(rng, seeds) if rng.random() < 0.6 else rng.choice(seeds))
        for name, seeds in rng.sample(QUERIES, rng.choice((0, 0, 1, 2)))
    ]
    headers = {"content-type": rng.choice(MEDIA)}
    for name in ("accept", "content-type", "impersonate-user", "user-agent", "authorization"):
        if rng.random() < 0.06:
            headers[name] = mutated_text(rng, (*MEDIA, "Bearer a", "application/json;as=Table"))
    method = rng.choice(("GET", "POST", "PUT", "PATCH", "PATCH", "DELETE"))
    body = b""
    if method != "GET" and rng.random() < 0.95:
        body = mutated_json(rng, rng.choice(_bodies()))
        if rng.random() < 0.1:
            body = mutated_bytes(
                rng, b"k8s\x00\n\r\n\x02v1\x12\x09Namespace\x12\x08\n\x06\n\x04abcd"
            )
    if rng.random() < 0.1:
        body = rng.choice(BYTES)
    path = path.encode("utf-8", "replace").decode()  # as an HTTP server decodes it
    query = [(name, value.encode("utf-8", "replace").decode()) for name, value in query]
    headers = {
        name: value.encode("latin-1", "replace").decode("latin-1")
        for name, value in headers.items()
    }
    return {"method": method, "path": path, "query": query, "headers": headers, "body": body}


def _send(requests: list[dict[str, Any]]) -> None:
    sim = simulator("hotplug")
    for each in requests:
        answer = sim.request(**each)
        assert answer.status < 500 or answer.status == 504, (answer.status, answer.body)
        if hasattr(answer, "poll"):
            list(answer.poll())
            answer.close()
            list(answer.poll())
        sim.engine.step(1.0)
    sim.engine.step(20.0)


def _http(requests: list[dict[str, Any]]) -> None:
    """Send API requests to the HTTP application, with unprocessed headers."""
    sim = simulator("hotplug")
    app = http_app.build(sim.api)
    for each in requests:
        asyncio.run(_asgi(app, sim, each))


async def _asgi(app: Any, sim: Simulator, each: dict[str, Any]) -> None:
    query = "&".join(f"{name}={value}" for name, value in each["query"])
    if "watch" in query:
        return
    headers = {"authorization": f"Bearer {sim.api.tokens.admin}", **each["headers"]}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": each["method"],
        "scheme": "http",
        "path": each["path"].encode("utf-8", "replace").decode("utf-8"),
        "raw_path": each["path"].encode("utf-8", "replace"),
        "root_path": "",
        "query_string": query.encode("utf-8", "surrogatepass"),
        "headers": [
            (name.encode("latin-1"), value.encode("utf-8", "replace"))
            for name, value in headers.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": each["body"], "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] < 500 or sent[0]["status"] == 504, sent


READERS = (
    Reader(name="world file", make=_world, read=_load, errors=(WorldError,), weight=20),
    Reader(name="simulator request", make=_requests, read=_send, weight=20),
    Reader(name="simulator HTTP", make=_requests, read=_http, weight=20),
    Reader(
        name="simulator protobuf",
        make=lambda rng: mutated_bytes(
            rng, b"k8s\x00\n\r\n\x02v1\x12\x09Namespace\x12\x08\n\x06\n\x04abcd"
        ),
        read=protobuf.loads,
        errors=(protobuf.UnsupportedError,),
    ),
    Reader(
        name="simulator quantity",
        make=partial(mutated_text, seeds=("2Gi", "1.5G", "1e9")),
        read=lambda text: (quantity.parse(text), quantity.canonical(text)),
        errors=(quantity.QuantityError,),
    ),
)
