"""KubeApiServer: the simulated kube-apiserver, called directly or through an HTTP server.

For each request, the server authenticates the user, applies faults, authorizes the request, calls
the handler for the verb, and logs the request.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlencode

from reconciler.simulator.apiserver import bootstrap
from reconciler.simulator.apiserver.access.access_reviews import Reviews
from reconciler.simulator.apiserver.access.authentication import Tokens, impersonated
from reconciler.simulator.apiserver.access.rbac import Attempt, Authorizer, Mode
from reconciler.simulator.apiserver.kubectl_face import discovery, openapi
from reconciler.simulator.apiserver.kubectl_face.discovery import ACTIONS_GROUP
from reconciler.simulator.apiserver.patching.patch_handler import Patcher
from reconciler.simulator.apiserver.reading.get_and_list import Reader
from reconciler.simulator.apiserver.reading.watch import WatchStream
from reconciler.simulator.apiserver.request import request_info, status_errors
from reconciler.simulator.apiserver.request.api_call import ApiCall
from reconciler.simulator.apiserver.request.api_faults import Effect, Faults
from reconciler.simulator.apiserver.request.http_messages import (
    NO_SUCH_PAGE,
    Request,
    RequestRecord,
    Response,
    User,
    json_response,
    text_response,
)
from reconciler.simulator.apiserver.response_times import IMMEDIATE, ResponseTimes
from reconciler.simulator.apiserver.writing.actions import run_action
from reconciler.simulator.apiserver.writing.create_and_update import Writer
from reconciler.simulator.apiserver.writing.delete import Deleter
from reconciler.simulator.store import api_resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.apiserver.request.request_info import RequestInfo
    from reconciler.simulator.store.store import Store

Answer: TypeAlias = Response | WatchStream

_HEALTH: Final = ("/healthz", "/livez", "/readyz")


class KubeApiServer:
    """Simulates kube-apiserver: returns a response or a watch stream for each request.

    The attribute `log` contains a record of every request, oldest first.
    """

    def __init__(
        self,
        store: Store,
        admission: Admission,
        *,
        tokens: Tokens | None = None,
        mode: Mode = Mode.OPEN,
        faults: Faults | None = None,
        response_times: ResponseTimes = IMMEDIATE,
        installed: frozenset[str] = frozenset(),
    ) -> None:
        """Creates a simulated API server, and stores the objects that every cluster has.

        Args:
            store: The store of Kubernetes objects.
            admission: KubeVirt's webhooks and subresource actions.
            tokens: The accepted tokens, or None to accept only a random administrator token.
            mode: Whether to enforce RBAC or to allow every request.
            faults: The faults to inject into requests.
            response_times: The minimum time that responses take.
            installed: The optional API versions that are served, such as `hco.kubevirt.io/v1`.
        """
        self._installed = installed
        self.store: Final = store
        self.tokens: Final = tokens or Tokens(store.clock)
        self.faults: Final = faults or Faults()
        self.log: list[RequestRecord] = []
        self._response_times = response_times
        self._admission = admission
        self._authorizer = Authorizer(store, mode)
        self._reader = Reader(store)
        self._writer = Writer(store, admission)
        self._patcher = Patcher(store, self._writer)
        self._deleter = Deleter(store, admission)
        self._reviews = Reviews(store, self._authorizer, self.tokens)
        self._handlers: dict[str, Callable[[ApiCall], Response]] = {
            "get": self._reader.get,
            "list": self._reader.collection,
            "create": self._create,
            "update": self._writer.update,
            "patch": self._patcher.patch,
            "delete": self._deleter.delete,
            "deletecollection": self._deleter.delete_collection,
        }
        self._watches: weakref.WeakSet[WatchStream] = weakref.WeakSet()
        bootstrap.fill(store, installed)

    def handle(self, request: Request) -> Answer:
        """Handles one API request; an invalid request gets an error response, not an exception."""
        user = request.user or self.tokens.user(request.header("authorization"))
        try:
            user = self._acting(request, user)
            answer = self._answer(request, user)
        except status_errors.StatusError as refusal:
            answer = refusal.response()
        self.log.append(
            RequestRecord(
                method=request.method,
                path=request.path,
                query=urlencode(request.query),
                status=answer.status,
                user=user.name if user else "",
                user_agent=request.header("user-agent"),
                content_type=request.media_type,
                at=self.store.clock.now(),
            )
        )
        return answer

    def close(self) -> None:
        """Ends every open watch connection."""
        for stream in tuple(self._watches):
            stream.close()

    def _answer(self, request: Request, user: User | None) -> Answer:
        if user is None:
            raise status_errors.unauthorized()
        target = request_info.parse(request)
        if target is None:
            return self._answer_path(request, user)
        faults = self.faults.hits(request.method, target, user.name)
        for fault in faults:
            if fault.effect is Effect.STATUS:
                raise status_errors.injected(fault.code, fault.message, fault.retry_after_s)
        self._authorize(target, user)
        delay = sum(fault.seconds for fault in faults if fault.effect is Effect.SLOW)
        if target.group == ACTIONS_GROUP:
            return _delayed(run_action(self._admission, request, target), delay)
        resource = target.resource
        if resource is None or not api_resources.served(resource, self._installed):
            return NO_SUCH_PAGE
        resource = api_resources.beside(resource, self._installed)
        call = ApiCall(request=request, user=user, target=target, resource=resource, faults=faults)
        if target.verb == "watch":
            stream = WatchStream(self.store, call, delay_s=delay)
            self._watches.add(stream)
            return stream
        started = self.store.clock.monotonic()
        try:
            response = self._dispatch(call)
            taken_s = self.store.clock.monotonic() - started
            missing_s = self._response_times.least_s(target.verb, response.n_listed) - taken_s
            return _delayed(response, delay + max(missing_s, 0.0))
        except status_errors.StatusError as refusal:
            return _delayed(refusal.response(call.warnings), delay)

    def _acting(self, request: Request, user: User | None) -> User | None:
        """Returns the user that the request impersonates (`kubectl --as`).

        Raises:
            StatusError: RBAC does not allow the impersonation.
        """
        name = request.header("impersonate-user")
        if user is None or not name:
            return user
        if not self._authorizer.allows(
            user, Attempt(verb="impersonate", resource="users", name=name)
        ):
            raise status_errors.forbidden(user, "impersonate", "", "users", name, "")
        return impersonated(name, request.header("impersonate-group"))

    def _answer_path(self, request: Request, user: User) -> Response:
        attempt = Attempt(verb=request.method.lower(), path=request.path)
        if not self._authorizer.allows(user, attempt):
            raise status_errors.forbidden_path(user, attempt.verb, request.path)
        path = request.path.rstrip("/")
        if path.startswith(_HEALTH):
            return text_response(200, "ok")
        if path == "/version":
            return json_response(200, discovery.version())
        if path.startswith("/openapi/v3"):
            return openapi.answer(path)
        if path.startswith("/api"):
            return discovery.answer(request, self._admission.actions(), self._installed)
        return NO_SUCH_PAGE

    def _authorize(self, target: RequestInfo, user: User) -> None:
        attempt = Attempt(
            verb=target.verb,
            group=target.group,
            resource=target.resource_path,
            namespace=target.namespace,
            name=target.name,
        )
        if not self._authorizer.allows(user, attempt):
            raise status_errors.forbidden(
                user,
                target.verb,
                target.group,
                target.resource_path,
                target.name,
                target.namespace,
            )

    def _dispatch(self, call: ApiCall) -> Response:
        resource, target = call.resource, call.target
        if target.subresource:
            return self._dispatch_subresource(call)
        if target.verb not in resource.verbs:
            raise status_errors.method_not_allowed()
        if resource in api_resources.REVIEWS:
            return self._reviews.answer(call)
        if target.verb not in {"get", "list"}:
            call.check_options()
        return self._handlers[target.verb](call)

    def _create(self, call: ApiCall) -> Response:
        unscoped = call.resource.namespaced and not call.target.namespace
        if call.target.name or unscoped:
            raise status_errors.method_not_allowed()
        return self._writer.create(call)

    def _dispatch_subresource(self, call: ApiCall) -> Response:
        resource, target = call.resource, call.target
        if resource.qualified == "serviceaccounts" and target.subresource == "token":
            return self._reviews.issue_token(call)
        finalize = resource.qualified == "namespaces" and target.subresource == "finalize"
        if not finalize and not (resource.status and call.status):
            return NO_SUCH_PAGE
        if target.verb not in api_resources.STATUS_VERBS:
            raise status_errors.method_not_allowed()
        if target.verb != "get":
            call.check_options()
        return self._handlers[target.verb](call)


def _delayed(response: Response, delay_s: float) -> Response:
    if not delay_s:
        return response
    return replace(response, delay_s=delay_s)
