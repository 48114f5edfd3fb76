"""Authorizes requests with the stored RBAC roles and bindings, or allows every request.

Source: kube-apiserver v1.36, plugin/pkg/auth/authorizer/rbac/rbac.go,
pkg/apis/rbac/v1/evaluation_helpers.go and rbac/bootstrappolicy/policy.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.simulator.apiserver.request.http_messages import User
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.store import Store

_GROUP: Final = "rbac.authorization.k8s.io"
_BASIC_RULES: Final[tuple[Json, ...]] = (
    {
        "verbs": ["create"],
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    },
    {
        "verbs": ["create"],
        "apiGroups": ["authentication.k8s.io"],
        "resources": ["selfsubjectreviews"],
    },
    {
        "verbs": ["get"],
        "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"],
    },
    {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version"]},
    {"verbs": ["get"], "nonResourceURLs": ["/livez/*", "/readyz/*", "/version/"]},
)
"""The RBAC rules of system:basic-user, system:discovery and system:public-info-viewer."""


class Mode(StrEnum):
    """Whether the API server enforces RBAC or allows every request."""

    OPEN = "open"
    ENFORCED = "enforced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The attributes of an API request that RBAC rules refer to."""

    verb: str
    group: str = ""
    resource: str = ""
    """The API resource, such as `pods` or `pods/status`, or '' for a URL without a resource."""
    namespace: str = ""
    name: str = ""
    path: str = ""
    """The URL path if the URL is not for an API resource; otherwise an empty string."""


class Authorizer:
    """Authorizes API requests with the RBAC roles and bindings in the object store."""

    def __init__(self, store: Store, mode: Mode) -> None:
        self._store = store
        self.mode: Final = mode

    def allows(self, user: User, attempt: Attempt) -> bool:
        """Returns whether a user is authorized to make an API request."""
        if self.mode is Mode.OPEN or "system:masters" in user.groups:
            return True
        return any(_permits(rule, attempt) for rule in self.rules(user, attempt.namespace))

    def rules(self, user: User, namespace: str) -> Iterator[Json]:
        """Yields a user's RBAC rules: cluster-wide, and in the namespace if one is given."""
        if self.mode is Mode.OPEN or "system:masters" in user.groups:
            yield {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            yield {"verbs": ["*"], "nonResourceURLs": ["*"]}
            return
        if "system:authenticated" in user.groups:
            yield from _BASIC_RULES
        yield from self._bound("clusterrolebindings", None, user)
        if namespace:
            yield from self._bound("rolebindings", namespace, user)

    def _bound(self, bindings: str, namespace: str | None, user: User) -> Iterator[Json]:
        for binding in self._store.list(f"{bindings}.{_GROUP}", namespace):
            subjects = binding.get("subjects") or ()
            scope = binding["metadata"].get("namespace", "")
            if not any(_is_subject(subject, user, scope) for subject in subjects):
                continue
            reference = binding["roleRef"]
            plural = "roles" if reference["kind"] == "Role" else "clusterroles"
            where = scope if plural == "roles" else ""
            role = self._store.get(Key(f"{plural}.{_GROUP}", where, reference["name"]))
            yield from (role or {}).get("rules") or ()


def _is_subject(subject: Json, user: User, scope: str) -> bool:
    match subject["kind"]:
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            namespace = subject.get("namespace") or scope
            return f"system:serviceaccount:{namespace}:{subject['name']}" == user.name
    return False


def _permits(rule: Json, attempt: Attempt) -> bool:
    if not _has(rule.get("verbs"), attempt.verb):
        return False
    if attempt.path:
        return any(_covers(url, attempt.path) for url in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames")
    return (
        _has(rule.get("apiGroups"), attempt.group)
        and _names_resource(rule.get("resources") or (), attempt.resource)
        and (not names or attempt.name in names)
    )


def _has(allowed: list[str] | None, wanted: str) -> bool:
    return allowed is not None and ("*" in allowed or wanted in allowed)


def _names_resource(allowed: list[str] | tuple[()], wanted: str) -> bool:
    _, _, subresource = wanted.partition("/")
    return (
        "*" in allowed or wanted in allowed or bool(subresource and f"*/{subresource}" in allowed)
    )


def _covers(url: str, path: str) -> bool:
    return url in {"*", path} or (url.endswith("*") and path.startswith(url[:-1]))
