"""Handles API requests to subresources.kubevirt.io, which virt-api serves in a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.apiserver.request import request_body, status_errors
from reconciler.simulator.apiserver.request.http_messages import (
    NO_SUCH_PAGE,
    Response,
    text_response,
)
from reconciler.simulator.encoding import go_json

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.apiserver.request.http_messages import Request
    from reconciler.simulator.apiserver.request.request_info import RequestInfo
    from reconciler.simulator.encoding.json_codec import Json


def run_action(admission: Admission, request: Request, target: RequestInfo) -> Response:
    """Runs a subresource action and returns the response: 404 if the action is not registered.

    The response to a PUT has no body, so a client that accepts only JSON receives 406.

    Source: v1.9.0 pkg/virt-api/api.go (routes without Produces); observed on KubeVirt v1.9.0.
    """
    action = admission.find_action(target.plural, target.subresource)
    if action is None or not target.name:
        return NO_SUCH_PAGE
    if request.method == "PUT" and not _accepts_anything(request):
        return text_response(406, "406: Not Acceptable\n\nAvailable representations: ")
    asked = _options(request).get("dryRun")
    try:
        dry_run = isinstance(asked, list) and "All" in asked
        action(target.namespace, target.name, dry_run=dry_run)
    except status_errors.StatusError as error:
        return error.response()
    return Response(status=202, headers=())


def _accepts_anything(request: Request) -> bool:
    """Returns whether the client accepts all media types, explicitly or by default."""
    types = (each.partition(";")[0].strip() for each in request.header("accept").split(","))
    return any(each in {"", "*/*"} for each in types)


def _options(request: Request) -> Json:
    """Decodes the options of a subresource request from its body; ignores the URL query.

    Raises:
        StatusError: The body is not an object.
    """
    try:
        return request_body.read_options(request, "options")
    except status_errors.StatusError as error:
        why = _complaint(request.body) or str(error)
        message = f"Can not unmarshal Request body to struct, error: {why}"
        raise status_errors.bad_request(message) from error


def _complaint(body: bytes) -> str:
    """Returns the error message of Go's stream decoder, or an empty string for valid JSON."""
    try:
        go_json.loads(body)
    except go_json.MalformedError as error:
        text = str(error)
        return "unexpected EOF" if text == "unexpected end of JSON input" else text
    return ""
