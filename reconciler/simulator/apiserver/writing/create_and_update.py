"""Writer: handles POST and PUT requests, and defines the steps of every write request.

A write decodes and prunes the object, computes managedFields, runs mutating hooks, checks the
schema, runs validating hooks, and stores the object.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/handlers (create.go, update.go,
patch.go) and pkg/registry/generic/registry/store.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request import (
    event_views,
    object_names,
    request_body,
    schema_validation,
    status_errors,
)
from reconciler.simulator.apiserver.request.http_messages import json_response
from reconciler.simulator.apiserver.request.status_errors import FieldError
from reconciler.simulator.clock import rfc3339
from reconciler.simulator.encoding.json_codec import copy
from reconciler.simulator.store import managed_fields, object_meta, structural_schema
from reconciler.simulator.store.history import Key
from reconciler.simulator.store.store_errors import AlreadyExistsError, ConflictError

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.apiserver.request.api_call import ApiCall
    from reconciler.simulator.apiserver.request.http_messages import Response
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.store import Store

_NOT_FROM_CLIENTS: Final = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
)
_GENERATED_MAX: Final = 58


class Writer:
    """Handles POST and PUT requests."""

    def __init__(self, store: Store, admission: Admission) -> None:
        self._store = store
        self._admission = admission

    def create(self, call: ApiCall) -> Response:
        """Handles a POST request, which creates an object."""
        obj = _decoded(call)
        with self._store.lock:
            created = self.store_new(call, obj)
        return json_response(201, call.present(created), warnings=call.warnings)

    def update(self, call: ApiCall) -> Response:
        """Handles a PUT request, which replaces an object."""
        obj = _decoded(call)
        with self._store.lock:
            live = self._store.get(call.key)
            if live is None and call.resource.create_on_update and not call.status:
                created = self.store_new(call, obj)
                return json_response(201, call.present(created), warnings=call.warnings)
            if live is None:
                raise call.not_found()
            self._check_put(call, obj, live)
            updated = self.store_changed(call, live, obj)
        return json_response(200, call.present(updated), warnings=call.warnings)

    def store_new(self, call: ApiCall, obj: Json, *, owned: list[Json] | None = None) -> Json:
        """Calls the admission hooks for a new object, and stores the object.

        Args:
            call: The request that creates the object.
            obj: The object that the client sent, decoded and pruned.
            owned: The object's managedFields, if the caller has computed them (server-side apply).
        """
        resource, meta = call.resource, obj["metadata"]
        new = call.stored(obj)
        for field in _NOT_FROM_CLIENTS:
            meta.pop(field, None)
        if resource.status and resource.custom:
            new.pop("status", None)
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"][:_GENERATED_MAX] + self._store.ids.suffix()
        entries = self._owned(call, {}, new, []) if owned is None else owned
        if entries:
            meta["managedFields"] = entries
        key = Key(resource.storage, meta.get("namespace", ""), meta.get("name", ""))
        self._check_namespace(call, key)
        if key.resource == "namespaces":
            _open_namespace(new)
        self._admit(call, key, new, None)
        try:
            return self._store.create(key, new, dry_run=call.dry_run)
        except AlreadyExistsError:
            raise status_errors.already_exists(resource.group, resource.plural, key.name) from None

    def store_changed(
        self, call: ApiCall, live: Json, obj: Json, *, owned: list[Json] | None = None
    ) -> Json:
        """Calls the admission hooks for a changed object, and stores the object.

        Args:
            call: The request that changes the object.
            live: The stored object.
            obj: The changed object, decoded and pruned.
            owned: The object's managedFields, if the caller has computed them (server-side apply).
        """
        resource = call.resource
        new = call.stored(obj)
        self._check_identity(call, live, new)
        asked = new["metadata"].get("managedFields")
        new = copy(object_meta.merge(resource, live, new, status=call.status))
        before = live["metadata"].get("managedFields", [])
        base = [e for e in asked if e] if isinstance(asked, list) and asked else before
        entries = self._owned(call, live, new, base) if owned is None else owned
        new["metadata"].pop("managedFields", None)
        if entries:
            new["metadata"]["managedFields"] = entries
        self._admit(call, call.key, new, live)
        return self._store.update(call.key, new, status=call.status, dry_run=call.dry_run)

    def _owned(self, call: ApiCall, live: Json, new: Json, entries: list[Json]) -> list[Json]:
        served = call.resource.custom
        return managed_fields.after_update(
            call.present(live) if served else live,
            call.present(new) if served else new,
            entries,
            call.resource,
            manager=call.manager,
            time=rfc3339(self._store.clock.now()),
            subresource=call.target.subresource,
        )

    def _admit(self, call: ApiCall, key: Key, new: Json, old: Json | None) -> None:
        resource = call.resource
        review = call.review("UPDATE" if old else "CREATE", key, new, old)
        denial = self._admission.mutate(review)
        if denial is None:
            self._check(call, new)
            denial = self._admission.validate(review)
        if denial is not None:
            raise status_errors.denied(denial, resource.group, resource.plural, key.name)

    def _check(self, call: ApiCall, new: Json) -> None:
        resource, meta = call.resource, new["metadata"]
        node = structural_schema.of(resource.storage)
        errors = object_names.check(resource, meta)
        if resource.custom:
            schema_validation.prune(new, node)
            errors += schema_validation.check(new, node)
        else:
            missing = schema_validation.check(new, node)
            errors += [e for e in missing if e.reason == "FieldValueRequired"]
        if resource.storage == "events":
            errors += event_views.check(new, group=resource.group)
        if errors:
            raise call.invalid(meta.get("name", ""), errors)

    def _check_namespace(self, call: ApiCall, key: Key) -> None:
        if not call.resource.namespaced:
            return
        namespace = self._store.get(Key("namespaces", "", key.namespace))
        if namespace is None:
            raise status_errors.not_found("", "namespaces", key.namespace)
        if namespace["metadata"].get("deletionTimestamp"):
            resource = call.resource
            head = f"{resource.qualified} {status_errors.quote(key.name)} is forbidden"
            problem = f"unable to create new content in namespace {key.namespace}"
            raise status_errors.StatusError(
                status_errors.failure(
                    403,
                    "Forbidden",
                    f"{head}: {problem} because it is being terminated",
                    status_errors.details(resource.group, resource.plural, key.name),
                )
            )

    def _check_put(self, call: ApiCall, obj: Json, live: Json) -> None:
        meta = obj["metadata"]
        if not meta.get("resourceVersion") and not call.resource.unconditional_update:
            message = "Invalid value: 0: must be specified for an update"
            error = FieldError(
                field="metadata.resourceVersion", reason="FieldValueInvalid", message=message
            )
            raise call.invalid(call.target.name, [error])
        try:
            object_meta.check_preconditions(call.key, live, {"uid": meta.get("uid")})
        except ConflictError as error:
            raise call.conflict(error.precondition) from error

    def _check_identity(self, call: ApiCall, live: Json, new: Json) -> None:
        meta, old = new["metadata"], live["metadata"]
        revision = meta.get("resourceVersion")
        if revision and revision != old["resourceVersion"]:
            raise status_errors.conflict(
                call.resource.group, call.resource.plural, call.target.name
            )
        errors = [
            FieldError(
                field=f"metadata.{field}",
                reason="FieldValueInvalid",
                message=f"Invalid value: {status_errors.quote(meta[field])}: field is immutable",
            )
            for field in ("name", "namespace", "uid")
            if meta.get(field) and meta[field] != old.get(field)
        ]
        if errors:
            raise call.invalid(call.target.name, errors)


def _decoded(call: ApiCall) -> Json:
    obj = request_body.read(call)
    request_body.check_place(call, obj)
    request_body.complain(call, request_body.strict_problems(call, obj))
    return obj


def _open_namespace(namespace: Json) -> None:
    meta = namespace["metadata"]
    meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta.get("name", "")
    namespace["spec"] = {"finalizers": ["kubernetes"]}
    namespace["status"] = {"phase": "Active"}
