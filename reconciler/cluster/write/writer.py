"""``ClusterWriter``: sends each planned change to the cluster and checks the response."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from reconciler.cluster.api import api_errors, resource_paths, threads
from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode import owners, workloads
from reconciler.cluster.decode.kubevirt_cr import kubevirt
from reconciler.cluster.decode.pages import UnreadableError
from reconciler.cluster.write import answer_check
from reconciler.decoders import json_decoder
from reconciler.errors import ClusterError, NotFoundError
from reconciler.model.plan.plan import Action, Verb
from reconciler.model.run.write_result import Refusal, Written
from reconciler.plan.kubevirt.owners.owner_table import object_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reconciler.cluster.api.api_errors import Answer
    from reconciler.cluster.api.client import Client
    from reconciler.model.live.live_state import LiveVM
    from reconciler.model.references import ObjectRef

_NO_CAUSE = "the server rejected our request"
"""The start of the error message for a failed JSON Patch ``test`` or a missing parent field.

Source: a recorded response from kube-apiserver 1.36.
"""
_REJECTED = range(400, 500)
_UNDER_WAY = "stop/start already underway"


class ClusterWriter:
    """A ``ports.Writer`` that sends planned changes to an API server.

    Args:
        parallel: The maximum number of requests that ``write_each`` sends in parallel.
        meanwhile: Called about once a second while parallel requests have no response.
    """

    def __init__(
        self, client: Client, *, parallel: int = 1, meanwhile: Callable[[], None] | None = None
    ) -> None:
        self._client = client
        self._parallel = parallel
        self._meanwhile = meanwhile

    def write(self, action: Action, *, timeout_s: float | None = None) -> Written:
        """Send the request for a planned change once; return the result, even for a rejection.

        Args:
            action: A patch, a create or a restart.
            timeout_s: The longest wait for the response, within the client's own timeout.

        Raises:
            UnavailableError: The server returned 429 or 5xx, for example because a webhook did not
                respond; the error has the server's Retry-After.
            ClusterError: No response arrived, or the server returned 401.
        """
        answer = self._send(action, timeout_s=timeout_s)
        if answer.ok:
            return _written(action, answer)
        refusal = refusal_of(answer) or _restart_refusal(action, answer)
        if refusal is None:
            raise api_errors.from_answer(answer, self._client.host)
        return Written(
            refusal=refusal,
            status=answer.status,
            message=api_errors.sentence(answer.explained()) or answer.reason,
            warnings=answer.warnings,
        )

    def write_each(
        self, actions: Iterable[Action], *, timeout_s: Callable[[], float]
    ) -> Iterator[tuple[Action, Written | ClusterError]]:
        """Send the requests for planned changes in parallel, and yield each result as it arrives.

        A change is taken from *actions* only when its request can be sent immediately. An error
        is also yielded as a result, not raised.
        """
        timed = ((each, timeout_s()) for each in actions)
        if self._parallel == 1:
            yield from ((each[0], self._attempt(each)) for each in timed)
            return
        for (action, _), answer in threads.each(
            self._attempt, timed, at_once=self._parallel, meanwhile=self._meanwhile
        ):
            yield action, answer

    def _attempt(self, timed: tuple[Action, float]) -> Written | ClusterError:
        action, timeout_s = timed
        try:
            return self.write(action, timeout_s=timeout_s)
        except ClusterError as error:
            return error

    def _send(self, action: Action, *, timeout_s: float | None) -> Answer:
        client, ref = self._client, action.ref
        match action.verb:
            case Verb.CREATE:
                body = dict(action.manifest or {})
                path = resource_paths.siblings(ref)
                return client.create(path, body, timeout_s=timeout_s)
            case Verb.RESTART:
                return client.restart(resource_paths.restart(ref), timeout_s=timeout_s)
            case Verb.PATCH:
                ops = [op.plain() for op in action.patch]
                return client.patch(patch_path(action), ops, timeout_s=timeout_s)

    def read_vm(self, ref: ObjectRef) -> LiveVM | None:
        """Read a VM from the API server; return None if the VM does not exist.

        Raises:
            ClusterError: The VM cannot be read.
        """
        try:
            body = self._client.get(resource_paths.of(ref))
        except NotFoundError:
            return None
        try:
            return workloads.VMS.one(body)
        except UnreadableError as error:
            raise ClusterError(
                f"the {ref} at {self._client.host} cannot be read: {error}"
            ) from error


def refusal_of(answer: Answer) -> Refusal | None:  # noqa: PLR0911 - a table, one return per row
    """Return why the API server rejected a write, or None if the failure is not a rejection.

    An API server explains a rejection with a ``Status``, whatever the code. Code 413, for example,
    means that the patch or the object is too large.

    Source: recorded responses of kube-apiserver 1.36 with KubeVirt 1.9 webhooks; the HTTP status
    codes in kubernetes/community contributors/devel/sig-architecture/api-conventions.md.
    """
    status = answer.explained()
    text = status.message or ""
    guarded = not status.causes and text.startswith(_NO_CAUSE)
    match answer.status, status.reason:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.TOO_MANY_REQUESTS, _:
            return None
        case code, _ if code not in _REJECTED:
            return None
        case _, _ if api_errors.is_denial(status):
            return Refusal.DENIED
        case HTTPStatus.UNPROCESSABLE_ENTITY, _ if guarded:
            return Refusal.GUARD
        case HTTPStatus.FORBIDDEN, _:
            return Refusal.FORBIDDEN
        case HTTPStatus.NOT_FOUND, "NotFound":
            return Refusal.NOT_FOUND
        case HTTPStatus.CONFLICT, "AlreadyExists":
            return Refusal.EXISTS
        case HTTPStatus.CONFLICT, _:
            return Refusal.CONFLICT
        case HTTPStatus.NOT_FOUND, _:
            return None
        case _:
            return Refusal.DENIED if status.kind else None


def _restart_refusal(action: Action, answer: Answer) -> Refusal | None:
    """Return why virt-api rejected a restart, in cases that ``refusal_of`` does not cover.

    virt-api returns 409 only to simultaneous requests, and 500 if a restart is in progress.

    Source: kubevirt v1.9.0 pkg/virt-api/rest/lifecycle.go (RestartVMRequestHandler,
    getChangeRequestJson).
    """
    if action.verb is not Verb.RESTART:
        return None
    if _UNDER_WAY in (answer.explained().message or ""):
        return Refusal.CONFLICT
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS):
        return None
    return Refusal.DENIED if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR else None


def _written(action: Action, answer: Answer) -> Written:
    """Check that the response to a successful write contains the written values.

    The response to a restart has no body.
    """
    if action.verb is Verb.RESTART:
        return Written(status=answer.status, warnings=answer.warnings)
    try:
        held = json_decoder(dict).decode(answer.body)
        if action.verb is Verb.CREATE:
            missing = answer_check.uncreated(held, action.manifest or {})
        else:
            missing = answer_check.unpatched(held, action.patch)
        vm = workloads.VMS.one(answer.body) if action.ref.is_vm else None
        target = action.target
        config = kubevirt(answer.body)[0] if action.ref.is_kubevirt and not target else None
        owner = (
            owners.owner_object(answer.body, object_of(target.ref.kind), target.version)
            if target
            else None
        )
    except UNDECODABLE as error:
        missing = (f"the response cannot be read: {error}",)
        vm = config = owner = None
    return Written(
        refusal=Refusal.NOT_AS_WRITTEN if missing else None,
        status=answer.status,
        message="; ".join(missing),
        warnings=answer.warnings,
        vm=None if missing else vm,
        kubevirt=None if missing else config,
        owner=None if missing else owner,
    )


def patch_path(action: Action) -> str:
    """Return the API path, including the version, of the object that a change patches."""
    target = action.target
    if target is None:
        return resource_paths.of(action.ref)
    return resource_paths.of(target.ref, target.version)
