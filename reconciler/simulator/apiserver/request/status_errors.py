"""The API server's refusals: Status objects with its own sentences.

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
    """A request that ends in a Status; `warnings` still reach the client."""

    def __init__(self, status: Json, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(status["message"])
        self.status = status
        self.headers = headers

    def response(self, warnings: list[str] | None = None) -> Response:
        """Builds the answer."""
        plain = json_response(self.status["code"], self.status, warnings=warnings)
        return Response(
            status=plain.status, headers=(*plain.headers, *self.headers), body=plain.body
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One violated rule of one field."""

    field: str
    """Dotted path, as the server writes it."""
    reason: str
    """FieldValueInvalid, FieldValueRequired, FieldValueNotSupported, FieldValueForbidden …"""
    message: str

    def cause(self) -> Json:
        """Returns it as an entry of details.causes."""
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
    """Builds the Success status that a deletion answers."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


def details(group: str, kind: str, name: str = "", **more: object) -> Json:
    """Builds details, leaving out what is empty."""
    full = {"name": name, "group": group, "kind": kind, **more}
    return {key: value for key, value in full.items() if value}


def qualified(group: str, plural: str) -> str:
    """`virtualmachines.kubevirt.io`, or `nodes` for the core group."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> StatusError:
    """404: there is no such object."""
    message = f"{qualified(group, plural)} {quote(name)} not found"
    return StatusError(failure(404, "NotFound", message, details(group, plural, name)))


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """409: the name is taken."""
    message = f"{qualified(group, plural)} {quote(name)} already exists"
    return StatusError(failure(409, "AlreadyExists", message, details(group, plural, name)))


def conflict(group: str, plural: str, name: str, why: str = MODIFIED) -> StatusError:
    """409: the object is another than the client means."""
    message = f"Operation cannot be fulfilled on {qualified(group, plural)} {quote(name)}: {why}"
    return StatusError(failure(409, "Conflict", message, details(group, plural, name)))


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(failure(400, "BadRequest", message))


def rejected() -> StatusError:
    """422 without a reason: what every JSON patch that does not apply is answered."""
    return StatusError(failure(422, "Invalid", REJECTED, {}))


def unsupported_media_type(accepted: tuple[str, ...]) -> StatusError:
    """415, with the media types that would do."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return StatusError(failure(415, "UnsupportedMediaType", message))


def method_not_allowed() -> StatusError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(failure(405, "MethodNotAllowed", message, {}))


def invalid(group: str, kind: str, name: str, errors: list[FieldError]) -> StatusError:
    """422 with one cause a violated rule."""
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
    """What a webhook, or a built-in admission plugin, refused."""
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
    """403 from the authorizer.

    Args:
        user: Who asked.
        verb: What for.
        group: API group, empty for core.
        plural: Resource, with `/subresource` if there is one.
        name: Object name, may be empty.
        scope: Namespace; empty for the cluster scope.
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
    """403 for a path that is no resource."""
    message = f'forbidden: User "{user.name}" cannot {verb} path "{path}"'
    return StatusError(failure(403, "Forbidden", message, {}))


def unauthorized() -> StatusError:
    """401: no such token."""
    return StatusError(failure(401, "Unauthorized", "Unauthorized"))


def expired(message: str, *, continue_token: str = "") -> StatusError:
    """410, with a token to go on without consistency where there is one."""
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
    """The Status that a fault answers with."""
    reason, sentence = _INJECTED.get(code, ("", "an injected fault"))
    extra = {"retryAfterSeconds": retry_after_s} if retry_after_s is not None else None
    headers = () if retry_after_s is None else (("Retry-After", str(retry_after_s)),)
    return StatusError(failure(code, reason, message or sentence, extra), headers=headers)
