"""Learns from a manifest how to read others that differ from it in values alone.

What the schema and the rules find in a VM follows from the keys, the types of the values and the
few values that this module looks at again each time; ``tests/unit/source/test_templates.py``
holds the schema to that. So what was right in one manifest needs no second look in the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.model.annotations import PREFIX
from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.fields import (
    GUEST_MAX_MEMORY,
    GUEST_MEMORY,
    INSTANCETYPE_KIND,
    INSTANCETYPE_NAME,
)
from reconciler.model.memory_sizes import MINIMUM, block_of
from reconciler.model.quantity import MemoryQuantity, QuantityError
from reconciler.model.references import FieldPath, vm_ref
from reconciler.schema.formats import dns_label, dns_subdomain
from reconciler.source.manifests import vm_annotations
from reconciler.source.manifests.lazy_manifest import LazyManifest
from reconciler.source.manifests.locations import Places
from reconciler.source.manifests.manifest_objects import FileObject
from reconciler.source.manifests.vm_manifest import PAGE_SIZE
from reconciler.source.yaml.nodes import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.source.manifests.manifest_objects import SourceFile
    from reconciler.source.yaml.fast_documents import Document, Text
    from reconciler.source.yaml.fast_lines import Lines
    from reconciler.source.yaml.scalars import Scalar

_NAME: FieldPath = ("metadata", "name")
_NAMESPACE: FieldPath = ("metadata", "namespace")
LOOKED_AT: tuple[FieldPath, ...] = (
    _NAME,
    _NAMESPACE,
    GUEST_MEMORY,
    GUEST_MAX_MEMORY,
    INSTANCETYPE_NAME,
    INSTANCETYPE_KIND,
)
"""The values that are looked at in every manifest, with annotations under our prefix."""
DECISIVE: tuple[FieldPath, ...] = (("apiVersion",), ("kind",), PAGE_SIZE)
"""Values that are part of a line's form (see ``lines.PINNED``)."""


class Template(NamedTuple):
    """Where each value stands in manifests of one form; rows count from the document's start."""

    rows: tuple[int | None, ...]
    """As in ``LOOKED_AT``; None for what is not there."""
    labels: tuple[tuple[str, int], ...]
    annotations: tuple[tuple[str, int], ...]
    """Those under our prefix."""
    step: int
    """Of which number of bytes memory must be a multiple."""
    whole: bool
    """Whether a VM can be made of it."""
    marks: Mapping[FieldPath, Mark]


def learn(document: Document, found: FileObject) -> Template | None:
    """How to read manifests like *document*, of which *found* was made; None if that is unsafe."""
    vm = found.desired
    if not isinstance(vm, DesiredVM) or found.diagnostics:
        return None
    node = document.node()
    labels = [("metadata", "labels", key) for key in vm.labels]
    named = node.find(("metadata", "annotations"))
    ours = [
        ("metadata", "annotations", key)
        for key in (named.keys if named else ())
        if key.startswith(PREFIX)
    ]
    wanted = [path for path in (*LOOKED_AT, *DECISIVE) if node.find(path)] + labels + ours
    rows = {path: row for path in wanted if (row := document.row(path)) is not None}
    if len(rows) < len(wanted):
        return None  # a value that is a block of text, so that it is in no line
    page_size = node.find(PAGE_SIZE)
    return Template(
        rows=tuple(rows.get(path) for path in LOOKED_AT),
        labels=tuple((path[-1], rows[path]) for path in labels),
        annotations=tuple((path[-1], rows[path]) for path in ours),
        step=block_of(page_size.value if page_size else None),
        whole=vm.manifest is not None,
        marks={
            path: Mark(at.line - document.text.first, at.column)
            for path, at in found.places.items()
        },
    )


class Reader:
    """Reads VMs by templates; remembers which sizes and namespaces are right."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._amounts: dict[tuple[Scalar, int], MemoryQuantity | None] = {}
        self._namespaces: set[Scalar] = {None}

    def read(self, text: Text, template: Template, file: SourceFile) -> FileObject | None:
        """The VM that *text* holds; None where something is to be said of it."""
        values: list[Any] = [None if n is None else text.values[n] for n in template.rows]
        name, namespace, guest, max_guest, instancetype, instancetype_kind = values
        guest = self._amount(guest, template.step)
        max_guest = self._amount(max_guest, template.step)
        if guest is _UNFIT or max_guest is _UNFIT:
            return None
        if guest and max_guest and guest.n_bytes > max_guest.n_bytes:
            return None
        if not (self._is_namespace(namespace) and _is_name(name) and _is_name(instancetype)):
            return None
        treatment = _ORDINARY
        if template.annotations:
            notes = {key: str(text.values[row]) for key, row in template.annotations}
            if not all(vm_annotations.is_valid(key, each) for key, each in notes.items()):
                return None
            treatment = vm_annotations.treatment(notes)
        return FileObject(
            desired=DesiredVM(
                ref=vm_ref(namespace or "", name),
                guest=guest,
                max_guest=max_guest,
                instancetype=instancetype,
                instancetype_kind=instancetype_kind,
                labels={key: str(text.values[row]) for key, row in template.labels},
                suspended=treatment.suspended,
                priority=treatment.priority,
                restart=treatment.restart,
                manifest=(
                    LazyManifest("\n".join(text.lines), self._lines) if template.whole else None
                ),
            ),
            places=Places(file, template.marks, text.first),
        )

    def _amount(self, value: Scalar, step: int) -> MemoryQuantity | None:
        """The size; ``_UNFIT`` if something is to be said of it."""
        if value is None:
            return None
        found = self._amounts.get((value, step))
        if found is None or found.raw.__class__ is not value.__class__:
            found = self._amounts[value, step] = _fit(value, step)
        return found

    def _is_namespace(self, value: Scalar) -> bool:
        if value not in self._namespaces:
            if not _passes(dns_label, value):
                return False
            self._namespaces.add(value)
        return True


_ORDINARY = vm_annotations.Treatment()
_UNFIT = MemoryQuantity(n_bytes=-1, raw=-1)


def _fit(value: Scalar, step: int) -> MemoryQuantity:
    try:
        amount = MemoryQuantity.parse(value)
    except QuantityError:
        return _UNFIT
    return amount if amount.n_bytes >= MINIMUM and amount.n_bytes % step == 0 else _UNFIT


def _is_name(value: Scalar) -> bool:
    return value is None or _passes(dns_subdomain, value)


def _passes(check: Callable[[object], bool], value: Scalar) -> bool:
    try:
        return check(value)
    except ValueError:
        return False
