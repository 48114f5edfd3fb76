"""Defines the three kinds of cluster for the API server tests, each as a kubeconfig."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from envtest import control_plane, definitions

from reconciler.app.clock import SystemClock
from reconciler.cluster.api.client import Client
from reconciler.simulator import kubeconfig
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

WORLD = {
    "apiVersion": "simulator/v1alpha1",
    "kind": "World",
    "kubevirt": {"version": "v1.9.0", "names": []},
    "rbac": "enforced",
}
"""A simulated cluster similar to a bare API server, with neither KubeVirt CR nor VMs."""


def chosen(environment: Mapping[str, str]) -> str:
    """Return the cluster that environment variables select: an existing, new or simulated one."""
    if environment.get("RECONCILER_ENVTEST_CLUSTER") == "1":
        return "given"
    return "started" if environment.get("KUBEBUILDER_ASSETS") else "simulated"


@contextmanager
def given(folder: Path) -> Iterator[str]:
    """Use the cluster of the KUBECONFIG variable without changing it."""
    path = os.environ.get("KUBECONFIG", "")
    if not path:
        raise LookupError("RECONCILER_ENVTEST_CLUSTER=1 requires KUBECONFIG to be set")
    yield path


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """Start etcd and kube-apiserver from KUBEBUILDER_ASSETS with the CRDs of KUBEVIRT_CRDS."""
    crds = definitions.load(Path(os.environ.get("KUBEVIRT_CRDS") or definitions.SHIPPED))
    assets = Path(os.environ["KUBEBUILDER_ASSETS"])
    plane = control_plane.ControlPlane.on_free_ports(assets, folder)
    with control_plane.started(plane) as path:
        with Client.from_options(clock=SystemClock(), kubeconfig_path=str(path)) as admin:
            definitions.install(admin, crds)
        yield str(path)


@contextmanager
def simulated(folder: Path) -> Iterator[str]:
    """Serve a simulated cluster over HTTP."""
    with Simulator(worlds.parse(WORLD)).serve() as server:
        path = folder / "kubeconfig"
        path.write_text(kubeconfig.render(server.url, server.token), encoding="utf-8")
        yield str(path)


PROVIDERS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "given": given,
    "started": started,
    "simulated": simulated,
}
