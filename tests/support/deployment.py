"""Builds the objects of examples/deploy without kustomize, and creates them in a cluster."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from support.served import EXAMPLES

from reconciler.simulator.apiserver.patching import json_patch

if TYPE_CHECKING:
    from pathlib import Path

    from support.served import Served

Manifest = dict[str, Any]
DEPLOY = EXAMPLES / "deploy"
BASE = DEPLOY / "base"
OVERLAYS = sorted((DEPLOY / "overlays").iterdir())
ACCOUNT = "/api/v1/namespaces/memory-reconciler/serviceaccounts/memory-reconciler"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
_COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "ClusterRole": RBAC + "/clusterroles",
    "ClusterRoleBinding": RBAC + "/clusterrolebindings",
    "Role": RBAC + "/namespaces/{}/roles",
    "RoleBinding": RBAC + "/namespaces/{}/rolebindings",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
}
_NOT_STORED = {"NetworkPolicy", "Deployment", "PodDisruptionBudget", "Service"}
"""The kinds in examples/deploy that the simulated API server does not store."""
_KEYS = {"apiVersion", "kind", "resources", "components", "labels", "patches"}


def load(path: Path) -> list[Any]:
    """Load the non-empty documents of a YAML file in this repository."""
    return deepcopy(_parsed(path))


@cache  # the tests render each folder many times
def _parsed(path: Path) -> list[Any]:
    return [each for each in YAML(typ="safe").load_all(path) if each]


def identity(manifest: Manifest) -> tuple[str, str, str]:
    """Return the kind, the namespace and the name of a Kubernetes object."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def render(folder: Path) -> list[Manifest]:
    """Return the objects that ``kustomize build`` prints for *folder*, in a different order.

    Only the kustomize features that examples/deploy uses are supported: resources, components,
    labels, JSON patches with a target, and patches that delete an object.
    """
    return _built(folder, [])


def _built(folder: Path, objects: list[Manifest]) -> list[Manifest]:
    """Return the objects of a kustomization; a component is applied to the given *objects*."""
    (kustomization,) = load(folder / "kustomization.yaml")
    assert kustomization.keys() <= _KEYS, kustomization.keys() - _KEYS
    for name in kustomization.get("resources", ()):
        path = folder / name
        objects = [*objects, *(render(path.resolve()) if path.is_dir() else load(path))]
    for name in kustomization.get("components", ()):
        objects = _built((folder / name).resolve(), objects)
    for entry in kustomization.get("labels", ()):
        for each in objects:
            each["metadata"].setdefault("labels", {}).update(entry["pairs"])
    for entry in kustomization.get("patches", ()):
        objects = _patched(objects, entry, folder)
    return objects


def _patched(objects: list[Manifest], entry: Manifest, folder: Path) -> list[Manifest]:
    if "path" in entry:
        (patch,) = load(folder / entry["path"])
    else:
        patch = YAML(typ="safe").load(entry["patch"])
    if isinstance(patch, dict):
        assert patch["$patch"] == "delete", "only $patch: delete is supported"
        kept = [each for each in objects if identity(each) != identity(patch)]
        assert len(kept) == len(objects) - 1, f"{identity(patch)} is not in the base"
        return kept
    target = entry["target"]
    hit = [
        each
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == (target["kind"], target["name"])
    ]
    assert len(hit) == 1, target
    return [json_patch.apply(patch, each) if each is hit[0] else each for each in objects]


def deploy(cluster: Served, folder: Path) -> str:
    """Create the objects of the kustomization *folder* as a cluster administrator.

    Returns:
        A token of the service account that the deployed pods use.
    """
    for each in render(folder):
        kind, namespace, _name = identity(each)
        if kind not in _NOT_STORED:
            status, body = cluster.ask("POST", _COLLECTIONS[kind].format(namespace), each)
            assert status == 201, body
    status, body = cluster.ask("POST", f"{ACCOUNT}/token", {"spec": {}})
    assert status == 201, body
    return str(body["status"]["token"])
