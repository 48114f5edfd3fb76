"""StatusError: the API server's errors as Status objects, with its messages.

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
    """An error that ends a request with a Status; `warnings` still reach the client."""

    def __init__(self, status: Json, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status["message"])
        self.status = status
        self.headers = headers

    def response(self, warnings: list[str] | None = None) -> Response:
        """Builds the response."""
        plain = json_response(self.status["code"], self.status, warnings=warnings)
        return Response(
            status=plain.status, headers=(*plain.headers, *self.headers), body=plain.body
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One violated rule of one field."""

    field: str
    """The dotted path of the field, as the server writes it."""
    reason: str
    """The reason, such as FieldValueInvalid, FieldValueRequired or FieldValueForbidden."""
    message: str

    def cause(self) -> Json:
        """Returns the error as an entry of details.causes."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


def failure(
    code: int,
    reason: str,
    message: str,
    details: Json | None = None,
    *,
    metadata: Json | None = None,
) -> Json:
    """Builds a Failure status."""
    status: Json = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": metadata or {},
        "status": "Failure",
        "message": message,
        "reason": reason,
    }
    if details is not None:
        status["details"] = details
    status["code"] = code
    return status


def success(details: Json) -> Json:
    """Builds the Success status of a deletion."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


def details(group: str, kind: str, name: str = "", **more: object) -> Json:
    """Builds the details of a Status without empty fields."""
    full = {"name": name, "group": group, "kind": kind, **more}
    return {key: value for key, value in full.items() if value}


def qualified(group: str, plural: str) -> str:
    """`virtualmachines.kubevirt.io`, or `nodes` for the core group."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> StatusError:
    """Returns the 404 for an object that does not exist."""
    message = f"{qualified(group, plural)} {quote(name)} not found"
    return StatusError(failure(404, "NotFound", message, details(group, plural, name)))


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """Returns the 409 for a name that is taken."""
    message = f"{qualified(group, plural)} {quote(name)} already exists"
    return StatusError(failure(409, "AlreadyExists", message, details(group, plural, name)))


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> StatusError:
    """Returns the 409 for an object that is not the one the client expects."""
    message = f"Operation cannot be fulfilled on {qualified(group, plural)} {quote(name)}: {why}"
    return StatusError(failure(409, "Conflict", message, details(group, plural, name)))


def bad_request(message: str) -> StatusError:
    """Returns a 400 with a message."""
    return StatusError(failure(400, "BadRequest", message))


def rejected() -> StatusError:
    """Returns the 422 for a JSON patch that does not apply; it names no cause."""
    return StatusError(failure(422, "Invalid", REJECTED, {}))


def unsupported_media_type(accepted: tuple[str, ...]) -> StatusError:
    """Returns the 415, with the accepted media types."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return StatusError(failure(415, "UnsupportedMediaType", message))


def method_not_allowed() -> StatusError:
    """Returns the 405 for a method that the resource does not support."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(failure(405, "MethodNotAllowed", message, {}))


def invalid(group: str, kind: str, name: str, errors: list[FieldError]) -> StatusError:
    """Returns the 422 with one cause for each violated rule."""
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
    """Returns the error for a denial by a webhook or a built-in admission plugin."""
    if not denial.webhook:
        if denial.reason != "Forbidden":
            return StatusError(failure(denial.code, denial.reason, denial.message, {}))
        message = f"{qualified(group, plural)} {quote(name)} is forbidden: {denial.message}"
        return StatusError(failure(403, "Forbidden", message, details(group, plural, name)))
    message = f'admission webhook "{denial.webhook}" denied the request: {denial.message}'
    causes: Json = {"causes": list(denial.causes)} if denial.causes else {}
    return StatusError(failure(denial.code, denial.reason, message, causes))


def forbidden(
    user: User, verb: str, group: str, plural: str, name: str, scope: str
) -> StatusError:
    """Returns the authorizer's 403.

    Args:
        user: The user of the request.
        verb: The verb of the request.
        group: The API group; empty for core.
        plural: The resource, with `/subresource` if there is one.
        name: The name of the object; may be empty.
        scope: The namespace; empty for the cluster scope.
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
    """Returns the 403 for a path that is not a resource."""
    message = f'forbidden: User "{user.name}" cannot {verb} path "{path}"'
    return StatusError(failure(403, "Forbidden", message, {}))


def unauthorized() -> StatusError:
    """Returns the 401 for an unknown token."""
    return StatusError(failure(401, "Unauthorized", "Unauthorized"))


def expired(message: str, *, continue_token: str = "") -> StatusError:
    """Returns the 410, with a token for the inconsistent rest of the list if there is one."""
    metadata = {"continue": continue_token} if continue_token else {}
    return StatusError(failure(410, "Expired", message, metadata=metadata))


def quote(text: str) -> str:
    """Quotes a string as Go's %q does for common text."""
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
    """Returns the Status with which a fault answers."""
    reason, sentence = _INJECTED.get(code, ("", "an injected fault"))
    extra = {"retryAfterSeconds": retry_after_s} if retry_after_s is not None else None
    headers = () if retry_after_s is None else (("Retry-After", str(retry_after_s)),)
    return StatusError(failure(code, reason, message or sentence, extra), headers=headers)
