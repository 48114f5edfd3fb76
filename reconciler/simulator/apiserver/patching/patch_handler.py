"""Patcher: handles PATCH requests of all four types (JSON, merge, strategic merge, apply).

Source: kube-apiserver v1.36, k8s.io/apiserver pkg/endpoints/handlers/patch.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.patching import json_patch, merge_patch, server_side_apply
from reconciler.simulator.apiserver.request import request_body, status_errors
from reconciler.simulator.apiserver.request.api_call import invalid_options
from reconciler.simulator.apiserver.request.http_messages import json_response
from reconciler.simulator.apiserver.request.status_errors import FieldError
from reconciler.simulator.clock import rfc3339
from reconciler.simulator.encoding import go_json, json_codec
from reconciler.simulator.store import structural_schema

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.api_call import ApiCall
    from reconciler.simulator.apiserver.request.http_messages import Response
    from reconciler.simulator.apiserver.writing.create_and_update import Writer
    from reconciler.simulator.encoding.json_codec import Json
    from reconciler.simulator.store.store import Store

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

_CUSTOM_TYPES: Final = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
_BUILTIN_TYPES: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)


class Patcher:
    """Handles PATCH requests in all four patch formats."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer

    def patch(self, call: ApiCall) -> Response:
        """Handles one PATCH request with any supported content type."""
        media_type = call.request.media_type
        accepted = _CUSTOM_TYPES if call.resource.custom else _BUILTIN_TYPES
        if media_type not in accepted:
            raise status_errors.unsupported_media_type(accepted)
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
            request_body.check_kind(patched, call.resource)
            _complain(call, patched)
            updated = self._writer.store_changed(call, live, patched)
        return json_response(200, call.present(updated), warnings=call.warnings)

    def _apply(self, call: ApiCall) -> Response:
        config = request_body.decode(call.request.body, yaml=True, kind=call.resource.kind)
        _check_config(call, config)
        resource, name = call.resource, call.target.name
        with self._store.lock:
            live = self._store.get(call.key)
            if live is None and call.status:
                raise call.not_found()
            shown = call.present(live) if live is not None and resource.custom else live
            applied = server_side_apply.apply(
                shown,
                _writable(call, config),
                resource=resource,
                manager=call.manager,
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


def _patched(media_type: str, body: bytes, live: Json, call: ApiCall) -> Json:
    try:
        if media_type == JSON_PATCH:
            patched = json_patch.apply(json_patch.parse(body), live)
        else:
            patch = _merge_body(body)
            node = structural_schema.served(call.resource)
            strategic = media_type == STRATEGIC_MERGE_PATCH
            patched = (
                merge_patch.strategic_merge(live, patch, node)
                if strategic
                else merge_patch.merge(live, patch)
            )
    except json_patch.DecodeError as error:
        raise status_errors.bad_request(f"error decoding patch: {error}") from error
    except json_patch.NotApplicableError as error:
        raise status_errors.rejected() from error
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
        raise status_errors.rejected()
    # A merged object shares unchanged parts with the live object, which pruning must not edit.
    return json_codec.copy(patched)


def _merge_body(body: bytes) -> Json:
    try:
        patch = go_json.loads(body)
    except go_json.MalformedError as error:
        raise json_patch.DecodeError(str(error)) from error
    if not isinstance(patch, dict):
        kind = go_json.type_name(patch)
        raise json_patch.DecodeError(
            f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )
    return patch


def _complain(call: ApiCall, patched: Json) -> None:
    shown = json_codec.encode(patched).decode() if call.field_validation == "Strict" else ""
    problems = request_body.prune(call, patched)
    if not problems or call.field_validation == "Ignore":
        return
    if call.field_validation == "Strict":
        said = f"strict decoding error: {', '.join(problems)}"
        message = f"Invalid value: {status_errors.quote(shown)}: {said}"
        error = FieldError(field="patch", reason="FieldValueInvalid", message=message)
        raise status_errors.invalid("", "", "", [error])
    call.warnings.extend(problems)


def _check_config(call: ApiCall, config: Json) -> None:
    if not call.request.param("fieldManager"):
        message = "Required value: is required for apply patch"
        error = FieldError(field="fieldManager", reason="FieldValueRequired", message=message)
        raise invalid_options("patch", [error])
    request_body.check_kind(config, call.resource)
    request_body.check_place(call, config)
    if config["metadata"].get("managedFields"):
        raise status_errors.bad_request("metadata.managedFields must be nil")
    unknown = request_body.prune(call, config)
    if unknown:
        resource = call.resource
        who = f"{call.target.namespace}/{call.target.name}; {resource.api_version}"
        field = unknown[0].partition('"')[2].rstrip('"')
        message = (
            f"failed to create typed patch object ({who}, Kind={resource.kind}): "
            f".{field}: field not declared in schema"
        )
        raise status_errors.StatusError(status_errors.failure(500, "", message))


def _writable(call: ApiCall, config: Json) -> Json:
    """Returns the applied fields that the requested URL (the object or its status) can change."""
    if call.status:
        kept = {"apiVersion", "kind", "metadata", "status"}
        meta = {k: v for k, v in config["metadata"].items() if k in {"name", "namespace"}}
        return {**{k: v for k, v in config.items() if k in kept}, "metadata": meta}
    if call.resource.status:
        return {k: v for k, v in config.items() if k != "status"}
    return config


def _apply_conflict(
    conflicts: tuple[server_side_apply.Conflict, ...],
) -> status_errors.StatusError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {conflict.manager}",
            "field": conflict.path,
        }
        for conflict in conflicts
    ]
    message = server_side_apply.message(conflicts)
    return status_errors.StatusError(
        status_errors.failure(409, "Conflict", message, {"causes": causes})
    )


def _forbidden(field: str, problem: str) -> FieldError:
    return FieldError(field=field, reason="FieldValueForbidden", message=f"Forbidden: {problem}")
