"""The cluster that KUBECONFIG names: given, started from binaries, or simulated."""

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
    """The path of the kubeconfig; for the whole session, so that a control plane starts once."""
    kind = chosen(os.environ)
    with ExitStack() as stack:
        if kind != "given":
            # What listens on loopback is not reached through a proxy.
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setenv("NO_PROXY", "127.0.0.1")
            patch.setenv("no_proxy", "127.0.0.1")
        yield stack.enter_context(PROVIDERS[kind](tmp_path_factory.mktemp("cluster")))


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], str], None]:
    """Asks again and again until the answer is yes."""
    return _eventually


def _eventually(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not so after {_PATIENCE_S} s: {what}")
        time.sleep(_POLL_S)


@pytest.fixture
def make_client(kubeconfig, monkeypatch) -> Iterator[Callable[..., Client]]:
    """Builds clients as the commands do, from KUBECONFIG alone, and closes them."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    with ExitStack() as stack:

        def make(token: str | None = None) -> Client:
            """With *token*, which replaces all other credentials, if one is given."""
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
    """The administrator, or whoever KUBECONFIG names."""
    return make_client()


@pytest.fixture
def writer(client) -> ClusterWriter:
    return ClusterWriter(client)


@pytest.fixture
def namespace(client) -> Iterator[str]:
    """A namespace of this test alone; what the test made in it goes with it."""
    name = f"{PREFIX}{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    client.send("POST", NAMESPACES, body=body)
    try:
        yield name
    finally:
        # Without kube-controller-manager, nothing empties a namespace that is deleted.
        for collection in (
            resource_paths.collection(resource_paths.VMS, name),
            resource_paths.collection(resource_paths.KUBEVIRTS, name),
            resource_paths.collection("leases", name, resource_paths.LEASES_API),
            resource_paths.collection("events", name, resource_paths.EVENTS_API),
        ):
            client.send("DELETE", collection)
        # The reader wants exactly one KubeVirt CR: the next test must not find this one's.
        left = resource_paths.collection(resource_paths.KUBEVIRTS, name)
        _eventually(lambda: not json.loads(client.get(left))["items"], f"{left} is empty")
        client.send("DELETE", f"{NAMESPACES}/{name}")


@pytest.fixture
def make_vm(client, namespace) -> Callable[..., ObjectRef]:
    """Creates stopped VMs as somebody with another tool does."""

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
    """Creates a KubeVirt CR of the test's own, which no component follows."""

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
            pytest.skip("this cluster has a KubeVirt CR, and virt-operator admits no second one")
        return kubevirt_ref(namespace, name)

    return make


@pytest.fixture
def kubevirt(client, make_kubevirt) -> ObjectRef:
    """The one KubeVirt CR: the cluster's own, which tests leave alone, or one for this test."""
    items = json.loads(client.get(resource_paths.collection(resource_paths.KUBEVIRTS)))["items"]
    if items:
        metadata = items[0]["metadata"]
        return kubevirt_ref(metadata["namespace"], metadata["name"])
    return make_kubevirt({})


@pytest.fixture
def robot(client, make_client, namespace) -> Client:
    """A service account that may do nothing, by a token of the TokenRequest API."""
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
    """Somebody whose token the server does not know."""
    return make_client("nobody-knows-me")


class JumpingClock:
    """The time of day, and waits that are over at once: no test waits for a lease to run out."""

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
