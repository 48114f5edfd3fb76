"""Fuzz targets: objects, lists, watches, Leases, errors and headers from an API server."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fuzz.mutation import mutated_bytes, mutated_json, mutated_text
from fuzz.reader import Reader
from support.fake_ports import FakeClock
from support.served import EXAMPLES
from support.simulated import InProcessApi, _Response, rig

from reconciler.app.read_and_plan import plan_against_cluster
from reconciler.cluster.api import api_errors
from reconciler.cluster.api.client import Client
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.api.watch import Watch
from reconciler.cluster.decode import (
    aaq_objects,
    cluster_nodes,
    limit_range_objects,
    list_stream,
    spare_capacity,
    workloads,
)
from reconciler.cluster.decode.instancetypes import NAMESPACED
from reconciler.cluster.decode.kubevirt_cr import KubeVirts
from reconciler.cluster.decode.owners import OwnerObjects
from reconciler.cluster.decode.pages import UnreadableError
from reconciler.cluster.informer import reflector
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.read.cluster_reader import ClusterReader
from reconciler.cluster.write.writer import refusal_of
from reconciler.errors import ReconcilerError
from reconciler.model.annotations import PREFIX, ROLLOUT
from reconciler.plan.kubevirt.owners.hyperconverged_fields import HYPERCONVERGED_OBJECT
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.report import json_documents, plan_markdown, plan_text
from reconciler.rollout.tracking import checkpoint_codec
from reconciler.source.readers import StreamReader

if TYPE_CHECKING:
    from random import Random

KINDS = {
    "virtualmachines": workloads.VMS,
    "virtualmachineinstances": workloads.VMIS,
    "virtualmachineinstancemigrations": workloads.MIGRATIONS,
    "nodes": cluster_nodes.NODES,
    "pods": spare_capacity.PODS,
    "resourcequotas": spare_capacity.QUOTAS,
    "applicationawareresourcequotas": aaq_objects.AWARE_QUOTAS,
    "applicationawareclusterresourcequotas": aaq_objects.CLUSTER_QUOTAS,
    "aaqs": aaq_objects.AAQS,
    "limitranges": limit_range_objects.LIMIT_RANGES,
    "virtualmachineinstancetypes": NAMESPACED,
    "kubevirts": KubeVirts(),
    "hyperconvergeds": OwnerObjects(HYPERCONVERGED_OBJECT, "v1"),
}
LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {
        "name": "a",
        "namespace": "kubevirt",
        "resourceVersion": "7",
        "annotations": {ROLLOUT: "{}", f"{PREFIX}x": "y"},
    },
    "spec": {
        "holderIdentity": "other",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-23T00:48:52.000000Z",
        "renewTime": "2026-11-23T00:48:52.000000Z",
        "leaseTransitions": 3,
    },
}
STATUS = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": 'Invalid value: "{}": must be less',
    "reason": "Invalid",
    "details": {"name": "a", "causes": [{"reason": "a", "message": "b", "field": "spec.x"}]},
    "code": 422,
}
WORLDS = (
    *("hotplug", "in-flight", "instancetype", "migration-policy", "quota"),
    *("hyperconverged", "harvester"),
)
HEADERS = ("Retry-After", "Date", "Warning")


class _Recorder(InProcessApi):
    """Passes requests to the simulated API server and stores the responses."""

    def __init__(self, sim: Any) -> None:
        super().__init__(sim)
        self.answers: dict[str, bytes] = {}

    def call_api(self, method, path, query, headers, body, **rest):
        answer = super().call_api(method, path, query, headers, body, **rest)
        if answer.response.status == 200:
            self.answers[path] = answer.response._unread.getvalue()
        return answer


class Replay:
    """Returns stored API responses, one of which can be mutated."""

    def __init__(
        self, answers: dict[str, bytes], headers: dict[str, str], written: bytes = b""
    ) -> None:
        self.answers = answers
        self.written = written
        self.headers = headers
        self.configuration = SimpleNamespace(host="https://u:p@host:6443")
        self.user_agent = ""

    def close(self) -> None:
        pass

    def param_serialize(self, method, path, *, body, **_rest):
        return method, path, body

    def call_api(self, method, path, body, **_rest):
        found = self.answers.get(path)
        if method != "GET":
            found = self.written or found or json.dumps(body).encode()
        status = 404 if found is None else 200
        answer = SimpleNamespace(status=status, body=found or b"", headers=self.headers)
        return SimpleNamespace(response=_Response(answer))


@cache
def _recorded(world: str) -> dict[str, bytes]:
    """Return the responses to all requests with which a plan reads a cluster, keyed by path."""
    recording = rig(world)
    api = _Recorder(recording.sim)
    reader = ClusterReader(Client(api, clock=recording.clock), clock=recording.clock)
    reader.read()
    reader.capacity()
    return api.answers


@cache
def desired(world: str) -> Any:
    files = sorted((EXAMPLES / "worlds" / "desired").rglob(f"{world}*"))
    texts = [(each.name, each.read_bytes()) for each in files if each.is_file()]
    return StreamReader(texts).read().state


@cache
def objects(plural: str) -> list[dict[str, Any]]:
    found = []
    for world in WORLDS:
        for path, body in _recorded(world).items():
            if path.endswith(f"/{plural}"):
                found += json.loads(body)["items"]
    return found


def _cluster(rng: Random) -> tuple[str, dict[str, bytes], dict[str, str]]:
    world = rng.choice(WORLDS)
    answers = dict(_recorded(world))
    for path in rng.sample(sorted(answers), rng.choice((1, 1, 2))):
        answers[path] = mutated_json(rng, json.loads(answers[path]))
    headers = {name: _header(rng) for name in HEADERS if rng.random() < 0.1}
    return world, answers, headers


def _header(rng: Random) -> str:
    seeds = ("3", "Mon, 23 Nov 2026 00:48:52 GMT", '299 - "text"')
    return mutated_text(rng, seeds).encode("latin-1", "replace").decode("latin-1")


def _plan(given: tuple[str, dict[str, bytes], dict[str, str]]) -> None:
    """Read the cluster, plan, and render the plan in each output format."""
    world, answers, headers = given
    clock = FakeClock()
    reader = ClusterReader(Client(Replay(answers, headers), clock=clock), clock=clock)
    live = reader.read()
    live_capacity = reader.capacity()
    assert live_capacity is not None
    _, plan = plan_against_cluster(desired(world), reader, PlanPolicy(), clock)
    assert live is not None
    list(plan_text.plan_text(plan))
    list(plan_markdown.plan_markdown(plan))
    list(json_documents.plan_json(plan))


def _object(rng: Random) -> tuple[str, bytes]:
    plural = rng.choice(sorted(each for each in KINDS if objects(each)))
    return plural, mutated_json(rng, rng.choice(objects(plural)))


def _take(given: tuple[str, bytes]) -> None:
    plural, body = given
    kind = KINDS[plural]
    kind.take(body)
    kind.ref(body)
    with suppress(UnreadableError):
        kind.page(b'{"items":[' + body + b"]}")


def _watch(given: tuple[str, bytes]) -> None:
    plural, body = given
    line = b'{"type":"MODIFIED","object":' + body + b"}\n"
    chunks = [line[:50], line[50:], line, body + b"\n", b""]
    response = SimpleNamespace(
        read1=lambda _most: chunks.pop(0), close=lambda: None, shutdown=lambda: None
    )
    for _kind, event in Watch(response, path="/api/v1/nodes", host="host"):
        reflector._version(event)
        KINDS[plural].take(event)
        KINDS[plural].ref(event)


def _page(rng: Random) -> tuple[str, list[bytes]]:
    plural, body = _object(rng)
    raw = [json.dumps(each).encode() for each in objects(plural)[:3]]
    raw.insert(rng.randint(0, len(raw)), body)
    page = b'{"kind":"List","metadata":{"resourceVersion":"1"},"items":[' + b",".join(raw)
    page += b"]}"
    if rng.random() < 0.3:
        page = mutated_bytes(rng, page)
    size = rng.choice((7, 100, 5_000))
    return plural, [page[at : at + size] for at in range(0, len(page), size)]


def _stream(given: tuple[str, list[bytes]]) -> None:
    plural, chunks = given
    try:
        KINDS[plural].page(b"".join(chunks))
        list(list_stream.objects(chunks, plural))
    except UNDECODABLE:
        return


def _status(rng: Random) -> tuple[int, bytes, str]:
    status = rng.choice((200, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503))
    return status, mutated_json(rng, STATUS), rng.choice(("GET", "PATCH", "POST"))


def _failure(given: tuple[int, bytes, str]) -> None:
    status, body, method = given
    answer = api_errors.Answer(method=method, path="/api/v1/nodes", status=status, body=body)
    answer.explained()
    str(api_errors.from_answer(answer, "host"))
    refusal_of(answer)


def _lease(rng: Random) -> bytes:
    lease = json.loads(json.dumps(LEASE))
    if rng.random() < 0.5:
        lease["spec"]["holderIdentity"] = ""
    return mutated_json(rng, lease)


def _acquire(body: bytes) -> None:
    clock = FakeClock()
    path = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases/a"
    client = Client(Replay({path: body}, {}), clock=clock)
    lease = ClusterLease(client, clock=clock, namespace="kubevirt", name="a", holder="me")
    with lease:
        for value in lease.annotations().values():
            checkpoint_codec.decoded(value)
        lease.annotate({ROLLOUT: "[]"})


from fuzz.text_readers import CHECKPOINT as _TEXT  # noqa: E402

CHECKPOINT = json.loads(_TEXT)
READERS = (
    Reader(name="whole cluster", make=_cluster, read=_plan, errors=(ReconcilerError,), weight=20),
    Reader(name="live object", make=_object, read=_take),
    Reader(name="watch event", make=_object, read=_watch, errors=(ReconcilerError,)),
    Reader(name="list page", make=_page, read=_stream),
    Reader(name="failed answer", make=_status, read=_failure),
    Reader(name="lease", make=_lease, read=_acquire, errors=(ReconcilerError,)),
    Reader(
        name="checkpoint",
        make=lambda rng: mutated_json(rng, CHECKPOINT).decode("utf-8", "surrogateescape"),
        read=checkpoint_codec.decoded,
    ),
)
