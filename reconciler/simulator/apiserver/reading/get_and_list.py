"""Reader: handles GET requests for single objects and for lists.

Lists of custom resources are joined from the stored bytes, which are not decoded.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/handlers/get.go and
pkg/storage/etcd3/store.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from reconciler.simulator.apiserver.kubectl_face.table import Form, metadata_of, table, wanted
from reconciler.simulator.apiserver.reading import continue_token, selectors
from reconciler.simulator.apiserver.request import status_errors
from reconciler.simulator.apiserver.request.api_faults import Effect
from reconciler.simulator.apiserver.request.http_messages import (
    bytes_response,
    json_response,
)
from reconciler.simulator.encoding.json_codec import Json, decode
from reconciler.simulator.store.history import ExpiredError

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.reading.selectors import Selection
    from reconciler.simulator.apiserver.request.api_call import ApiCall
    from reconciler.simulator.apiserver.request.http_messages import Response
    from reconciler.simulator.store.encoded_objects import Page
    from reconciler.simulator.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    bodies: list[bytes]
    metadata: Json


class Reader:
    """Handles GET requests for single objects and for lists."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, call: ApiCall) -> Response:
        """Handles a GET request for a single object."""
        form = wanted(call.request.header("accept"))
        body = self._store.raw(call.key)
        if body is None:
            raise call.not_found()
        if form is Form.OBJECT:
            return bytes_response(200, call.present_bytes(body))
        obj = decode(body)
        if form is Form.TABLE:
            metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            return json_response(200, self._table(call, [obj], metadata))
        return json_response(200, metadata_of(obj))

    def collection(self, call: ApiCall) -> Response:
        """Handles a GET request for a list of objects."""
        listing = self._collect(call, selection(call))
        return replace(self._listed(call, listing), n_listed=len(listing.bodies))

    def _listed(self, call: ApiCall, listing: _Listing) -> Response:
        form = wanted(call.request.header("accept"))
        kind = call.resource.kind
        if form is Form.TABLE:
            objects = [decode(body) for body in listing.bodies]
            return json_response(200, self._table(call, objects, listing.metadata))
        if form is not Form.OBJECT:
            partial = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": listing.metadata,
                "items": [metadata_of(decode(body)) for body in listing.bodies],
            }
            return json_response(200, partial)
        head = orjson.dumps({"apiVersion": call.resource.api_version})[:-1]
        tail = orjson.dumps({"kind": f"{kind}List", "metadata": listing.metadata})[1:]
        items = b",".join(_items(call, listing.bodies))
        return bytes_response(200, b"".join((head, b',"items":[', items, b"],", tail)))

    def _table(self, call: ApiCall, objects: list[Json], metadata: Json) -> Json:
        include = call.request.param("includeObject")
        return table(call.resource, objects, metadata, self._store.clock.now(), include=include)

    def _collect(self, call: ApiCall, chosen: Selection) -> _Listing:
        limit = max(call.integer("limit") or 0, 0)
        position = self._position(call)
        store, scope = self._store, call.scope
        storage = call.resource.storage
        try:
            with store.lock:
                revision = store.rv if position.revision is None else position.revision
                page = store.page(
                    storage,
                    scope,
                    after=position.after,
                    limit=limit if chosen.everything else 0,
                    revision=revision,
                )
        except ExpiredError as error:
            raise _expired(position, scope) from error
        if not chosen.everything:
            return _select(page, chosen, limit, scope, call)
        metadata = _metadata(call, page.revision)
        if page.remaining:
            after = continue_token.Position(revision=page.revision, after=page.last)
            metadata["continue"] = continue_token.encode(after, scope)
            metadata["remainingItemCount"] = page.remaining
        return _Listing(bodies=[*page.bodies], metadata=metadata)

    def _position(self, call: ApiCall) -> continue_token.Position:
        token, asked = call.request.param("continue"), call.integer("resourceVersion")
        if not token:
            return continue_token.Position(revision=self._exact_revision(call, asked), after="")
        if asked:
            raise status_errors.bad_request(
                "specifying resource version is not allowed when using continue"
            )
        try:
            position = continue_token.decode(token, call.scope)
        except continue_token.TokenError as error:
            raise status_errors.bad_request(f"invalid continue token: {error}") from error
        if any(fault.effect is Effect.EXPIRE for fault in call.faults):
            raise _expired(position, call.scope)
        return position

    def _exact_revision(self, call: ApiCall, revision: int | None) -> int | None:
        if not revision:
            return None
        if revision > self._store.rv:
            raise too_large(revision, self._store.rv)
        exact = call.request.param("resourceVersionMatch") == "Exact"
        return revision if exact else None


def selection(call: ApiCall) -> Selection:
    """Parses the label and field selectors of a list or watch request.

    A watch request for a single object selects that object by name.

    Raises:
        StatusError: A selector is invalid.
    """
    fields = call.request.param("fieldSelector")
    if call.target.name:
        fields = f"metadata.name={call.target.name}"
    try:
        return selectors.parse(call.resource.storage, call.request.param("labelSelector"), fields)
    except selectors.SelectorError as error:
        raise status_errors.bad_request(str(error)) from error


def too_large(revision: int, current: int) -> status_errors.StatusError:
    """Returns the 504 error for a resourceVersion that the API server has not reached yet."""
    message = f"Too large resource version: {revision}, current: {current}"
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    details = {"causes": causes, "retryAfterSeconds": 1}
    return status_errors.StatusError(
        status_errors.failure(504, "Timeout", f"Timeout: {message}", details),
        headers=(("Retry-After", "1"),),
    )


def _select(
    page: Page, chosen: Selection, limit: int, scope: str | None, call: ApiCall
) -> _Listing:
    bodies: list[bytes] = []
    metadata = _metadata(call, page.revision)
    for place, body in enumerate(page.bodies):
        obj = decode(body)
        if not chosen.matches(obj):
            continue
        bodies.append(body)
        if limit and len(bodies) == limit and place + 1 < len(page.bodies):
            meta = obj["metadata"]
            path = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
            after = continue_token.Position(revision=page.revision, after=path)
            metadata["continue"] = continue_token.encode(after, scope)
            break
    return _Listing(bodies=bodies, metadata=metadata)


def _metadata(call: ApiCall, revision: int) -> Json:
    # Lists of custom kinds always contain `continue`; lists of built-in kinds omit an empty one.
    start: Json = {"continue": ""} if call.resource.custom else {}
    return {**start, "resourceVersion": str(revision)}


def _items(call: ApiCall, bodies: list[bytes]) -> list[bytes]:
    if call.resource.custom:
        return bodies
    # In a list of a built-in kind, items have no apiVersion and kind.
    return [
        orjson.dumps({k: v for k, v in item.items() if k not in {"apiVersion", "kind"}})
        for item in (call.present(decode(body)) for body in bodies)
    ]


def _expired(position: continue_token.Position, scope: str | None) -> status_errors.StatusError:
    onward = continue_token.Position(revision=None, after=position.after)
    token = continue_token.encode(onward, scope) if position.after else ""
    return status_errors.expired(continue_token.EXPIRED_MESSAGE, continue_token=token)
