"""Creates the objects that every cluster has: namespaces, CRDs, and the role cluster-admin."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from reconciler.simulator.clock import rfc3339
from reconciler.simulator.store import api_resources, structural_schema
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource
    from reconciler.simulator.store.store import Store

SYSTEM_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
_RBAC: Final = "rbac.authorization.k8s.io"


def fill(store: Store, installed: frozenset[str] = frozenset()) -> None:
    """Stores the namespaces, CRDs and roles that every cluster has, unless they already exist."""
    with store.lock:
        for name in SYSTEM_NAMESPACES:
            ensure_namespace(store, name)
        for resource in api_resources.CATALOGUE:
            if resource.custom and api_resources.served(resource, installed):
                key = Key("customresourcedefinitions.apiextensions.k8s.io", "", resource.qualified)
                _ensure(store, key, _definition(resource, rfc3339(store.clock.now())))
        rules = [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            {"verbs": ["*"], "nonResourceURLs": ["*"]},
        ]
        _ensure(store, Key(f"clusterroles.{_RBAC}", "", "cluster-admin"), {"rules": rules})
        binding = {
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": "system:masters"}],
        }
        _ensure(store, Key(f"clusterrolebindings.{_RBAC}", "", "cluster-admin"), binding)


def ensure_namespace(store: Store, name: str) -> None:
    """Stores a namespace with the API server's default values, unless the namespace exists."""
    namespace = {
        "metadata": {"labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }
    _ensure(store, Key("namespaces", "", name), namespace)


def _ensure(store: Store, key: Key, obj: Json) -> None:
    if store.raw(key) is None:
        store.create(key, obj)


@lru_cache(maxsize=64)  # simulators whose clocks show the same time share these objects
def _definition(resource: Resource, now: str) -> Json:
    shipped = structural_schema.definition(resource.plural)
    spec = shipped["spec"] if shipped else _thin(resource)
    conditions = [
        {"type": "NamesAccepted", "reason": "NoConflicts", "message": "no conflicts found"},
        {
            "type": "Established",
            "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted",
        },
    ]
    return {
        "metadata": {},
        "spec": {**spec, "conversion": {"strategy": "None"}},
        "status": {
            "acceptedNames": spec["names"],
            "conditions": [{**c, "status": "True", "lastTransitionTime": now} for c in conditions],
            "storedVersions": [resource.version],
        },
    }


def _thin(resource: Resource) -> Json:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "group": resource.group,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "names": {
            "plural": resource.plural,
            "singular": resource.singular,
            "kind": resource.kind,
            "listKind": f"{resource.kind}List",
            "shortNames": list(resource.short_names),
        },
        "versions": [
            {
                "name": resource.version,
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": anything},
            }
        ],
    }
