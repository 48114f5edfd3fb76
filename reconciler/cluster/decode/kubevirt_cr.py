"""``kubevirt``, ``KubeVirts``: decode the KubeVirt CR."""

from __future__ import annotations

import math
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
from reconciler.model.fields import (
    DISABLED_GATES,
    FEATURE_GATES,
    FIELD_BY_PATH,
    KUBEVIRT_FIELDS,
    ROLLOUT_STRATEGY,
    read_setting,
)
from reconciler.model.live.live_state import LiveKubeVirt
from reconciler.model.paths import value_at
from reconciler.model.quantity import QuantityError
from reconciler.model.references import FieldPath, ObjectRef, Uid, dotted, kubevirt_ref

if TYPE_CHECKING:
    from datetime import datetime

    import msgspec

_OVERCOMMIT = ("spec", "configuration", "developerConfiguration", "memoryOvercommit")
_OVERHEAD_RATIO = ("spec", "configuration", "additionalGuestMemoryOverheadRatio")
_EVICTION_STRATEGY = ("spec", "configuration", "evictionStrategy")


def kubevirt(body: bytes | msgspec.Raw) -> tuple[LiveKubeVirt, tuple[Diagnostic, ...]]:
    """Decode a KubeVirt CR, and return a diagnostic for each unreadable field that Git can set.

    Raises:
        UnreadableError: *body* is not an object with a name.
    """
    try:
        found = json_value(body)
    except UNDECODABLE as error:
        raise UnreadableError(str(error)) from error
    meta, status = child(found, "metadata"), child(found, "status")
    if not isinstance(meta.get("name"), str):
        raise UnreadableError("metadata.name is missing")
    ref = kubevirt_ref(text(meta, "namespace"), text(meta, "name"))
    settings, findings = {}, []
    spellings: dict[FieldPath, object] = {}
    for managed in KUBEVIRT_FIELDS:
        raw = value_at(found, managed.path)
        if raw is None:
            continue
        spellings[managed.path] = raw
        try:
            settings[managed.path] = read_setting(managed.type, raw)
        except QuantityError as error:
            message = (
                f"{dotted(managed.path)} cannot be read, so it is treated as not set: {error}"
            )
            findings.append(
                Diagnostic(
                    severity=Severity.WARNING, code="unreadable-field", message=message, ref=ref
                )
            )
    disabled = value_at(found, DISABLED_GATES)
    observed = status.get("observedGeneration")
    live = LiveKubeVirt(
        ref=ref,
        uid=Uid(text(meta, "uid")),
        generation=integer(meta.get("generation")) or 0,
        observed_generation=integer(observed),
        phase=text(status, "phase"),
        version=text(status, "observedKubeVirtVersion"),
        target_version=text(status, "targetKubeVirtVersion"),
        deployment_id=text(status, "observedDeploymentID"),
        target_deployment_id=text(status, "targetDeploymentID"),
        settings=settings,
        containers=containers(found, FIELD_BY_PATH),
        spellings=spellings,
        disabled_gates=frozenset(_names(disabled)) if isinstance(disabled, list) else frozenset(),
        managers=managers(meta, FIELD_BY_PATH),
        labels=_platform_labels(meta),
        tracked_by=tracking_tool(texts(meta, "labels"), texts(meta, "annotations")),
        owners=tuple(
            f"{text(each, 'kind')}/{text(each, 'name')}" for each in maps(meta, "ownerReferences")
        ),
        live_update_changed_at=_changed_at(meta, (ROLLOUT_STRATEGY, FEATURE_GATES)),
        outdated_workloads=integer(status.get("outdatedVirtualMachineInstanceWorkloads")) or 0,
        memory_overcommit=integer(value_at(found, _OVERCOMMIT)) or 100,
        overhead_ratio=_ratio(value_at(found, _OVERHEAD_RATIO)),
        eviction_strategy=string(value_at(found, _EVICTION_STRATEGY)),
        deleting=meta.get("deletionTimestamp") is not None,
    )
    return live, tuple(findings)


class KubeVirts:
    """A ``pages.Readable`` that decodes KubeVirt CRs, in list pages or one by one."""

    def page(self, body: bytes) -> Decoded[LiveKubeVirt]:
        """Decode every KubeVirt CR on a page of a list.

        Raises:
            UnreadableError: *body* is not a list.
        """
        return joined(map(self.take, items(body)))

    def take(self, body: bytes | msgspec.Raw) -> Decoded[LiveKubeVirt]:
        """Decode a KubeVirt CR; return diagnostics for unreadable fields, or for the whole CR."""
        try:
            live, findings = kubevirt(body)
        except UNDECODABLE as error:
            return Decoded(diagnostics=(self._finding(body, error),))
        return Decoded(values=(live,), diagnostics=findings)

    def _finding(self, body: bytes | msgspec.Raw, error: Exception) -> Diagnostic:
        return Diagnostic(
            severity=Severity.WARNING,
            code=UNREADABLE_OBJECT,
            message=f"the cluster's KubeVirt CR cannot be read: {error}",
            ref=self.ref(body),
        )

    def ref(self, body: bytes | msgspec.Raw) -> ObjectRef:
        """Return the reference to a KubeVirt CR, even if the rest of the CR is unreadable."""
        return identity("KubeVirt", body)


_PLATFORM_LABELS = ("app.kubernetes.io/managed-by", "helm.toolkit.fluxcd.io/name")


def _platform_labels(meta: dict[str, Any]) -> dict[str, str]:
    """Return the labels that show which platform installed the KubeVirt CR."""
    found = child(meta, "labels")
    return {key: text(found, key) for key in _PLATFORM_LABELS if text(found, key)}


def _changed_at(meta: dict[str, Any], paths: tuple[FieldPath, ...]) -> datetime | None:
    """Return the latest time at which a field at *paths* can have changed, or None if unknown.

    This is the last write by a field manager that owns one of the fields. That write might have
    changed only other fields.
    """
    keys = [tuple(f"f:{key}" for key in path) for path in paths]
    times = [
        moment(text(entry, "time"))
        for entry in maps(meta, "managedFields")
        if any(value_at(entry.get("fieldsV1"), each) is not None for each in keys)
    ]
    return max((each for each in times if each is not None), default=None)


def _ratio(value: object) -> float:
    """Parse a memory overhead ratio; return 1 if the value is absent, not a number or below 1."""
    try:
        ratio = float(value) if isinstance(value, str) else 1.0
    except ValueError:
        return 1.0
    return ratio if math.isfinite(ratio) and ratio >= 1.0 else 1.0


def _names(values: list[Any]) -> tuple[str, ...]:
    return tuple(each for each in values if isinstance(each, str))
