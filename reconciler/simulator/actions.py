"""Calls of subresources.kubevirt.io, which KubeVirt's own API server answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator import bodies
from reconciler.simulator.admission import ActionRequest
from reconciler.simulator.codec import encode
from reconciler.simulator.messages import bytes_response, text_response

if TYPE_CHECKING:
    from reconciler.simulator.admission import Admission
    from reconciler.simulator.messages import Request, Response, User
    from reconciler.simulator.routes import Target


def run_action(admission: Admission, request: Request, target: Target, user: User) -> Response:
    """Runs the registered action; 404 if there is none."""
    action = admission.find_action(target.plural, target.subresource)
    if action is None or not target.name:
        return text_response(404, "404 page not found\n")
    body = bodies.read_options(request, "options") or None
    result = action(
        ActionRequest(
            resource=target.plural,
            subresource=target.subresource,
            namespace=target.namespace,
            name=target.name,
            method=request.method,
            body=body,
            user=user.name,
            dry_run="All" in request.params("dryRun") or _dry(body),
        )
    )
    return bytes_response(result.status, b"" if result.body is None else encode(result.body))


def _dry(options: dict[str, object] | None) -> bool:
    asked = (options or {}).get("dryRun")
    return isinstance(asked, list) and "All" in asked
