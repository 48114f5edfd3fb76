"""What a file says ↔ bytes, exactly.

VMs of which nothing is to be said, which are nearly all, are written short; everything else by
the codec, with the file's path, which stands in the texts of diagnostics.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson

from reconciler.model.desired.config import RestartConsent
from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredVM
from reconciler.model.diagnostic import Diagnostic
from reconciler.model.fields import GUEST_MAX_MEMORY, GUEST_MEMORY, INSTANCETYPE_NAME
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import FieldPath, vm_ref
from reconciler.source.manifests.lazy_manifest import LazyManifest
from reconciler.source.manifests.locations import Places
from reconciler.source.manifests.manifest_objects import FileObject, FileResult, SourceFile
from reconciler.source.yaml.nodes import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.source.yaml.fast_lines import Lines

log = logging.getLogger(__name__)

_PATHS: tuple[FieldPath, ...] = (
    (),
    ("metadata",),
    GUEST_MEMORY,
    GUEST_MAX_MEMORY,
    INSTANCETYPE_NAME,
)
_KINDS: dict[str, type[DesiredVM | DesiredKubeVirt]] = {
    "VirtualMachine": DesiredVM,
    "KubeVirt": DesiredKubeVirt,
}


def freeze(result: FileResult, path: str) -> bytes | None:
    """*result* of the file at *path* as bytes; None where that cannot be said in JSON."""
    rows = [_row(each) for each in result.objects]
    try:
        if None not in rows and not result.diagnostics:
            return orjson.dumps({"vms": rows, "skipped": result.skipped})
        return orjson.dumps(
            {
                "path": path,
                "objects": [_document(each) for each in result.objects],
                "skipped": result.skipped,
                "diagnostics": [_said(each) for each in result.diagnostics],
            }
        )
    except orjson.JSONEncodeError as error:
        log.debug("%s is not kept in the cache: %s", path, error)
        return None


class Thawing:
    """Makes results of bytes; sizes that are spelled alike share one value."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._amounts: dict[str | int, MemoryQuantity] = {}

    def thaw(self, data: bytes, file: SourceFile) -> FileResult | None:
        """What ``freeze`` was given; None for a file of another path where that matters.

        Raises:
            ValueError: The bytes are not what ``freeze`` writes.
        """
        try:
            found = orjson.loads(data)
            if "vms" in found:
                vms = tuple(self._vm(row, file) for row in found["vms"])
                return FileResult(objects=vms, skipped=found["skipped"])
            if found["path"] != file.path:
                return None
            return FileResult(
                objects=tuple(_object(each, file) for each in found["objects"]),
                skipped=found["skipped"],
                diagnostics=_diagnostics(found["diagnostics"]),
            )
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"it has another form: {error!r}") from error

    def _vm(self, row: Sequence[Any], file: SourceFile) -> FileObject:
        namespace, name, guest, max_guest, instancetype, kind, labels, *rest = row
        suspended, priority, restart, text, first, marks = rest
        return FileObject(
            desired=DesiredVM(
                ref=vm_ref(namespace, name),
                guest=None if guest is None else self._amount(guest),
                max_guest=None if max_guest is None else self._amount(max_guest),
                instancetype=instancetype,
                instancetype_kind=kind,
                labels=labels,
                suspended=suspended,
                priority=priority,
                restart=None if restart is None else RestartConsent(restart),
                manifest=None if text is None else LazyManifest(text, self._lines),
            ),
            places=Places(file, dict(zip(_PATHS, marks, strict=True)), first),
        )

    def _amount(self, raw: str | int) -> MemoryQuantity:
        found = self._amounts.get(raw)
        if found is None:
            found = self._amounts[raw] = MemoryQuantity.parse(raw)
        return found


def _row(found: FileObject) -> list[object] | None:
    """The VM as a list, in the order that ``Thawing`` takes it; None where that is too short."""
    vm = found.desired
    if not isinstance(vm, DesiredVM) or found.diagnostics or not isinstance(found.places, Places):
        return None
    if vm.manifest is not None and not isinstance(vm.manifest, LazyManifest):
        return None
    marks = found.places.marks
    return [
        *(vm.ref.namespace, vm.ref.name),
        None if vm.guest is None else vm.guest.raw,
        None if vm.max_guest is None else vm.max_guest.raw,
        *(vm.instancetype, vm.instancetype_kind, vm.labels),
        *(vm.suspended, vm.priority, vm.restart),
        None if vm.manifest is None else vm.manifest.text,
        found.places.first,
        [(mark := marks.get(path)) and (mark[0], mark[1]) for path in _PATHS],
    ]


def _document(found: FileObject) -> dict[str, object]:
    from reconciler.model.live import snapshot_codec  # noqa: PLC0415 - rarely needed, and slow to import

    return {
        "desired": snapshot_codec.encode(found.desired),
        "places": [[path, at.line, at.column] for path, at in found.places.items()],
        "diagnostics": [_said(each) for each in found.diagnostics],
    }


def _said(diagnostic: Diagnostic) -> object:
    from reconciler.model.live import snapshot_codec  # noqa: PLC0415 - rarely needed, and slow to import

    return snapshot_codec.encode(diagnostic)


def _object(found: Any, file: SourceFile) -> FileObject:  # noqa: ANN401 - JSON
    from reconciler.model.live import snapshot_codec  # noqa: PLC0415 - as above

    kind = _KINDS[found["desired"]["ref"]["kind"]]
    marks = {tuple(path): Mark(line, column) for path, line, column in found["places"]}
    return FileObject(
        desired=snapshot_codec.decode(kind, found["desired"], "desired"),
        places=Places(file, marks, 0),
        diagnostics=_diagnostics(found["diagnostics"]),
    )


def _diagnostics(found: Any) -> tuple[Diagnostic, ...]:  # noqa: ANN401 - JSON
    from reconciler.model.live import snapshot_codec  # noqa: PLC0415 - as above

    return snapshot_codec.decode(tuple[Diagnostic, ...], found, "diagnostics")
