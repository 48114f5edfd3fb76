"""Tests every API request that the program can send, and the result of each response status.

Statuses and messages are recorded from kube-apiserver 1.36.2 with virt-api v1.9.0. Those that are
not recorded (410 of a watch, 413, 429, 500, 503, 504) are from the Kubernetes API conventions and
https://kubernetes.io/docs/reference/using-api/api-concepts/. Only a proxy sends status 520.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import reconciler.cluster
from reconciler import __version__
from reconciler.cluster.api.client import Client
from reconciler.cluster.decode import workloads
from reconciler.cluster.informer.api_probe import ApiProbe
from reconciler.cluster.lease.lease import ClusterLease
from reconciler.cluster.read import (
    api_groups,
    capacity_reader,
    lists,
    migration_policy_reader,
)
from reconciler.cluster.read.namespace_names import namespace_names
from reconciler.cluster.read.owner_reader import read_objects
from reconciler.cluster.write.access_review import Right, may
from reconciler.cluster.write.dry_run import ClusterDryRun
from reconciler.cluster.write.events import ClusterRecorder
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import (
    ClusterError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    KubeVirtMissingError,
    NotFoundError,
    RejectedError,
    UnauthorizedError,
    UnavailableError,
)
from reconciler.model.fields import WaveName
from reconciler.model.plan.plan import Action, Effect, PatchOp, Reason, Verb
from reconciler.model.references import kubevirt_ref, vm_ref
from reconciler.model.run.write_result import Refusal
from reconciler.plan.kubevirt.owners.harvester import SETTING
from reconciler.plan.kubevirt.owners.hyperconverged_fields import HYPERCONVERGED_OBJECT

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
KUBEVIRT = "/apis/kubevirt.io/v1"
VM = f"{KUBEVIRT}/namespaces/db/virtualmachines/pg-0"
CR = f"{KUBEVIRT}/namespaces/kubevirt/kubevirts/kubevirt"
RESTART = "/apis/subresources.kubevirt.io/v1/namespaces/db/virtualmachines/pg-0/restart"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
TYPES = "/apis/instancetype.kubevirt.io/v1beta1"
STRICT = {"fieldManager": "reconciler", "fieldValidation": "Strict"}
DRY = {**STRICT, "dryRun": "All"}
PAGED = {"limit": "500"}
CACHED = {"resourceVersion": "0"}
SIZE = "/spec/template/spec/domain/memory/guest"
OPS = (
    PatchOp(op="test", path=SIZE, value="1Gi"),
    PatchOp(op="replace", path=SIZE, value="2Gi"),
)
CR_OPS = (PatchOp(op="add", path="/spec/configuration/vmRolloutStrategy", value="LiveUpdate"),)
RAW_VM = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "pg-0", "namespace": "db", "uid": "u", "generation": 2},
    "spec": {"template": {"spec": {"domain": {"memory": {"guest": "2Gi"}}}}},
}
RAW_CR = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "KubeVirt",
    "metadata": {"name": "kubevirt", "namespace": "kubevirt", "uid": "k", "generation": 2},
    "spec": {"configuration": {"vmRolloutStrategy": "LiveUpdate"}},
}
LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "run", "namespace": "kubevirt", "resourceVersion": "7"},
    "spec": {"holderIdentity": ""},
}
EMPTY = {"kind": "List", "metadata": {"resourceVersion": "9488"}, "items": []}
POLICY = {"metadata": {"name": "p"}, "spec": {"selectors": {"namespaceSelector": {"a": "b"}}}}


def refusal(message: str, reason: str, code: int, **details: Any) -> tuple[int, object]:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}
    return code, {**status, "reason": reason, "code": code, "details": details}


STATUSES: dict[str, tuple[int, object]] = {
    "400": refusal("error decoding patch: invalid character 'n'", "BadRequest", 400),
    "400-webhook": refusal(
        'admission webhook "virtualmachines-mutator.kubevirt.io" denied the request: no', "", 400
    ),
    "401": refusal("Unauthorized", "Unauthorized", 401),
    "403": refusal('is forbidden: User "u" cannot do that', "Forbidden", 403),
    "403-policy": refusal(
        "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", "Forbidden", 403
    ),
    "404": refusal('"pg-0" not found', "NotFound", 404, name="pg-0"),
    "404-kind": (404, "404 page not found\n"),
    "406": (406, "406: Not Acceptable\n\nAvailable representations: "),
    "409": refusal("the object has been modified; please apply", "Conflict", 409),
    "409-exists": refusal('"pg-0" already exists', "AlreadyExists", 409),
    "410": refusal("The provided continue parameter is too old", "Expired", 410),
    "413": refusal("Request entity too large: limit is 3145728", "RequestEntityTooLarge", 413),
    "415": refusal("the body was in an unknown format", "UnsupportedMediaType", 415),
    "422": refusal(
        'KubeVirt.kubevirt.io "bare" is invalid: spec: Unsupported value',
        "Invalid",
        422,
        causes=[{"reason": "FieldValueNotSupported", "message": "Unsupported value"}],
    ),
    "422-test": refusal(
        "the server rejected our request due to an error in our request", "Invalid", 422
    ),
    "422-webhook": refusal(
        'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: no',
        "Invalid",
        422,
    ),
    "429": refusal("too many requests, please try again later", "TooManyRequests", 429),
    "500": refusal("failed calling webhook: deadline exceeded", "InternalError", 500),
    "500-under-way": refusal(
        "Internal error occurred: unable to complete request: stop/start already underway",
        "InternalError",
        500,
    ),
    "503": refusal("apiserver not ready", "ServiceUnavailable", 503),
    "504": refusal("Timeout: Too large resource version", "Timeout", 504),
    "520": (520, "<html>a proxy</html>"),
}

READ = {
    "400": RejectedError,
    "401": UnauthorizedError,
    "403": ForbiddenError,
    "404": NotFoundError,
    "404-kind": NotFoundError,
    "406": RejectedError,
    "410": ExpiredError,
    "429": UnavailableError,
    "500": UnavailableError,
    "503": UnavailableError,
    "504": UnavailableError,
    "520": UnavailableError,
}
"""The errors that a GET request raises, by response status."""
LIST = {**READ, "404": KubeVirtMissingError, "404-kind": KubeVirtMissingError}
SENT = {
    **READ,
    "403-policy": RejectedError,
    "409": ConflictError,
    "413": RejectedError,
    "415": RejectedError,
    "422": RejectedError,
}
"""The errors that POST and PUT requests raise, such as access reviews, by response status."""
WRITE = {
    "400": Refusal.DENIED,
    "400-webhook": Refusal.DENIED,
    "401": UnauthorizedError,
    "403": Refusal.FORBIDDEN,
    "403-policy": Refusal.DENIED,
    "404": Refusal.NOT_FOUND,
    "404-kind": NotFoundError,
    "406": RejectedError,
    "409": Refusal.CONFLICT,
    "409-exists": Refusal.EXISTS,
    "413": Refusal.DENIED,
    "415": Refusal.DENIED,
    "422": Refusal.DENIED,
    "422-test": Refusal.GUARD,
    "422-webhook": Refusal.DENIED,
    "429": UnavailableError,
    "500": UnavailableError,
    "503": UnavailableError,
    "504": UnavailableError,
    "520": UnavailableError,
}
"""The results of a write request, by response status.

A refusal concerns one object, and the run continues. An error ends or pauses the run.
"""


def action(verb: Verb = Verb.PATCH, *, cr: bool = False, **fields: Any) -> Action:
    return Action(
        ref=kubevirt_ref("kubevirt", "kubevirt") if cr else vm_ref("db", "pg-0"),
        uid=None,
        wave=WaveName.MEMORY,
        effect=Effect.COLD,
        reason=Reason.NOT_RUNNING,
        verb=verb,
        digest="sha256:0",
        **fields,
    )


PATCH, PATCH_CR = action(patch=OPS), action(cr=True, patch=CR_OPS)
CREATE = action(Verb.CREATE, manifest=RAW_VM)


def written(each: Action) -> Callable[[Client, Any], object]:
    return lambda client, _clock: ClusterWriter(client).write(each).refusal


def checked(each: Action) -> Callable[[Client, Any], object]:
    return lambda client, _clock: ClusterDryRun(client).check(each).refusal


def codes(found: Any) -> list[str]:
    return [each.code for each in found.diagnostics]


def kind(plural: str, decoder: Any) -> Callable[[Client, Any], object]:
    return lambda client, _clock: codes(lists.list_all(client, f"{KUBEVIRT}/{plural}", decoder))


def watched(client: Client, _clock: Any) -> object:
    return list(client.watch(f"{KUBEVIRT}/virtualmachines", "9488", 60.0))


def types(client: Client, _clock: Any) -> object:
    named = {**RAW_VM, "spec": {"instancetype": {"name": "big"}, "template": {}}}
    vm = workloads.VMS.one(json.dumps(named).encode())
    return codes(lists.list_instancetypes(client, [vm]))


def leased(client: Client, clock: Any) -> object:
    with ClusterLease(client, clock=clock, namespace="kubevirt", name="run", holder="us"):
        return "held"


def recorded(client: Client, clock: Any) -> object:
    recorder = ClusterRecorder(client, clock=clock, instance="pod-1", revision="c0ffee")
    event = recorder.event(vm_ref("db", "pg-0"), "u", reason="MemoryPatched", message="1Gi")
    return recorder.send(event)


def probed(client: Client, clock: Any) -> object:
    probe = ApiProbe(client, clock)
    probe.step()
    return probe.failing


def reviewed(client: Client, _clock: Any) -> object:
    return may(client, Right(verb="patch", group="kubevirt.io", resource="virtualmachines"))


REVIEW = {
    "apiVersion": "authorization.k8s.io/v1",
    "kind": "SelfSubjectAccessReview",
    "spec": {
        "resourceAttributes": {
            "verb": "patch",
            "group": "kubevirt.io",
            "resource": "virtualmachines",
        }
    },
}


NOW = "2026-11-23T00:00:00.000000Z"
"""The time of the stepped clock in MicroTime format."""
EVENT = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {
        "name": "pg-0.18ea8382f8940000",
        "namespace": "db",
        "annotations": {"memory.reconciler.dev/revision": "c0ffee"},
    },
    "eventTime": NOW,
    "reportingController": "reconciler",
    "reportingInstance": "pod-1",
    "action": "Reconcile",
    "reason": "MemoryPatched",
    "regarding": {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "namespace": "db",
        "name": "pg-0",
        "uid": "u",
    },
    "note": "1Gi",
    "type": "Normal",
}


def taken(lease: dict[str, Any], transitions: int) -> dict[str, Any]:
    """Return a copy of *lease* that a run has acquired."""
    spec = {
        "holderIdentity": "us",
        "leaseDurationSeconds": 30,
        "acquireTime": NOW,
        "renewTime": NOW,
        "leaseTransitions": transitions,
    }
    return {**lease, "spec": spec}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A kind of API request, with its expected result for each response status."""

    name: str
    ask: Callable[[Client, Any], object]
    method: str = "GET"
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: object = None
    content_type: str | None = None
    accept: str = JSON
    success: tuple[int, object] = (200, EMPTY)
    result: object
    """The expected result of a request with the response *success*."""
    outcomes: dict[str, object]
    before: dict[tuple[str, str], tuple[int, object]] = field(default_factory=dict)
    """The responses to requests that the same call sends earlier."""
    retried: bool = True
    """Whether the client repeats the request after a 429 or a 5xx."""
    retried_only_429: bool = False
    """Whether the client repeats the request after a 429 but not after a 5xx."""


def listing(name: str, path: str, ask: Any, **more: Any) -> Row:
    """Return the table row for a paged list request."""
    given = {"query": PAGED, "result": [], "outcomes": LIST, **more}
    return Row(name=name, path=path, ask=ask, **given)


def write(name: str, method: str, path: str, each: Action, **more: Any) -> Row:
    """Return the table row for the write request *each*."""
    given = {"query": STRICT, "result": None, "outcomes": WRITE, "retried": False, **more}
    return Row(name=name, method=method, path=path, ask=written(each), **given)


def unread(code: str) -> dict[str, object]:
    """Return the results of a list request for which a 403 only adds the diagnostic *code*."""
    return {**LIST, "403": [code]}


PLAIN_OPS, PLAIN_CR_OPS = [each.plain() for each in OPS], [each.plain() for each in CR_OPS]
NO_POLICIES: list[str] = []
GROUPS = {
    "kind": "APIGroupList",
    "groups": [{"name": "hco.kubevirt.io", "versions": [{"version": "v1"}]}],
}
NO_TYPES = ["instancetypes-unreadable"]
ROWS = [
    Row(
        name="get kube-system",
        path="/api/v1/namespaces/kube-system",
        ask=lambda client, _: [each.code for each in lists.cluster_id(client)[1]],
        success=(200, {"metadata": {"uid": "c"}}),
        result=[],
        outcomes={**READ, "403": ["cluster-id-unknown"]},
    ),
    listing(
        "list kubevirts",
        f"{KUBEVIRT}/kubevirts",
        lambda client, _: codes(lists.list_kubevirt(client)),
        success=(200, {**EMPTY, "items": [RAW_CR]}),
    ),
    listing("list vms", f"{KUBEVIRT}/virtualmachines", kind("virtualmachines", workloads.VMS)),
    listing(
        "list vmis",
        f"{KUBEVIRT}/virtualmachineinstances",
        kind("virtualmachineinstances", workloads.VMIS),
    ),
    listing(
        "list migrations",
        f"{KUBEVIRT}/virtualmachineinstancemigrations",
        kind("virtualmachineinstancemigrations", workloads.MIGRATIONS),
    ),
    listing(
        "list nodes",
        "/api/v1/nodes",
        lambda client, _: codes(lists.list_nodes(client)),
        outcomes=unread("nodes-unreadable"),
    ),
    listing(
        "list instancetypes",
        f"{TYPES}/virtualmachineinstancetypes",
        types,
        before={("GET", f"{TYPES}/virtualmachineclusterinstancetypes"): (200, EMPTY)},
        outcomes={**unread("instancetypes-unreadable"), "404": NO_TYPES, "404-kind": NO_TYPES},
    ),
    listing(
        "list cluster instancetypes",
        f"{TYPES}/virtualmachineclusterinstancetypes",
        types,
        before={("GET", f"{TYPES}/virtualmachineinstancetypes"): (200, EMPTY)},
        outcomes={**unread("instancetypes-unreadable"), "404": NO_TYPES, "404-kind": NO_TYPES},
    ),
    listing(
        "list migration policies",
        "/apis/migrations.kubevirt.io/v1alpha1/migrationpolicies",
        lambda client, _: codes(migration_policy_reader.list_migration_policies(client)),
        outcomes={
            **LIST,
            "403": ["migration-policies-unreadable"],
            "404": NO_POLICIES,
            "404-kind": NO_POLICIES,
        },
    ),
    Row(
        name="probe the API server",
        path="/version",
        ask=probed,
        success=(200, {"major": "1", "minor": "36"}),
        result=None,
        outcomes=dict.fromkeys(READ),
        retried=False,
    ),
    Row(
        name="list API groups",
        path="/apis",
        ask=lambda client, _: sorted(api_groups.served_groups(client).versions),
        success=(200, GROUPS),
        result=["hco.kubevirt.io"],
        outcomes={**READ, "403": [], "404": [], "404-kind": []},
    ),
    listing(
        "list hyperconvergeds",
        "/apis/hco.kubevirt.io/v1/hyperconvergeds",
        lambda client, _: codes(read_objects(client, HYPERCONVERGED_OBJECT, "v1")),
        outcomes=READ,
    ),
    Row(
        name="get Harvester's Setting",
        path="/apis/harvesterhci.io/v1beta1/settings/max-hotplug-ratio",
        ask=lambda client, _: codes(read_objects(client, SETTING, "v1beta1")),
        success=(200, {"metadata": {"name": "max-hotplug-ratio"}, "value": "4"}),
        result=[],
        outcomes=READ,
    ),
    listing(
        "list namespaces",
        "/api/v1/namespaces",
        lambda client, _: codes(migration_policy_reader.list_migration_policies(client)),
        before={
            ("GET", "/apis/migrations.kubevirt.io/v1alpha1/migrationpolicies"): (
                200,
                {**EMPTY, "items": [POLICY]},
            )
        },
        outcomes={
            **LIST,
            "403": ["migration-policies-unreadable"],
            "404": NO_POLICIES,
            "404-kind": NO_POLICIES,
        },
    ),
    listing(
        "list namespaces for completion",
        "/api/v1/namespaces",
        lambda client, _: list(namespace_names(client)),
        outcomes=READ,
    ),
    Row(
        name="list pods",
        path="/api/v1/pods",
        query={**CACHED, "fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"},
        ask=lambda client, clock: codes(capacity_reader.read_capacity(client, clock)),
        before={
            ("GET", "/api/v1/resourcequotas"): (200, EMPTY),
            ("GET", "/api/v1/limitranges"): (200, EMPTY),
        },
        result=[],
        outcomes={**READ, "403": ["pods-unreadable"]},
    ),
    Row(
        name="list quotas",
        path="/api/v1/resourcequotas",
        query=CACHED,
        ask=lambda client, clock: codes(capacity_reader.read_capacity(client, clock)),
        before={
            ("GET", "/api/v1/pods"): (200, EMPTY),
            ("GET", "/api/v1/limitranges"): (200, EMPTY),
        },
        result=[],
        outcomes={**READ, "403": ["resourcequotas-unreadable"]},
    ),
    Row(
        name="list limit ranges",
        path="/api/v1/limitranges",
        query=CACHED,
        ask=lambda client, clock: codes(capacity_reader.read_capacity(client, clock)),
        before={
            ("GET", "/api/v1/pods"): (200, EMPTY),
            ("GET", "/api/v1/resourcequotas"): (200, EMPTY),
        },
        result=[],
        outcomes={**READ, "403": ["limitranges-unreadable"]},
    ),
    Row(
        name="watch",
        path=f"{KUBEVIRT}/virtualmachines",
        query={
            "watch": "true",
            "resourceVersion": "9488",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": "60",
        },
        ask=watched,
        success=(200, ""),
        result=[],
        outcomes=READ,
        retried=False,
    ),
    Row(
        name="get vm",
        path=VM,
        ask=lambda client, _: ClusterWriter(client).read_vm(vm_ref("db", "pg-0")) is not None,
        success=(200, RAW_VM),
        result=True,
        outcomes={**READ, "404": False, "404-kind": False},
    ),
    write(
        "patch vm",
        "PATCH",
        VM,
        PATCH,
        body=PLAIN_OPS,
        content_type=JSON_PATCH,
        success=(200, RAW_VM),
    ),
    write(
        "patch cr",
        "PATCH",
        CR,
        PATCH_CR,
        body=PLAIN_CR_OPS,
        content_type=JSON_PATCH,
        success=(200, RAW_CR),
    ),
    write(
        "create vm",
        "POST",
        f"{KUBEVIRT}/namespaces/db/virtualmachines",
        CREATE,
        body=RAW_VM,
        content_type=JSON,
        success=(201, RAW_VM),
    ),
    Row(
        name="patch vm, dry run",
        method="PATCH",
        path=VM,
        query=DRY,
        ask=checked(PATCH),
        body=PLAIN_OPS,
        content_type=JSON_PATCH,
        success=(200, RAW_VM),
        result=None,
        outcomes=WRITE,
        retried=False,
    ),
    Row(
        name="create vm, dry run",
        method="POST",
        path=f"{KUBEVIRT}/namespaces/db/virtualmachines",
        query=DRY,
        ask=checked(CREATE),
        body=RAW_VM,
        content_type=JSON,
        success=(201, RAW_VM),
        result=None,
        outcomes=WRITE,
        retried=False,
    ),
    write(
        "restart vm",
        "PUT",
        RESTART,
        action(Verb.RESTART),
        query={},
        body={},
        content_type=JSON,
        accept="*/*",
        success=(202, ""),
        outcomes={
            **WRITE,
            "404-kind": Refusal.DENIED,
            "406": Refusal.DENIED,
            "500-under-way": Refusal.CONFLICT,
        },
    ),
    Row(
        name="get lease",
        path=f"{LEASES}/run",
        ask=leased,
        before={("PUT", f"{LEASES}/run"): (200, LEASE)},
        success=(200, LEASE),
        result="held",
        outcomes={key: READ[key] for key in READ if not key.startswith("404")},
        retried_only_429=True,
    ),
    Row(
        name="create lease",
        method="POST",
        path=LEASES,
        ask=leased,
        before={
            ("GET", f"{LEASES}/run"): STATUSES["404"],
            ("PUT", f"{LEASES}/run"): (200, LEASE),
        },
        body=taken({**LEASE, "metadata": {"name": "run", "namespace": "kubevirt"}}, 0),
        content_type=JSON,
        success=(201, LEASE),
        result="held",
        outcomes={**SENT, "409-exists": ConflictError},
        retried_only_429=True,
    ),
    Row(
        name="update lease",
        method="PUT",
        path=f"{LEASES}/run",
        ask=leased,
        before={("GET", f"{LEASES}/run"): (200, LEASE)},
        body=taken(LEASE, 1),
        content_type=JSON,
        success=(200, LEASE),
        result="held",
        outcomes=SENT,
        retried_only_429=True,
    ),
    Row(
        name="create event",
        method="POST",
        path="/apis/events.k8s.io/v1/namespaces/db/events",
        ask=recorded,
        body=EVENT,
        content_type=JSON,
        success=(201, EVENT),
        result=True,
        outcomes=dict.fromkeys((*SENT, "409-exists"), False),
        retried=False,
    ),
    Row(
        name="review access",
        method="POST",
        path="/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        ask=reviewed,
        body=REVIEW,
        content_type=JSON,
        success=(201, {**REVIEW, "status": {"allowed": True}}),
        result=True,
        outcomes=SENT,
        retried_only_429=True,
    ),
]
CASES = [
    pytest.param(row, status, expected, id=f"{row.name}: {status}")
    for row in ROWS
    for status, expected in row.outcomes.items()
]
ATTEMPTS = 4
CALLS = {
    "access_review.py": 1,
    "api_groups.py": 1,
    "api_probe.py": 1,
    "capacity_reader.py": 1,
    "dry_run.py": 2,
    "events.py": 1,
    "lease_requests.py": 3,
    "lists.py": 2,
    "owner_reader.py": 1,
    "reflector.py": 1,
    "writer.py": 4,
}
"""The number of client calls in each module; add a row to ROWS for each new call."""


def serve(server, reply, row: Row, status: int, body: object) -> None:
    """Respond to the request of *row* with *status* and *body*."""
    replies = {**row.before, (row.method, row.path): (status, body)}
    for path in {path for _, path in replies}:

        def answer(request, path=path):
            return reply(*replies.get((request.method, path), (405, "not expected")))

        server.handlers[path] = answer


def sent(server, row: Row) -> list[Any]:
    return [each for each in server.requests if (each.method, each.path) == (row.method, row.path)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_request_to_the_api_server_has_the_expected_method_path_headers_and_body(
    server, client, clock, reply, harness, row
):
    serve(server, reply, row, *row.success)
    assert row.ask(client, clock) == row.result
    request = sent(server, row)[0]
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert request.query == row.query
    assert request.body == row.body
    assert headers["accept"] == row.accept
    assert headers.get("content-type", None if row.body is None else "") == row.content_type
    compressed = row.method == "GET" and "watch" not in row.query
    assert headers["accept-encoding"] == ("gzip" if compressed else "identity")
    assert headers["user-agent"] == f"reconciler/{__version__}"
    assert headers["authorization"] == f"Bearer {harness.TOKEN}"


@pytest.mark.parametrize(("row", "status", "expected"), CASES)
def test_http_status_of_an_api_response_determines_the_result_or_error(
    server, client, clock, reply, row, status, expected
):
    serve(server, reply, row, *STATUSES[status])
    if isinstance(expected, type):
        with pytest.raises(ClusterError) as caught:
            row.ask(client, clock)
        assert type(caught.value) is expected
    else:
        assert row.ask(client, clock) == expected
    repeated = status == "429" if row.retried_only_429 else expected is UnavailableError
    attempts = ATTEMPTS if row.retried and repeated else 1
    # A 401 makes the client read the credentials again, and a conflict makes it read the lease.
    again = {"401": 2, "409": 11, "409-exists": 11} if row.ask is leased else {"401": 2}
    assert len(sent(server, row)) == again.get(status, attempts)


def test_api_request_tests_cover_every_kind_of_request_in_the_code():
    """A new request in ``reconciler.cluster`` fails this test until the table has a row for it."""
    calls = re.compile(r"client\.(get|send|read|patch|create|watch|restart)\(|pages\(client")
    root = Path(reconciler.cluster.__file__).parent
    found = {
        path.name: len(calls.findall(path.read_text()))
        for path in root.rglob("*.py")
        if path.parent.name != "api" and calls.search(path.read_text())
    }
    assert found == CALLS
