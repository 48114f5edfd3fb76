"""A ``coordination.k8s.io/v1`` Lease as an object: what is read from it and written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.cluster.api.json_errors import UNDECODABLE
from reconciler.errors import ClusterError
from reconciler.model.annotations import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTE_PREFIX = PREFIX
"""Of the annotations that are ours; all others are left as they are."""


def decoded(body: bytes) -> dict[str, Any]:
    """The Lease that an answer holds.

    Raises:
        ClusterError: It holds none.
    """
    try:
        found: dict[str, Any] = msgspec.json.decode(body, type=dict)
    except UNDECODABLE as error:
        raise ClusterError(f"the server's answer is no Lease: {error}") from error
    return found


def spec_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Its spec; empty where there is none."""
    spec = record.get("spec")
    return spec if isinstance(spec, dict) else {}


def holder_of(record: Mapping[str, Any]) -> str:
    """Who holds it; empty where nobody does."""
    return spec_of(record).get("holderIdentity") or ""


def notes_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Our annotations, by their whole names."""
    found = (record.get("metadata") or {}).get("annotations") or {}
    return {key: value for key, value in found.items() if key.startswith(NOTE_PREFIX)}


def fresh(namespace: str, name: str) -> dict[str, Any]:
    """One that nobody has held yet."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {},
    }


def taken(record: Mapping[str, Any], holder: str, duration_s: int, at: str) -> dict[str, Any]:
    """*record* with a new holder since *at*, a MicroTime."""
    spec = spec_of(record)
    transitions = int(spec.get("leaseTransitions") or 0) + 1 if spec else 0
    begun = {"acquireTime": at, "leaseTransitions": transitions}
    return renewed({**record, "spec": {**spec, **begun}}, holder, duration_s, at)


def renewed(record: Mapping[str, Any], holder: str, duration_s: int, at: str) -> dict[str, Any]:
    """*record* as its holder renews it at *at*, a MicroTime."""
    changed = {"holderIdentity": holder, "leaseDurationSeconds": duration_s, "renewTime": at}
    return {**record, "spec": {**spec_of(record), **changed}}


def freed(record: Mapping[str, Any]) -> dict[str, Any]:
    """*record* without a holder."""
    changed = {"holderIdentity": "", "leaseDurationSeconds": 1}
    return {**record, "spec": {**spec_of(record), **changed}}


def noted(record: Mapping[str, Any], notes: Mapping[str, str | None]) -> dict[str, Any]:
    """*record* with annotations set, and those that are None removed."""
    metadata = record.get("metadata") or {}
    merged = {**(metadata.get("annotations") or {}), **notes}
    kept = {key: value for key, value in merged.items() if value is not None}
    return {**record, "metadata": {**metadata, "annotations": kept}} if notes else dict(record)
