"""PATCH: JSON patch, merge patch, strategic merge patch, server-side apply.

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.patching import apply, jsonpatch, mergepatch
from reconciler.simulator.apiserver.request import bodies, statuses
from reconciler.simulator.apiserver.request.call import invalid_options
from reconciler.simulator.apiserver.request.messages import json_response
from reconciler.simulator.apiserver.request.statuses import FieldError
from reconciler.simulator.clock import rfc3339
from reconciler.simulator.encoding import codec, gojson
from reconciler.simulator.store import structural_schema

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.call import Call
    from reconciler.simulator.apiserver.request.messages import Response
    from reconciler.simulator.apiserver.writing.writing import Writer
    from reconciler.simulator.encoding.codec import Json
    from reconciler.simulator.store.store import Store

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

_CUSTOM_TYPES: Final = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
_BUILTIN_TYPES: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)


class Patcher:
    """Changes by patch."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer

    def patch(self, call: Call) -> Response:
        """Answers a PATCH."""
        media_type = call.request.media_type
        accepted = _CUSTOM_TYPES if call.resource.custom else _BUILTIN_TYPES
        if media_type not in accepted:
            raise statuses.unsupported_media_type(accepted)
        if media_type == APPLY_PATCH:
            return self._apply(call)
        if call.request.flag("force"):
            raise invalid_options(
                "patch", [_forbidden("force", "may not be specified for non-apply patch")]
            )
        with self._store.lock:
            live = self._store.get(call.key)
            if live is None:
                raise call.not_found()
            patched = _patched(media_type, call.request.body, call.present(live), call)
            bodies.check_kind(patched, call.resource)
            _complain(call, patched)
            updated = self._writer.store_changed(call, live, patched)
        return json_response(200, call.present(updated), warnings=call.warnings)

    def _apply(self, call: Call) -> Response:
        config = bodies.read_yaml(call.request.body, call.resource.kind)
        _check_config(call, config)
        resource, name = call.resource, call.target.name
        with self._store.lock:
            live = self._store.get(call.key)
            if live is None and call.status:
                raise call.not_found()
            applied = apply.apply(
                live,
                _writable(call, config),
                root=structural_schema.of(resource.storage),
                manager=call.manager,
                api_version=resource.api_version,
                time=rfc3339(self._store.clock.now()),
                force=call.request.flag("force"),
            )
            if applied.conflicts:
                raise _apply_conflict(applied.conflicts)
            new = applied.object
            owned = new["metadata"]["managedFields"]
            if live is None:
                new["metadata"]["name"] = name
                created = self._writer.store_new(call, new, owned=owned)
                return json_response(201, call.present(created), warnings=call.warnings)
            updated = self._writer.store_changed(call, live, new, owned=owned)
        return json_response(200, call.present(updated), warnings=call.warnings)


def _patched(media_type: str, body: bytes, live: Json, call: Call) -> Json:
    try:
        if media_type == JSON_PATCH:
            patched = jsonpatch.apply(jsonpatch.parse(body), live)
        else:
            patch = _merge_body(body)
            node = structural_schema.served(call.resource)
            strategic = media_type == STRATEGIC_MERGE_PATCH
            patched = (
                mergepatch.strategic_merge(live, patch, node)
                if strategic
                else mergepatch.merge(live, patch)
            )
    except jsonpatch.DecodeError as error:
        raise statuses.bad_request(f"error decoding patch: {error}") from error
    except jsonpatch.NotApplicableError as error:
        raise statuses.rejected() from error
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
        raise statuses.rejected()
    # A merge patch shares unchanged parts with the live object, and pruning edits in place.
    return codec.copy(patched)


def _merge_body(body: bytes) -> Json:
    try:
        patch = gojson.loads(body)
    except gojson.MalformedError as error:
        raise jsonpatch.DecodeError(str(error)) from error
    if not isinstance(patch, dict):
        kind = gojson.type_name(patch)
        raise jsonpatch.DecodeError(
            f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )
    return patch


def _complain(call: Call, patched: Json) -> None:
    shown = codec.encode(patched).decode() if call.field_validation == "Strict" else ""
    problems = bodies.prune(call, patched)
    if not problems or call.field_validation == "Ignore":
        return
    if call.field_validation == "Strict":
        said = f"strict decoding error: {', '.join(problems)}"
        message = f"Invalid value: {statuses.quote(shown)}: {said}"
        error = FieldError(field="patch", reason="FieldValueInvalid", message=message)
        raise statuses.invalid("", "", "", [error])
    call.warnings.extend(problems)


def _check_config(call: Call, config: Json) -> None:
    if not call.request.param("fieldManager"):
        message = "Required value: is required for apply patch"
        error = FieldError(field="fieldManager", reason="FieldValueRequired", message=message)
        raise invalid_options("patch", [error])
    bodies.check_kind(config, call.resource)
    bodies.check_place(call, config)
    if config["metadata"].get("managedFields"):
        raise statuses.bad_request("metadata.managedFields must be nil")
    unknown = bodies.prune(call, config)
    if unknown:
        resource = call.resource
        who = f"{call.target.namespace}/{call.target.name}; {resource.api_version}"
        field = unknown[0].partition('"')[2].rstrip('"')
        message = (
            f"failed to create typed patch object ({who}, Kind={resource.kind}): "
            f".{field}: field not declared in schema"
        )
        raise statuses.RefusalError(statuses.failure(500, "", message))


def _writable(call: Call, config: Json) -> Json:
    """Returns the part of a configuration that this (sub)resource writes."""
    if call.status:
        kept = {"apiVersion", "kind", "metadata", "status"}
        meta = {k: v for k, v in config["metadata"].items() if k in {"name", "namespace"}}
        return {**{k: v for k, v in config.items() if k in kept}, "metadata": meta}
    if call.resource.status:
        return {k: v for k, v in config.items() if k != "status"}
    return config


def _apply_conflict(conflicts: tuple[apply.Conflict, ...]) -> statuses.RefusalError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {conflict.manager}",
            "field": conflict.path,
        }
        for conflict in conflicts
    ]
    message = apply.message(conflicts)
    return statuses.RefusalError(statuses.failure(409, "Conflict", message, {"causes": causes}))


def _forbidden(field: str, problem: str) -> FieldError:
    return FieldError(field=field, reason="FieldValueForbidden", message=f"Forbidden: {problem}")
