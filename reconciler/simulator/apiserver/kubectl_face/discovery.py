"""Serves discovery documents, which list the API groups, versions and resources.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/discovery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.http_messages import NO_SUCH_PAGE, json_response
from reconciler.simulator.store import api_resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.simulator.apiserver.request.http_messages import Request, Response
    from reconciler.simulator.encoding.json_codec import Json

ACTIONS_GROUP: Final = "subresources.kubevirt.io"
_ACTIONS_VERSION: Final = "v1"

GIT_VERSION: Final = "v1.36.2"
"""The version that the simulated kube-apiserver reports."""


def version() -> Json:
    """Returns the JSON document that the API server serves at /version."""
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


def answer(
    request: Request,
    actions: Iterable[tuple[str, str]],
    installed: frozenset[str] = frozenset(),
) -> Response:
    """Handles discovery requests for API groups, their versions and their resources.

    Args:
        request: The request. A client that asks for aggregated discovery gets unaggregated
            documents.
        actions: The (resource, subresource) pairs that subresources.kubevirt.io serves.
        installed: The optional API versions that are served.
    """
    document = _document(request.path.strip("/").split("/"), tuple(actions), installed)
    return NO_SUCH_PAGE if document is None else json_response(200, document)


def _document(
    path: list[str], actions: tuple[tuple[str, str], ...], installed: frozenset[str]
) -> Json | None:
    served = [r for r in api_resources.SERVED if api_resources.served(r, installed)]
    versions: dict[str, list[str]] = {}
    for each in sorted(served, key=lambda r: (len(r.version), r.version)):
        if each.version not in (known := versions.setdefault(each.group, [])):
            known.append(each.version)
    if actions:
        versions[ACTIONS_GROUP] = [_ACTIONS_VERSION]
    (core,) = versions.pop("")
    match path:
        case ["api"]:
            return {"kind": "APIVersions", "versions": [core]}
        case ["apis"]:
            groups = [_group(group, known) for group, known in versions.items()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ["apis", group] if group in versions:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions[group])}
        case ["api", version] if version == core:
            return _resource_list(version, _resources("", core))
        case ["apis", group, version] if version in versions.get(group, ()):
            listed = _actions(actions) if group == ACTIONS_GROUP else _resources(group, version)
            return _resource_list(f"{group}/{version}", listed)
    return None


def _group(group: str, versions: list[str]) -> Json:
    found = [{"groupVersion": f"{group}/{each}", "version": each} for each in versions]
    return {"name": group, "versions": found, "preferredVersion": found[0]}


def _resource_list(group_version: str, resources: Iterable[Json]) -> Json:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": list(resources),
    }


def _resources(group: str, version: str) -> Iterator[Json]:
    wanted = (group, version)
    for resource in (r for r in api_resources.SERVED if (r.group, r.version) == wanted):
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
        yield described
        same = {"singularName": "", "namespaced": resource.namespaced}
        if resource.status:
            verbs = list(api_resources.STATUS_VERBS)
            name = f"{resource.plural}/status"
            yield {"name": name, "kind": resource.kind, "verbs": verbs, **same}
        if resource.qualified == "serviceaccounts":
            name = f"{resource.plural}/token"
            yield {"name": name, "kind": "TokenRequest", "verbs": ["create"], **same}


def _actions(actions: Iterable[tuple[str, str]]) -> Iterator[Json]:
    for plural, name in actions:
        yield {
            "name": f"{plural}/{name}",
            "singularName": "",
            "namespaced": True,
            "kind": "",
            "verbs": ["update"],
        }
