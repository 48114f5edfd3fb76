"""Decodes the custom resources from which an operator, such as HCO, generates the KubeVirt CR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.cluster.decode.decode_values import moment
from reconciler.cluster.decode.json_fields import (
    child,
    containers,
    integer,
    managers,
    maps,
    string,
    text,
    texts,
)
from reconciler.cluster.decode.pages import Decoded, UnreadableError, identity, items, joined
from reconciler.cluster.decode.tracking_tool import tracking_tool
from reconciler.decoders import json_value
from reconciler.model.diagnostic import UNREADABLE_OBJECT, Diagnostic, Severity
from reconciler.model.live.conditions import Condition
from reconciler.model.live.live_owner import HARVESTER_GROUP, HARVESTER_SETTING, LiveOwner
from reconciler.model.paths import value_at
from reconciler.model.references import (
    HYPERCONVERGED,
    HYPERCONVERGED_GROUP,
    FieldPath,
    ObjectRef,
    Uid,
)
from reconciler.plan.kubevirt.owners.harvester import VALUE
from reconciler.plan.kubevirt.owners.hyperconverged import AUTOPILOT
from reconciler.plan.kubevirt.owners.hyperconverged_fields import HOMES
from reconciler.plan.kubevirt.owners.json_patch_annotation import ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import msgspec

_OPERATOR = "operator"
"""The name under which ``status.versions`` of a HyperConverged lists the operator itself."""


@dataclass(frozen=True, slots=True)
class HyperConvergeds:
    """A ``pages.Readable`` that decodes HyperConverged objects of one API version."""

    version: str
    """``v1`` or ``v1beta1``; the paths of the settings depend on this API version."""

    def page(self, body: bytes) -> Decoded[LiveOwner]:
        """Decode every HyperConverged on a page of a list.

        Raises:
            UnreadableError: *body* is not a list.
        """
        return joined(map(self.take, items(body)))

    def take(self, body: bytes | msgspec.Raw) -> Decoded[LiveOwner]:
        """Decode one HyperConverged; return a diagnostic if it cannot be read."""
        try:
            return Decoded(values=(hyperconverged(body, self.version),))
        except UNDECODABLE as error:
            message = f"the cluster's HyperConverged cannot be read: {error}"
            finding = Diagnostic(
                severity=Severity.WARNING,
                code=UNREADABLE_OBJECT,
                message=message,
                ref=self.ref(body),
            )
            return Decoded(diagnostics=(finding,))

    def ref(self, body: bytes | msgspec.Raw) -> ObjectRef:
        """Return the reference to a HyperConverged, even if its other fields are unreadable."""
        return identity(HYPERCONVERGED, body)


def hyperconverged(body: bytes | msgspec.Raw, version: str) -> LiveOwner:
    """Decode a HyperConverged that was read in the given API version.

    Raises:
        UnreadableError: *body* is not an object with a name.
    """
    found = _object(body)
    meta, status = child(found, "metadata"), child(found, "status")
    annotations = child(meta, "annotations")
    versions = maps(status, "versions")
    own = (text(each, "version") for each in versions if text(each, "name") == _OPERATOR)
    return LiveOwner(
        ref=ObjectRef(
            kind=HYPERCONVERGED,
            namespace=text(meta, "namespace"),
            name=text(meta, "name"),
            group=HYPERCONVERGED_GROUP,
        ),
        version=version,
        observed_generation=integer(status.get("observedGeneration")),
        release=next(own, ""),
        tracked_by=tracking_tool(texts(meta, "labels"), texts(meta, "annotations")),
        conditions=_conditions(status),
        json_patch=annotations[ANNOTATION]
        if isinstance(annotations.get(ANNOTATION), str)
        else None,
        annotated=isinstance(meta.get("annotations"), dict),
        **_with_autopilot(found, [home.path for home in HOMES[version].values()]),
    )


def _with_autopilot(found: dict[str, Any], paths: list[FieldPath]) -> dict[str, Any]:
    """Decode the common fields; prefer virt-platform-autopilot as the manager of a field.

    Another field manager might have written the same value later. The autopilot uses server-side
    apply with force, so the autopilot's value wins nevertheless.
    """
    meta = child(found, "metadata")
    applied = [each for each in maps(meta, "managedFields") if text(each, "manager") == AUTOPILOT]
    shared = _settings(found, paths)
    shared["managers"] |= managers({"managedFields": applied}, paths)
    return shared


def setting(body: bytes | msgspec.Raw, version: str) -> LiveOwner:
    """Decode a Setting, the custom resource for one Harvester setting.

    Raises:
        UnreadableError: *body* is not an object with a name.
    """
    found = _object(body)
    name = text(child(found, "metadata"), "name")
    return LiveOwner(
        ref=ObjectRef(kind=HARVESTER_SETTING, namespace="", name=name, group=HARVESTER_GROUP),
        version=version,
        conditions=_conditions(child(found, "status")),
        **_settings(found, [VALUE]),
    )


def _object(body: bytes | msgspec.Raw) -> dict[str, Any]:
    try:
        found = json_value(body)
    except UNDECODABLE as error:
        raise UnreadableError(str(error)) from error
    if not text(child(found, "metadata"), "name"):
        raise UnreadableError("the name is missing")
    return dict(found)


def _settings(found: dict[str, Any], paths: Iterable[FieldPath]) -> dict[str, Any]:
    """Decode the fields that are common to HyperConverged objects and Harvester Settings."""
    meta, every = child(found, "metadata"), tuple(paths)
    values = {path: value_at(found, path) for path in every}
    return {
        "uid": Uid(text(meta, "uid")),
        "generation": integer(meta.get("generation")) or 0,
        "spellings": {path: value for path, value in values.items() if value is not None},
        "containers": containers(found, every),
        "managers": managers(meta, every),
        "resource_version": text(meta, "resourceVersion"),
        "deleting": meta.get("deletionTimestamp") is not None,
    }


def _conditions(status: dict[str, Any]) -> Mapping[str, Condition]:
    return {
        text(each, "type"): Condition(
            status=text(each, "status"),
            reason=text(each, "reason"),
            message=text(each, "message"),
            since=_since(each),
        )
        for each in maps(status, "conditions")
    }


def _since(condition: dict[str, Any]) -> Any:  # noqa: ANN401 - a time or None
    return moment(string(condition.get("lastTransitionTime")))
