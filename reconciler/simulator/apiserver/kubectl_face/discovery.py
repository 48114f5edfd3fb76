"""Serves aggregated and classic discovery documents: API groups, versions and resources.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/discovery and
pkg/endpoints/discovery/aggregated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.http_messages import (
    bytes_response,
    json_response,
    text_response,
)
from reconciler.simulator.encoding.json_codec import encode
from reconciler.simulator.store import api_resources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.simulator.apiserver.request.http_messages import Request, Response
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.api_resources import Resource

ACTIONS_GROUP: Final = "subresources.kubevirt.io"
_ACTIONS_VERSION: Final = "v1"
_AGGREGATED: Final = "as=APIGroupDiscoveryList"
_AGGREGATED_TYPE: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_NOT_FOUND: Final = "404 page not found\n"

GIT_VERSION: Final = "v1.36.2"
"""The version that the simulated kube-apiserver reports."""


def version() -> Json:
    """Returns the version document that the API server serves at /version."""
    return {
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": GIT_VERSION,
        "gitCommit": "simulated",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "none",
        "platform": "simulated",
    }


class Discovery:
    """Serves the API server's discovery documents."""

    def __init__(self, actions: Iterable[tuple[str, str]]) -> None:
        """Prepares the discovery documents.

        Args:
            actions: The (resource, subresource) pairs that subresources.kubevirt.io serves.
        """
        self._actions = tuple(actions)

    def answer(self, request: Request) -> Response:
        """Handles discovery requests to /api, /apis, their groups and their versions."""
        if _AGGREGATED in request.header("accept"):
            document = self._aggregated(request.path.strip("/"))
            if document is not None:
                return bytes_response(200, encode(document), _AGGREGATED_TYPE)
        document = self._classic(request.path.strip("/").split("/"))
        return text_response(404, _NOT_FOUND) if document is None else json_response(200, document)

    def _aggregated(self, path: str) -> Json | None:
        groups = {"api": [""], "apis": self._groups()}.get(path)
        if groups is None:
            return None
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": [self._group_discovery(group) for group in groups],
        }

    def _classic(self, path: list[str]) -> Json | None:
        match path:
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                groups = [self._group(group) for group in self._groups()]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case ["apis", group] if group in self._groups():
                return {"kind": "APIGroup", "apiVersion": "v1", **self._group(group)}
            case ["api", "v1"]:
                return self._resource_list("", "v1")
            case ["apis", group, version] if version == self._version(group):
                return self._resource_list(group, version)
        return None

    def _groups(self) -> list[str]:
        served = dict.fromkeys(r.group for r in api_resources.SERVED if r.group)
        return [*served, *([ACTIONS_GROUP] if self._actions else [])]

    def _version(self, group: str) -> str:
        if group == ACTIONS_GROUP:
            return _ACTIONS_VERSION if self._actions else ""
        return next((r.version for r in api_resources.SERVED if r.group == group), "")

    def _group(self, group: str) -> Json:
        version = self._version(group)
        one = {"groupVersion": f"{group}/{version}", "version": version}
        return {"name": group, "versions": [one], "preferredVersion": one}

    def _resource_list(self, group: str, version: str) -> Json:
        listed: list[Json] = []
        for resource in (r for r in api_resources.SERVED if r.group == group):
            listed.append(_describe(resource))
            listed.extend(
                {
                    "name": f"{resource.plural}/{name}",
                    "singularName": "",
                    "namespaced": resource.namespaced,
                    "kind": kind,
                    "verbs": list(verbs),
                }
                for name, kind, verbs in _subresources(resource)
            )
        if group == ACTIONS_GROUP:
            listed.extend(
                {
                    "name": f"{plural}/{name}",
                    "singularName": "",
                    "namespaced": True,
                    "kind": "",
                    "verbs": [_action_verb(name)],
                }
                for plural, name in self._actions
            )
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/{version}" if group else version,
            "resources": listed,
        }

    def _group_discovery(self, group: str) -> Json:
        served = [_discover(r) for r in api_resources.SERVED if r.group == group]
        if group == ACTIONS_GROUP:
            served = [
                self._discover_actions(p) for p in dict.fromkeys(p for p, _ in self._actions)
            ]
        version = {"version": self._version(group), "resources": served, "freshness": "Current"}
        return {"metadata": {"name": group} if group else {}, "versions": [version]}

    def _discover_actions(self, plural: str) -> Json:
        kind = {"group": "", "version": "", "kind": ""}
        return {
            "resource": plural,
            "responseKind": kind,
            "scope": "Namespaced",
            "singularResource": "",
            "verbs": [],
            "subresources": [
                {"subresource": name, "responseKind": kind, "verbs": [_action_verb(name)]}
                for owner, name in self._actions
                if owner == plural
            ],
        }


def _action_verb(name: str) -> str:
    return "get" if name in {"guestosinfo", "userlist", "filesystemlist"} else "update"


def _subresources(resource: Resource) -> list[tuple[str, str, tuple[str, ...]]]:
    found: list[tuple[str, str, tuple[str, ...]]] = []
    if resource.status:
        found.append(("status", resource.kind, api_resources.STATUS_VERBS))
    if resource.qualified == "serviceaccounts":
        found.append(("token", "TokenRequest", ("create",)))
    return found


def _describe(resource: Resource) -> Json:
    described: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        described["shortNames"] = list(resource.short_names)
    if resource.categories:
        described["categories"] = list(resource.categories)
    return described


def _discover(resource: Resource) -> Json:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    described: Json = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        "shortNames": list(resource.short_names),
        "categories": list(resource.categories),
        "subresources": [
            {
                "subresource": name,
                "responseKind": {**kind, "kind": shown},
                "verbs": list(verbs),
            }
            for name, shown, verbs in _subresources(resource)
        ],
    }
    return {field: value for field, value in described.items() if value}
