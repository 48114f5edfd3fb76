"""``hooks_app``: accepts webhook requests at ``POST /hooks/SCHEME``, and reports pushes.

Anyone can send requests to this server, so the cheapest checks come first. A body is not parsed
before its signature has been verified, and not even read if the headers cannot belong to a
valid request. All requests that cannot be authenticated receive the same response.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from reconciler.ports import Clock
from reconciler.serve.hooks.body_reader import BodyLimits, BodyReader, BusyError, TooLargeError
from reconciler.serve.hooks.delivery_memory import DeliveryMemory
from reconciler.serve.hooks.followed_branch import FollowedBranch
from reconciler.serve.hooks.payloads import MalformedError, body_object
from reconciler.serve.hooks.push_event import PushEvent, Scheme
from reconciler.serve.hooks.rejection_log import RejectionLog
from reconciler.serve.hooks.schemes import MAX_ID, SCHEMES, first
from reconciler.serve.hooks.secret_folder import SecretFolder, Secrets
from reconciler.serve.http.connection_limits import ConnectionLimits
from reconciler.serve.http.request_guard import ANY_HOST, RequestGuard

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)

HOOK_LIMITS = ConnectionLimits(connections=128, request_bytes=8 * 1024 * 1024)
"""The connection limits of the webhook server."""


def _count_nothing(_scheme: str, _result: str) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class HookOptions:
    """The settings of the webhook server."""

    secrets: SecretFolder
    followed: FollowedBranch
    clock: Clock
    body: BodyLimits = field(default_factory=BodyLimits)
    count: Callable[[str, str], None] = _count_nothing
    """Called with the scheme and the result of each webhook request, to count the requests."""


def hooks_app(options: HookOptions, wake: Callable[[PushEvent], None]) -> Starlette:
    """Return the ASGI application that calls *wake* for each push to the applied branch.

    *wake* runs in the thread of the HTTP server, and must return immediately.
    """
    receiver = _Receiver(options, wake)
    guard = Middleware(RequestGuard, hosts=(ANY_HOST,), head_bytes=HOOK_LIMITS.head_bytes)
    app = Starlette(middleware=[guard])
    route = Route("/hooks/{scheme}", receiver.receive, methods=["POST"])
    app.router = Router((route,), redirect_slashes=False)
    return app


class _Receiver:
    """Handles the requests to the webhook server."""

    def __init__(self, options: HookOptions, wake: Callable[[PushEvent], None]) -> None:
        self._options, self._wake = options, wake
        self._bodies = BodyReader(options.body)
        self._memory = DeliveryMemory()
        self._rejections = RejectionLog(options.clock)

    async def receive(self, request: Request) -> Response:
        """Respond with 2xx to every request with a valid signature, even if it has no effect."""
        name = request.path_params["scheme"]
        if name not in set(Scheme):
            return PlainTextResponse("Not Found", 404)
        scheme = Scheme(name)
        result, response = await self._result(scheme, request)
        self._options.count(scheme, result)
        return response

    async def _result(self, scheme: Scheme, request: Request) -> tuple[str, Response]:
        secrets = self._options.secrets.secrets(scheme)
        if not secrets:
            return "no-secret", PlainTextResponse("Not Implemented", 501)
        try:
            body = await self._authentic_body(scheme, request, secrets)
        except TooLargeError:
            return "too-large", PlainTextResponse("Content Too Large", 413)
        except BusyError:
            busy = PlainTextResponse("Service Unavailable", 503, {"Retry-After": "60"})
            return "busy", busy
        if body is None:
            self._rejections.add(scheme)
            return "unauthenticated", PlainTextResponse("Unauthorized", 401)
        return self._accept(scheme, request, body)

    async def _authentic_body(
        self, scheme: Scheme, request: Request, secrets: Secrets
    ) -> bytes | None:
        """Return the body of a request with a valid signature or token, or None otherwise."""
        claims = SCHEMES[scheme].claims(request.headers, secrets, self._options.clock.now())
        proven = any(not each.needs_body and each.proves(b"") for each in claims)
        if not proven and not any(each.needs_body for each in claims):
            return None
        body = await self._bodies.read(request)
        if not proven:
            proven = any(each.needs_body and each.proves(body) for each in claims)
        return body if proven else None

    def _accept(self, scheme: Scheme, request: Request, body: bytes) -> tuple[str, Response]:
        """Handle a webhook request with a valid signature, and build the response."""
        rules = SCHEMES[scheme]
        delivery_id = first(request.headers, rules.delivery_id)[:MAX_ID]
        if delivery_id and self._memory.seen(scheme, delivery_id):
            return "repeated", PlainTextResponse(
                "ignored: this webhook request was already received\n"
            )
        try:
            content = body_object(body, request.headers.get("Content-Type", ""))
        except MalformedError as error:
            # Git hosts disable a webhook after repeated errors, and a retry would not help.
            log.warning("ignored a request to /hooks/%s with a valid signature: %s", scheme, error)
            return "malformed", PlainTextResponse(f"ignored: {error}\n")
        event = first(request.headers, rules.event)
        found = self._options.followed.relevance(rules.decode(event, content))
        log.info("webhook request to /hooks/%s: %s", scheme, found.message)
        if found.ref is not None:
            self._wake(PushEvent(scheme=scheme, commit=found.ref.commit))
        if delivery_id:
            self._memory.add(scheme, delivery_id)
        if found.ref is None:
            return "ignored", PlainTextResponse(f"{found.message}\n")
        return "accepted", PlainTextResponse(f"{found.message}\n", 202)
