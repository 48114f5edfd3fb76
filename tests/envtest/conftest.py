"""Provides the cluster for the tests, and clients, namespaces and objects in it."""

from __future__ import annotations

import json
import os
import secrets
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from envtest.clusters import PROVIDERS, chosen
from kubernetes.client import ApiClient

from reconciler.app.clock import SystemClock
from reconciler.cluster.api import resource_paths
from reconciler.cluster.api.client import Client
from reconciler.cluster.api.kubeconfig import load as load_kubeconfig
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.errors import ClusterError
from reconciler.model.references import kubevirt_ref, vm_ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.references import ObjectRef

PREFIX = "reconciler-envtest-"
NAMESPACES = "/api/v1/namespaces"
_PATIENCE_S = 60.0
_POLL_S = 0.02


def pytest_report_header() -> str:
    return f"envtest: the cluster is {chosen(os.environ)}"


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory) -> Iterator[str]:
    """Return the path of the kubeconfig; one control plane serves the whole test session."""
    kind = chosen(os.environ)
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            _use_no_proxy(patch)
            path = stack.enter_context(PROVIDERS[kind](tmp_path_factory.mktemp("cluster")))
        yield path


@pytest.fixture(autouse=True)
def use_no_proxy(monkeypatch) -> None:
    """Connect to loopback without a proxy in each test in this directory."""
    _use_no_proxy(monkeypatch)


def _use_no_proxy(patch: pytest.MonkeyPatch) -> None:
    if chosen(os.environ) != "given":
        # Servers on loopback are not available through a proxy.
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], str], None]:
    """Return a function that repeats a check until it is true."""
    return _eventually


def _eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not true after {_PATIENCE_S} s: {what}")
        time.sleep(_POLL_S)


@pytest.fixture
def make_client(kubeconfig, monkeypatch) -> Iterator[Callable[..., Client]]:
    """Return a function that builds clients from KUBECONFIG alone, as the commands do."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    with ExitStack() as stack:

        def make(token: str | None = None) -> Client:
            """Build an API server client; a *token* replaces all other credentials."""
            clock = SystemClock()
            if token is None:
                return stack.enter_context(Client.from_options(clock=clock))
            configuration = load_kubeconfig(None, None)
            configuration.api_key = {"BearerToken": token}
            configuration.api_key_prefix = {"BearerToken": "Bearer"}
            configuration.refresh_api_key_hook = None
            configuration.cert_file = configuration.key_file = None
            return stack.enter_context(Client(ApiClient(configuration), clock=clock))

        yield make


@pytest.fixture
def client(make_client) -> Client:
    """Return a client for the user of KUBECONFIG, who is the administrator."""
    return make_client()


@pytest.fixture
def writer(client) -> ClusterWriter:
    return ClusterWriter(client)


@pytest.fixture
def namespace(client) -> Iterator[str]:
    """Create a namespace for one test; everything in it is deleted after the test."""
    name = f"{PREFIX}{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    client.send("POST", NAMESPACES, body=body)
    try:
        yield name
    finally:
        # Without kube-controller-manager, deleting a namespace leaves its objects.
        for collection in (
            resource_paths.collection(resource_paths.VMS, name),
            resource_paths.collection(resource_paths.KUBEVIRTS, name),
            resource_paths.collection("leases", name, resource_paths.LEASES_API),
            resource_paths.collection("events", name, resource_paths.EVENTS_API),
        ):
            client.send("DELETE", collection)
        # The reader needs exactly one KubeVirt CR, so the next test must not see this one.
        left = resource_paths.collection(resource_paths.KUBEVIRTS, name)
        _eventually(lambda: not json.loads(client.get(left))["items"], f"{left} is empty")
        client.send("DELETE", f"{NAMESPACES}/{name}")


@pytest.fixture
def make_vm(client, namespace) -> Callable[..., ObjectRef]:
    """Return a function that creates stopped VMs with the field manager of another tool."""

    def make(name: str = "pg-0", guest: str | None = "1Gi") -> ObjectRef:
        requests = {"resources": {"requests": {"memory": "1Gi"}}}
        domain = {"devices": {}, **({"memory": {"guest": guest}} if guest else requests)}
        body = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"runStrategy": "Halted", "template": {"spec": {"domain": domain}}},
        }
        collection = resource_paths.collection(resource_paths.VMS, namespace)
        client.send("POST", collection, query={"fieldManager": "somebody"}, body=body)
        return vm_ref(namespace, name)

    return make


@pytest.fixture
def make_kubevirt(client, namespace) -> Callable[..., ObjectRef]:
    """Return a function that creates a KubeVirt CR that no KubeVirt component handles."""

    def make(spec: dict[str, Any], name: str = "scratch") -> ObjectRef:
        body = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "KubeVirt",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
        collection = resource_paths.collection(resource_paths.KUBEVIRTS, namespace)
        try:
            client.send("POST", collection, query={"fieldManager": "somebody"}, body=body)
        except ClusterError as error:
            if "denied the request" not in str(error):
                raise
            pytest.skip("this cluster has a KubeVirt CR, and virt-operator rejects a second one")
        return kubevirt_ref(namespace, name)

    return make


@pytest.fixture
def kubevirt(client, make_kubevirt) -> ObjectRef:
    """Return the cluster's KubeVirt CR without changing it; create one if the cluster has none."""
    items = json.loads(client.get(resource_paths.collection(resource_paths.KUBEVIRTS)))["items"]
    if items:
        metadata = items[0]["metadata"]
        return kubevirt_ref(metadata["namespace"], metadata["name"])
    return make_kubevirt({})


@pytest.fixture
def robot(client, make_client, namespace) -> Client:
    """Return a client with the token of a service account that has no permissions."""
    accounts = f"{NAMESPACES}/{namespace}/serviceaccounts"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
    client.send("POST", accounts, body=account)
    ask = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600},
    }
    answer = client.send("POST", f"{accounts}/robot/token", body=ask)
    return make_client(json.loads(answer.body)["status"]["token"])


@pytest.fixture
def stranger(make_client) -> Client:
    """Return a client with a token that the API server does not know."""
    return make_client("nobody-knows-me")


class JumpingClock:
    """A clock whose waits end immediately, so that no test waits until a Lease expires."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        self.on_sleep()


@pytest.fixture
def make_clock() -> type[JumpingClock]:
    return JumpingClock
