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
from reconciler.cluster.decode.owner_field_managers import owner_field_managers
from reconciler.cluster.decode.pages import Decoded, UnreadableError, identity, items, joined
from reconciler.cluster.decode.tracking_tool import tracking_tool
from reconciler.decoders import json_value
from reconciler.model.diagnostic import UNREADABLE_OBJECT, Diagnostic, Severity
from reconciler.model.live.conditions import Condition
from reconciler.model.live.live_owner import LiveOwner
from reconciler.model.paths import value_at
from reconciler.model.references import ObjectRef, Uid
from reconciler.plan.kubevirt.owners.owner_object import OwnerObject

if TYPE_CHECKING:
    from collections.abc import Mapping

    import msgspec


_OPERATOR = "operator"
"""The name under which ``status.versions`` of a HyperConverged lists the operator itself."""


@dataclass(frozen=True, slots=True)
class OwnerObjects:
    """A ``pages.Readable`` that decodes objects from which an operator writes the KubeVirt CR."""

    kind: OwnerObject
    version: str
    """The API version of the objects, which determines the paths of the settings."""

    def page(self, body: bytes) -> Decoded[LiveOwner]:
        """Decode every object on a page of a list.

        Raises:
            UnreadableError: *body* is not a list.
        """
        return joined(map(self.take, items(body)))

    def take(self, body: bytes | msgspec.Raw) -> Decoded[LiveOwner]:
        """Decode one object; return a diagnostic if it cannot be read."""
        try:
            return Decoded(values=(owner_object(body, self.kind, self.version),))
        except UNDECODABLE as error:
            message = f"the cluster's {self.kind.kind} cannot be read: {error}"
            finding = Diagnostic(
                severity=Severity.WARNING,
                code=UNREADABLE_OBJECT,
                message=message,
                ref=self.ref(body),
            )
            return Decoded(diagnostics=(finding,))

    def ref(self, body: bytes | msgspec.Raw) -> ObjectRef:
        """Return the reference to an object, even if its other fields are unreadable."""
        return identity(self.kind.kind, body)._replace(group=self.kind.group)


def owner_object(body: bytes | msgspec.Raw, kind: OwnerObject, version: str) -> LiveOwner:
    """Decode an object, in a given API version, from which an operator writes the KubeVirt CR.

    Raises:
        UnreadableError: *body* is not an object with a name.
    """
    found, paths = _object(body), tuple(kind.fields[version])
    meta, status = child(found, "metadata"), child(found, "status")
    json_patch = child(meta, "annotations").get(kind.annotation)
    annotation = ("metadata", "annotations", kind.annotation)
    versions = maps(status, "versions")
    own = (text(each, "version") for each in versions if text(each, "name") == _OPERATOR)
    values = {path: value_at(found, path) for path in paths}
    by_version = {f"{kind.group}/{each}": fields for each, fields in kind.fields.items()}
    return LiveOwner(
        ref=ObjectRef(
            kind=kind.kind,
            namespace=text(meta, "namespace"),
            name=text(meta, "name"),
            group=kind.group,
        ),
        version=version,
        uid=Uid(text(meta, "uid")),
        generation=integer(meta.get("generation")) or 0,
        observed_generation=integer(status.get("observedGeneration")),
        release=next(own, ""),
        conditions=_conditions(status),
        spellings={path: value for path, value in values.items() if value is not None},
        containers=containers(found, paths),
        managers=owner_field_managers(meta, paths, kind.forced_manager, by_version),
        tracked_by=tracking_tool(texts(meta, "labels"), texts(meta, "annotations")),
        json_patch=json_patch if isinstance(json_patch, str) else None,
        json_patch_manager=managers(meta, [annotation]).get(annotation, ""),
        annotated=isinstance(meta.get("annotations"), dict),
        resource_version=text(meta, "resourceVersion"),
        deleting=meta.get("deletionTimestamp") is not None,
    )


def _object(body: bytes | msgspec.Raw) -> dict[str, Any]:
    try:
        found = json_value(body)
    except UNDECODABLE as error:
        raise UnreadableError(str(error)) from error
    if not text(child(found, "metadata"), "name"):
        raise UnreadableError("metadata.name is missing")
    return dict(found)


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
