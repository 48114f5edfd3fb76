"""Reads and changes a ``coordination.k8s.io/v1`` Lease that is decoded to a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.decoders import convert, json_decoder
from reconciler.errors import ClusterError
from reconciler.model.annotations import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Meta(msgspec.Struct, frozen=True):
    annotations: dict[str, str] | None = None


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None


class _Lease(msgspec.Struct, frozen=True):
    """A Lease, with only the fields that this module reads."""

    kind: Literal["Lease"]
    metadata: _Meta
    spec: _Spec | None = None


def decoded(body: bytes) -> dict[str, Any]:
    """Decode the Lease in a response body.

    Raises:
        ClusterError: The body is not a Lease.
    """
    try:
        found: dict[str, Any] = json_decoder(dict).decode(body)
        convert(found, _Lease)
    except UNDECODABLE as error:
        raise ClusterError(f"the server's response is not a Lease: {error}") from error
    return found


def spec_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``spec`` of a Lease, or an empty dict if the Lease has none."""
    spec = record.get("spec")
    return spec if isinstance(spec, dict) else {}


def holder_of(record: Mapping[str, Any]) -> str:
    """Return the holder of a Lease, or an empty string if the Lease has no holder."""
    return spec_of(record).get("holderIdentity") or ""


def annotations_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the Lease annotations whose names start with this program's prefix."""
    found = (record.get("metadata") or {}).get("annotations") or {}
    return {key: value for key, value in found.items() if key.startswith(PREFIX)}


def fresh(namespace: str, name: str) -> dict[str, Any]:
    """Return a new Lease without a holder."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {},
    }


def taken(record: Mapping[str, Any], holder: str, duration_s: int, at: str) -> dict[str, Any]:
    """Return a copy of a Lease with a new holder.

    *at* is the time, as a MicroTime.
    """
    spec = spec_of(record)
    transitions = int(spec.get("leaseTransitions") or 0) + 1 if spec else 0
    acquired = {"acquireTime": at, "leaseTransitions": transitions}
    return renewed({**record, "spec": {**spec, **acquired}}, holder, duration_s, at)


def renewed(record: Mapping[str, Any], holder: str, duration_s: int, at: str) -> dict[str, Any]:
    """Return a copy of a Lease with a new renewal time.

    *at* is the time, as a MicroTime.
    """
    changed = {"holderIdentity": holder, "leaseDurationSeconds": duration_s, "renewTime": at}
    return {**record, "spec": {**spec_of(record), **changed}}


def released(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a Lease without a holder, so that another run can acquire the Lease."""
    changed = {"holderIdentity": "", "leaseDurationSeconds": 1}
    return {**record, "spec": {**spec_of(record), **changed}}


def annotated(record: Mapping[str, Any], changes: Mapping[str, str | None]) -> dict[str, Any]:
    """Return a copy of a Lease with changed annotations; the value None removes an annotation."""
    metadata = record.get("metadata") or {}
    merged = {**(metadata.get("annotations") or {}), **changes}
    kept = {key: value for key, value in merged.items() if value is not None}
    return {**record, "metadata": {**metadata, "annotations": kept}} if changes else dict(record)
