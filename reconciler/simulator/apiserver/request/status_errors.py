"""StatusError: API errors, sent as Status objects with the error messages of kube-apiserver.

Source: kube-apiserver v1.36, k8s.io/apimachinery pkg/api/errors/errors.go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.http_messages import Response, json_response

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Denial
    from reconciler.simulator.apiserver.request.http_messages import User
    from reconciler.simulator.encoding.json_codec import Json

REJECTED: Final = "the server rejected our request due to an error in our request"
MODIFIED: Final = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


class StatusError(Exception):
    """An error that ends an API request; the response is a Status object."""

    def __init__(self, status: Json, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status["message"])
        self.status = status
        self.headers = headers

    def response(self, warnings: list[str] | None = None) -> Response:
        """Builds the HTTP response that contains the Status object."""
        plain = json_response(self.status["code"], self.status, warnings=warnings)
        return Response(
            status=plain.status, headers=(*plain.headers, *self.headers), body=plain.body
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """A validation error about one field of an object."""

    field: str
    """The dotted path of the field, in the notation of kube-apiserver."""
    reason: str
    """The reason for the error, such as FieldValueInvalid or FieldValueRequired."""
    message: str

    def cause(self) -> Json:
        """Converts the validation error to an entry of details.causes."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


def failure(
    code: int,
    reason: str,
    message: str,
    details: Json | None = None,
    *,
    metadata: Json | None = None,
) -> Json:
    """Builds a Status object that reports a failure."""
    status: Json = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": metadata or {},
        "status": "Failure",
        "message": message,
        **({"reason": reason} if reason else {}),
    }
    if details is not None:
        status["details"] = details
    status["code"] = code
    return status


def success(details: Json) -> Json:
    """Builds the Status object for a successful deletion."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


def details(group: str, kind: str, name: str = "", **more: object) -> Json:
    """Builds the details of a Status object, without empty fields."""
    full = {"name": name, "group": group, "kind": kind, **more}
    return {key: value for key, value in full.items() if value}


def qualified(group: str, plural: str) -> str:
    """Returns the plural name and API group: `virtualmachines.kubevirt.io`, or `nodes` (core)."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> StatusError:
    """Builds the 404 error for an object that does not exist."""
    message = f"{qualified(group, plural)} {quote(name)} not found"
    return StatusError(failure(404, "NotFound", message, details(group, plural, name)))


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """Builds the 409 error for a new object whose name is already in use."""
    message = f"{qualified(group, plural)} {quote(name)} already exists"
    return StatusError(failure(409, "AlreadyExists", message, details(group, plural, name)))


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> StatusError:
    """Builds the 409 error for an object that is not in the state that the client expects."""
    message = f"Operation cannot be fulfilled on {qualified(group, plural)} {quote(name)}: {why}"
    return StatusError(failure(409, "Conflict", message, details(group, plural, name)))


def bad_request(message: str) -> StatusError:
    """Builds a 400 error with the given message."""
    return StatusError(failure(400, "BadRequest", message))


def internal(why: str) -> StatusError:
    """Builds the 500 error for a request that the API server cannot complete."""
    message = f"Internal error occurred: {why}"
    return StatusError(failure(500, "InternalError", message, {"causes": [{"message": why}]}))


def rejected() -> StatusError:
    """Builds the 422 error without causes, which kube-apiserver sends for a failed JSON Patch."""
    return StatusError(failure(422, "Invalid", REJECTED, {}))


def unsupported_media_type(accepted: tuple[str, ...]) -> StatusError:
    """Builds the 415 error, which lists the accepted media types."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return StatusError(failure(415, "UnsupportedMediaType", message))


def method_not_allowed() -> StatusError:
    """Builds the 405 error for an HTTP method that the resource does not support."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(failure(405, "MethodNotAllowed", message, {}))


def invalid(group: str, kind: str, name: str, errors: list[FieldError]) -> StatusError:
    """Builds the 422 error, which lists one cause for each violated rule."""
    listed = [f"{error.field}: {error.message}" for error in errors]
    said = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    head = qualified(group, kind)
    causes = [error.cause() for error in errors]
    return StatusError(
        failure(
            422,
            "Invalid",
            f"{head} {quote(name)} is invalid: {said}",
            details(group, kind, name, causes=causes),
        )
    )


def denied(denial: Denial, group: str, plural: str, name: str) -> StatusError:
    """Builds the error for a write that a webhook or a built-in admission plugin denies."""
    if not denial.webhook:
        if denial.reason != "Forbidden":
            return StatusError(failure(denial.code, denial.reason, denial.message, {}))
        message = f"{qualified(group, plural)} {quote(name)} is forbidden: {denial.message}"
        return StatusError(failure(403, "Forbidden", message, details(group, plural, name)))
    message = f'admission webhook "{denial.webhook}" denied the request: {denial.message}'
    causes = {"causes": list(denial.causes)} if denial.causes else None
    return StatusError(failure(denial.code, denial.reason, message, causes))


def forbidden(
    user: User, verb: str, group: str, plural: str, name: str, scope: str
) -> StatusError:
    """Builds the 403 error for a request that RBAC does not allow.

    Args:
        user: The user who sends the request.
        verb: The RBAC verb of the request.
        group: The API group, or an empty string for the core group.
        plural: The resource, with `/subresource` if there is one.
        name: The name of the object, or an empty string for a collection.
        scope: The namespace, or an empty string for the cluster scope.
    """
    where = f'in the namespace "{scope}"' if scope else "at the cluster scope"
    resource = plural.partition("/")[0]
    head = qualified(group, resource) + (f" {quote(name)}" if name else "")
    message = (
        f'{head} is forbidden: User "{user.name}" cannot {verb} resource "{plural}" '
        f'in API group "{group}" {where}'
    )
    return StatusError(failure(403, "Forbidden", message, details(group, resource, name)))


def forbidden_path(user: User, verb: str, path: str) -> StatusError:
    """Builds the 403 error for a URL path that is not for an API resource."""
    message = f'forbidden: User "{user.name}" cannot {verb} path "{path}"'
    return StatusError(failure(403, "Forbidden", message, {}))


def unauthorized() -> StatusError:
    """Builds the 401 error for an unknown bearer token."""
    return StatusError(failure(401, "Unauthorized", "Unauthorized"))


def expired(message: str, *, continue_token: str = "") -> StatusError:
    """Builds the 410 error, with an optional token to continue at a newer resourceVersion."""
    metadata = {"continue": continue_token} if continue_token else {}
    return StatusError(failure(410, "Expired", message, metadata=metadata))


def quote(text: str) -> str:
    """Quotes a string in JSON notation, which for ordinary characters equals Go's %q."""
    return json.dumps(text, ensure_ascii=False)


_INJECTED: Final = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "forbidden"),
    409: ("Conflict", f"Operation cannot be fulfilled: {MODIFIED}"),
    410: ("Expired", "The resourceVersion for the provided list is too old."),
    429: ("TooManyRequests", "Too many requests, please try again later."),
    500: ("InternalError", "Internal error occurred: an injected fault"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "Timeout: request did not complete within the allotted timeout"),
}


def injected(code: int, message: str, retry_after_s: int | None) -> StatusError:
    """Builds the error response for an injected fault."""
    reason, sentence = _INJECTED.get(code, ("", "an injected fault"))
    extra = {"retryAfterSeconds": retry_after_s} if retry_after_s is not None else None
    headers = () if retry_after_s is None else (("Retry-After", str(retry_after_s)),)
    return StatusError(failure(code, reason, message or sentence, extra), headers=headers)
