"""Reviews: handles access reviews (`kubectl auth can-i`), and issues service account tokens.

Source: kube-apiserver v1.36 pkg/registry/authorization, pkg/registry/authentication and
pkg/registry/core/serviceaccount/storage/token.go.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.access.authentication import service_account
from reconciler.simulator.apiserver.access.rbac import Attempt
from reconciler.simulator.apiserver.request import request_body, status_errors
from reconciler.simulator.apiserver.request.http_messages import json_response
from reconciler.simulator.clock import rfc3339

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.access.authentication import Tokens
    from reconciler.simulator.apiserver.access.rbac import Authorizer
    from reconciler.simulator.apiserver.request.api_call import ApiCall
    from reconciler.simulator.apiserver.request.http_messages import Response
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.store import Store

_TOKEN_DEFAULT_S: Final = 3600
_TOKEN_MIN_S: Final = 600


class Reviews:
    """Handles access reviews, and issues tokens for service accounts."""

    def __init__(self, store: Store, authorizer: Authorizer, tokens: Tokens) -> None:
        self._store = store
        self._authorizer = authorizer
        self._tokens = tokens

    def answer(self, call: ApiCall) -> Response:
        """Handles a POST request for a review, such as a SelfSubjectAccessReview."""
        review = request_body.read(call)
        match call.resource.kind:
            case "SelfSubjectAccessReview":
                status: Json = {"allowed": self._allowed(call, review.get("spec") or {})}
            case "SelfSubjectRulesReview":
                status = self._rules(call, review.get("spec") or {})
            case _:
                groups = list(call.user.groups)
                status = {"userInfo": {"username": call.user.name, "groups": groups}}
        return json_response(201, {**review, "metadata": {}, "status": status})

    def _allowed(self, call: ApiCall, spec: Json) -> bool:
        resource: Json = spec.get("resourceAttributes") or {}
        path: Json = spec.get("nonResourceAttributes") or {}
        if bool(resource) == bool(path):
            raise status_errors.bad_request(
                "exactly one of resourceAttributes or nonResourceAttributes must be specified"
            )
        if path:
            attempt = Attempt(verb=path.get("verb", ""), path=path.get("path", ""))
            return self._authorizer.allows(call.user, attempt)
        name, subresource = resource.get("resource", ""), resource.get("subresource")
        attempt = Attempt(
            verb=resource.get("verb", ""),
            group=resource.get("group", ""),
            resource=f"{name}/{subresource}" if subresource else name,
            namespace=resource.get("namespace", ""),
            name=resource.get("name", ""),
        )
        return self._authorizer.allows(call.user, attempt)

    def _rules(self, call: ApiCall, spec: Json) -> Json:
        rules = list(self._authorizer.rules(call.user, spec.get("namespace", "")))
        return {
            "resourceRules": [r for r in rules if "nonResourceURLs" not in r],
            "nonResourceRules": [r for r in rules if "nonResourceURLs" in r],
            "incomplete": False,
        }

    def issue_token(self, call: ApiCall) -> Response:
        """Handles a TokenRequest, which creates a token for a service account."""
        if self._store.raw(call.key) is None:
            raise call.not_found()
        asked = request_body.read_options(call.request, "TokenRequest")
        spec = asked.get("spec") or {}
        lifetime = spec.get("expirationSeconds") or _TOKEN_DEFAULT_S
        if lifetime < _TOKEN_MIN_S:
            message = f"Invalid value: {lifetime}: may not specify a duration less than 10 minutes"
            error = status_errors.FieldError(
                field="spec.expirationSeconds", reason="FieldValueInvalid", message=message
            )
            raise status_errors.invalid(
                "authentication.k8s.io", "TokenRequest", call.target.name, [error]
            )
        user = service_account(call.target.namespace, call.target.name)
        expires = self._store.clock.now() + timedelta(seconds=lifetime)
        return json_response(
            201,
            {
                "kind": "TokenRequest",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {"name": call.target.name, "namespace": call.target.namespace},
                "spec": {**spec, "expirationSeconds": lifetime},
                "status": {
                    "token": self._tokens.issue(user, lifetime),
                    "expirationTimestamp": rfc3339(expires),
                },
            },
        )
