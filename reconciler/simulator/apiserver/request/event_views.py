"""Converts and validates Events, which both `v1` and `events.k8s.io/v1` serve.

Source: kube-apiserver v1.36 pkg/apis/events/v1/conversion.go and
pkg/apis/core/validation/events.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.status_errors import FieldError, quote

if TYPE_CHECKING:
    from reconciler.simulator.encoding.json_codec import Json

EVENTS_GROUP: Final = "events.k8s.io"
_CORE_TO_NEW: Final = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_NEW_TO_CORE: Final = {new: core for core, new in _CORE_TO_NEW.items()}
_SHORT_MAX: Final = 128
_NOTE_MAX: Final = 1024
"""The maximum size of an Event's note, in UTF-8 bytes; the error message says "characters"."""
_FREE_NAMESPACES: Final = frozenset({"default", "kube-system"})


def to_core(event: Json) -> Json:
    """Converts an Event from events.k8s.io/v1 to core/v1, which the API server stores."""
    core = {_NEW_TO_CORE.get(name, name): value for name, value in event.items()}
    core["apiVersion"] = "v1"
    core.setdefault("involvedObject", {})
    return core


def to_new(event: Json) -> Json:
    """Converts a stored Event from core/v1 to events.k8s.io/v1."""
    new = {_CORE_TO_NEW.get(name, name): value for name, value in event.items()}
    new["apiVersion"] = f"{EVENTS_GROUP}/v1"
    new.setdefault("deprecatedSource", {})
    new.setdefault("deprecatedFirstTimestamp", None)
    new.setdefault("deprecatedLastTimestamp", None)
    return new


def check(event: Json, *, group: str) -> list[FieldError]:
    """Validates a core/v1 Event from a client of either API group, and returns the errors."""
    namespace = event["metadata"].get("namespace", "")
    regarding = event.get("involvedObject", {}).get("namespace", "")
    timed = bool(event.get("eventTime"))
    errors: list[FieldError] = []
    free = {"default"} if not timed else _FREE_NAMESPACES
    agrees = regarding == namespace if regarding and not timed else namespace in free
    if not agrees and not (timed and regarding):
        message = f"Invalid value: {quote(regarding)}: does not match event.namespace"
        errors.append(_invalid("involvedObject.namespace", message))
    if timed:
        errors.extend(_check_texts(event, new=group == EVENTS_GROUP))
    if group == EVENTS_GROUP:
        errors.extend(_check_new(event, timed=timed))
    return errors


def _check_texts(event: Json, *, new: bool) -> list[FieldError]:
    controller = "reportingController" if new else "reportingComponent"
    limits = (
        ("reportingComponent", controller, 0),
        ("reportingInstance", "reportingInstance", _SHORT_MAX),
        ("action", "action", _SHORT_MAX),
        ("reason", "reason", _SHORT_MAX),
    )
    errors: list[FieldError] = []
    for field, shown, most in limits:
        text = event.get(field) or ""
        if not text:
            errors.append(_required(shown))
        elif most and len(text.encode()) > most:
            errors.append(_too_long(shown, most))
    if len((event.get("message") or "").encode()) > _NOTE_MAX:
        # The error contains the field of core/v1, even for a client of events.k8s.io.
        errors.append(_too_long("message", _NOTE_MAX))
    return errors


def _check_new(event: Json, *, timed: bool) -> list[FieldError]:
    errors: list[FieldError] = [] if timed else [_required("eventTime")]
    if event.get("type") not in {"Normal", "Warning"}:
        kind = quote(event.get("type") or "")
        errors.append(_invalid("type", f"Invalid value: {kind}: has invalid value: {kind}"))
    for field in ("firstTimestamp", "lastTimestamp", "count"):
        if event.get(field):
            shown = _CORE_TO_NEW[field]
            errors.append(_invalid(shown, f'Invalid value: "": {shown} needs to be unset'))
    return errors


def _too_long(field: str, most: int) -> FieldError:
    return _invalid(field, f'Invalid value: "": can have at most {most} characters')


def _required(field: str) -> FieldError:
    return FieldError(field=field, reason="FieldValueRequired", message="Required value")


def _invalid(field: str, message: str) -> FieldError:
    return FieldError(field=field, reason="FieldValueInvalid", message=message)
