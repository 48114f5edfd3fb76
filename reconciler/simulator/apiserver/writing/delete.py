"""Deleter: handles DELETE requests for single objects and for collections.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/handlers/delete.go and
pkg/registry/generic/registry/store.go; the namespace controller of kube-controller-manager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.reading.get_and_list import selection
from reconciler.simulator.apiserver.request import request_body, status_errors
from reconciler.simulator.apiserver.request.http_messages import json_response
from reconciler.simulator.store import api_resources, object_meta
from reconciler.simulator.store.store_errors import ConflictError

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.apiserver.request.api_call import ApiCall
    from reconciler.simulator.apiserver.request.http_messages import Response
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.history import Key
    from reconciler.simulator.store.store import Store

_ANSWER_WITH_OBJECT: Final = frozenset({"pods", "namespaces", "serviceaccounts"})


class Deleter:
    """Handles DELETE requests."""

    def __init__(self, store: Store, admission: Admission) -> None:
        self._store = store
        self._admission = admission

    def delete(self, call: ApiCall) -> Response:
        """Handles a DELETE request for one object."""
        options = _options(call)
        with self._store.lock:
            stored = self._store.get(call.key)
            if stored is None:
                raise call.not_found()
            self._check_preconditions(call, stored, options)
            self._admit(call, call.key, stored)
            last = stored if _dry(call, options) else self._delete(call.key, stored, options)
        if call.resource.storage in _ANSWER_WITH_OBJECT or last.get("metadata", {}).get(
            "finalizers"
        ):
            return json_response(200, call.present(last), warnings=call.warnings)
        resource = call.resource
        done = status_errors.details(
            resource.group, resource.plural, call.target.name, uid=last["metadata"]["uid"]
        )
        return json_response(200, status_errors.success(done), warnings=call.warnings)

    def delete_collection(self, call: ApiCall) -> Response:
        """Handles a DELETE request for a collection, and responds with the deleted objects."""
        options, chosen = _options(call), selection(call)
        resource = call.resource
        with self._store.lock:
            found = self._store.list(resource.storage, call.scope)
            doomed = [obj for obj in found if chosen.matches(obj)]
            for obj in doomed:
                meta = obj["metadata"]
                key = type(call.key)(resource.storage, meta.get("namespace", ""), meta["name"])
                self._admit(call, key, obj)
                if not _dry(call, options):
                    self._delete(key, obj, options)
            listed = {
                "apiVersion": resource.api_version,
                "kind": f"{resource.kind}List",
                "metadata": {"resourceVersion": str(self._store.rv)},
                "items": [call.present(obj) for obj in doomed],
            }
        return json_response(200, listed, warnings=call.warnings)

    def _delete(self, key: Key, stored: Json, options: Json) -> Json:
        uid = stored["metadata"]["uid"]
        if options.get("propagationPolicy") == "Orphan" or options.get("orphanDependents"):
            self._orphan(uid)
        if key.resource == "namespaces":
            self._empty(key.name)
        return self._store.delete(key) or stored

    def _orphan(self, uid: str) -> None:
        def disown(obj: Json) -> None:
            meta = obj["metadata"]
            meta["ownerReferences"] = [r for r in meta["ownerReferences"] if r["uid"] != uid]

        for dependent in self._store.dependents(uid):
            self._store.mutate(dependent, disown)

    def _empty(self, namespace: str) -> None:
        for resource in api_resources.CATALOGUE:
            if resource.namespaced and not resource.stored_as:
                for key in tuple(self._store.keys(resource.storage, namespace)):
                    self._store.delete(key)

    def _admit(self, call: ApiCall, key: Key, stored: Json) -> None:
        review = call.review("DELETE", key, stored, stored)
        denial = self._admission.mutate(review) or self._admission.validate(review)
        if denial is not None:
            raise status_errors.denied(denial, call.resource.group, call.resource.plural, key.name)

    def _check_preconditions(self, call: ApiCall, stored: Json, options: Json) -> None:
        wanted = options.get("preconditions") or {}
        try:
            object_meta.check_preconditions(call.key, stored, wanted)
        except ConflictError as error:
            have = stored["metadata"]["resourceVersion"]
            why = error.precondition or (
                "Precondition failed: ResourceVersion in precondition: "
                f"{wanted['resourceVersion']}, ResourceVersion in object meta: {have}"
            )
            raise call.conflict(why) from error


def _options(call: ApiCall) -> Json:
    """Reads the DeleteOptions from the body and the URL query of a request."""
    options = request_body.read_options(call.request, "DeleteOptions")
    policy = call.request.param("propagationPolicy")
    return {**options, "propagationPolicy": policy} if policy else options


def _dry(call: ApiCall, options: Json) -> bool:
    return call.dry_run or "All" in (options.get("dryRun") or ())
