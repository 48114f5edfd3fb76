"""``encode`` and ``decode``: convert a file's parsed result to bytes and back, for the cache."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from reconciler.decoders import msgpack_decoder
from reconciler.model.desired.config import RestartConsent
from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredVM
from reconciler.model.diagnostic import Diagnostic
from reconciler.model.fields import (
    FIELD_BY_PATH,
    GUEST_MAX_MEMORY,
    GUEST_MEMORY,
    INSTANCETYPE_NAME,
    NameSet,
    SettingValue,
    read_setting,
)
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.references import (
    HYPERCONVERGED,
    HYPERCONVERGED_GROUP,
    FieldPath,
    Location,
    kubevirt_ref,
    vm_ref,
)
from reconciler.source.manifests.compact_manifest import CompactManifest
from reconciler.source.manifests.manifest_objects import FileObject, FileResult, SourceFile

_PATHS: tuple[FieldPath, ...] = (
    *((), ("metadata",), GUEST_MEMORY, GUEST_MAX_MEMORY, INSTANCETYPE_NAME),
    *FIELD_BY_PATH,
)
"""All field paths; a cache record stores a path's index in this tuple instead of the path."""
_NUMBERS = {path: number for number, path in enumerate(_PATHS)}

Places = dict[int, tuple[int, int]]
"""The line and column of each value, keyed by the index of its field path in ``_PATHS``."""


class _VMRecord(msgspec.Struct, array_like=True, tag="VirtualMachine", gc=False):
    """The cache record for a VM; memory sizes are stored as they are written in the manifest."""

    namespace: str
    name: str
    guest: str | int | None
    max_guest: str | int | None
    instancetype: str | None
    instancetype_kind: str | None
    resources: dict[str, str]
    labels: dict[str, str]
    suspended: bool
    priority: int
    restart: RestartConsent | None
    manifest: bytes | None
    places: Places
    diagnostics: tuple[Diagnostic, ...]

    def desired(self) -> DesiredVM:
        """Convert the cache record to the desired state of the VM."""
        return DesiredVM(
            ref=vm_ref(self.namespace, self.name),
            guest=None if self.guest is None else _quantity(self.guest),
            max_guest=None if self.max_guest is None else _quantity(self.max_guest),
            instancetype=self.instancetype,
            instancetype_kind=self.instancetype_kind,
            resources=self.resources,
            labels=self.labels,
            suspended=self.suspended,
            priority=self.priority,
            restart=self.restart,
            manifest=None if self.manifest is None else CompactManifest(self.manifest),
        )


class _KubeVirtRecord(msgspec.Struct, array_like=True, tag="KubeVirt", gc=False):
    """The cache record for a KubeVirt CR; settings are stored as written in the manifest."""

    namespace: str
    name: str
    settings: dict[int, Any]
    places: Places
    diagnostics: tuple[Diagnostic, ...]
    hyperconverged: bool
    """Whether the manifest is for a HyperConverged, whose operator writes the KubeVirt CR."""

    def desired(self) -> DesiredKubeVirt:
        """Convert the cache record to the desired state of the KubeVirt CR."""
        paths = ((_PATHS[number], written) for number, written in self.settings.items())
        ref = kubevirt_ref(self.namespace, self.name)
        if self.hyperconverged:
            ref = ref._replace(kind=HYPERCONVERGED, group=HYPERCONVERGED_GROUP)
        return DesiredKubeVirt(
            ref=ref,
            settings={path: read_setting(FIELD_BY_PATH[path].type, raw) for path, raw in paths},
        )


class _FileRecord(msgspec.Struct, array_like=True, gc=False):
    path: str
    """The path of the manifest file, or an empty string if no diagnostic contains the path.

    A record without a path is valid for every file with the same contents.
    """
    objects: tuple[_VMRecord | _KubeVirtRecord, ...]
    skipped: dict[str, int]
    unread: int
    diagnostics: tuple[Diagnostic, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgpack_decoder(_FileRecord)
_quantity = lru_cache(maxsize=1_000)(MemoryQuantity.parse)


def encode(result: FileResult, path: str) -> bytes | None:
    """Encode a file's parsed result, or return None if msgpack cannot encode one of its values."""
    names_path = result.diagnostics or any(each.diagnostics for each in result.objects)
    try:
        record = _FileRecord(
            path=path if names_path else "",
            objects=tuple(map(_record, result.objects)),
            skipped=dict(result.skipped),
            unread=result.unread,
            diagnostics=result.diagnostics,
        )
        return _encoder.encode(record)
    except (OverflowError, TypeError):
        return None


def decode(data: bytes, file: SourceFile) -> FileResult | None:
    """Decode a file's parsed result, or return None if the result is for a different path.

    Raises:
        ValueError: ``encode`` did not write the bytes.
    """
    record = _decoder.decode(data)
    if record.path and record.path != file.path:
        return None
    try:
        objects = tuple(_object(each, file.path) for each in record.objects)
    except LookupError as error:
        raise ValueError(f"there is no path with the number {error}") from error
    return FileResult(
        objects=objects,
        skipped=record.skipped,
        unread=record.unread,
        diagnostics=record.diagnostics,
    )


def _record(found: FileObject) -> _VMRecord | _KubeVirtRecord:
    desired = found.desired
    places = {_NUMBERS[path]: (at.line, at.column) for path, at in found.places.items()}
    if isinstance(desired, DesiredKubeVirt):
        return _KubeVirtRecord(
            namespace=desired.ref.namespace,
            name=desired.ref.name,
            settings={_NUMBERS[path]: _written(each) for path, each in desired.settings.items()},
            places=places,
            diagnostics=found.diagnostics,
            hyperconverged=not desired.ref.is_kubevirt,
        )
    manifest = desired.manifest
    if manifest is not None and not isinstance(manifest, CompactManifest):
        raise TypeError("the manifest has an integer that does not fit in 64 bits")
    return _VMRecord(
        namespace=desired.ref.namespace,
        name=desired.ref.name,
        guest=None if desired.guest is None else desired.guest.raw,
        max_guest=None if desired.max_guest is None else desired.max_guest.raw,
        instancetype=desired.instancetype,
        instancetype_kind=desired.instancetype_kind,
        resources=dict(desired.resources),
        labels=dict(desired.labels),
        suspended=desired.suspended,
        priority=desired.priority,
        restart=desired.restart,
        manifest=None if manifest is None else manifest.json,
        places=places,
        diagnostics=found.diagnostics,
    )


def _written(value: SettingValue) -> object:
    return value.raw if isinstance(value, NameSet | MemoryQuantity | Duration) else value


def _object(record: _VMRecord | _KubeVirtRecord, path: str) -> FileObject:
    return FileObject(
        desired=record.desired(),
        places={
            _PATHS[number]: Location(path=path, line=line, column=column)
            for number, (line, column) in record.places.items()
        },
        diagnostics=record.diagnostics,
    )
