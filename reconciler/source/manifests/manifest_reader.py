"""``read_manifests``: reads the objects in one manifest file, with the location of each value."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.references import (
    HYPERCONVERGED,
    HYPERCONVERGED_GROUP,
    KUBEVIRT_GROUP,
    ObjectRef,
)
from reconciler.schema.check import check
from reconciler.schema.violations import SIMILAR_FIELD
from reconciler.source.manifests import (
    hyperconverged_manifest,
    kubevirt_manifest,
    vm_manifest,
)
from reconciler.source.manifests.document_kinds import API_VERSION, classify
from reconciler.source.manifests.kind_scan import (
    count_kind,
    may_manage,
    names_managed,
    skipped_kinds,
)
from reconciler.source.manifests.limited_diagnostics import (
    MAX_OF_FILE,
    MAX_OF_OBJECT,
    LimitedDiagnostics,
    limited,
)
from reconciler.source.manifests.manifest_objects import (
    FileObject,
    FileResult,
    Manifest,
    SourceFile,
)
from reconciler.source.yaml import documents
from reconciler.source.yaml.decode_text import (
    MAX_DOCUMENT_BYTES,
    decode,
    is_lfs_pointer,
    too_large_document,
)
from reconciler.source.yaml.nodes import Problem, as_stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.source.yaml.composer import Composed
    from reconciler.source.yaml.nodes import Node

_SHORTEST = len("kind: KubeVirt")
_DECODERS = {
    "KubeVirt": kubevirt_manifest.decode,
    "VirtualMachine": vm_manifest.decode,
    HYPERCONVERGED: hyperconverged_manifest.decode,
}
_SCHEMAS = {HYPERCONVERGED: "hyperconverged"}
"""The schema names of the kinds that do not use the schema ``manifest``."""


def read_manifests(path: str, data: bytes) -> FileResult:
    """Parse one manifest file, and report mistakes as diagnostics instead of raising an exception.

    Args:
        path: The path to show in messages, relative to the root of the repository.
        data: YAML or JSON with one or more documents.
    """
    if not may_manage(data) and not is_lfs_pointer(data):
        return FileResult(skipped=skipped_kinds(data))
    gathered = _Gathered(SourceFile(path=path))
    text = decode(data)
    if isinstance(text, Problem):
        gathered.unreadable(text, data)
        return gathered.result()
    for part in documents.parts(text, gathered.omits):
        for document in documents.read(part):
            if isinstance(document, documents.Unreadable):
                gathered.unreadable(document.problem, document.text.encode())
            else:
                gathered.take(document)
            del document  # release its memory before the next document is parsed
    return gathered.result()


class _Gathered:
    """Collects the objects and diagnostics of all documents in one file."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.objects: list[FileObject] = []
        self.skipped: Counter[str] = Counter()
        self.unread = 0
        self.diagnostics = LimitedDiagnostics(MAX_OF_FILE)

    def result(self) -> FileResult:
        """Return the objects and diagnostics that were collected from the file."""
        return FileResult(
            objects=tuple(self.objects),
            skipped=dict(sorted(self.skipped.items())),
            unread=self.unread,
            diagnostics=self.diagnostics.result(),
        )

    def omits(self, document: str, line: int) -> bool:
        """Return whether to skip a document because its kind is unmanaged or it is too large."""
        if len(document) < _SHORTEST and "%" not in document:
            return True
        data = document.encode("utf-8", "surrogatepass")
        if not (may_manage(data) or document.startswith("%") or "\n%" in document):
            for kind, n in skipped_kinds(data).items():
                count_kind(self.skipped, kind, n)
            return True
        if len(data) > MAX_DOCUMENT_BYTES:
            self.unreadable(too_large_document(len(data), line), data)
            return True
        return False

    def unreadable(self, problem: Problem, data: bytes) -> None:
        """Report an unreadable document if its kind seems to be managed; otherwise count it."""
        if problem.code == "lfs-pointer":
            self.diagnostics.add(self.file.diagnose(problem, Severity.WARNING))
        elif names_managed((data,)):
            self.diagnostics.add(self.file.diagnose(problem))
        else:
            self.unread += 1

    def take(self, document: Composed) -> None:
        """Add the objects in a YAML document; report duplicate keys only for managed objects."""
        before = len(self.objects), len(self.diagnostics)
        self._take(document.root)
        if before != (len(self.objects), len(self.diagnostics)):
            self.diagnostics.extend(
                self.file.diagnose(each, Severity.WARNING) for each in document.remarks
            )

    def _take(self, node: Node, *, listed_kind: str = "") -> None:
        """Add the objects in a YAML document or list item; *listed_kind* is the default kind."""
        if not isinstance(node.value, dict):
            self.unread += isinstance(node.value, str | int | float)
            return
        kind = node.value.get("kind", listed_kind or None)
        version = node.value.get("apiVersion", API_VERSION if listed_kind else None)
        what = classify(node, kind=kind, api_version=version)
        if what.problem is not None:
            self.diagnostics.add(self.file.diagnose(what.problem))
        elif what.listed is not None:
            for item in _items(node):
                self._take(item, listed_kind=what.listed)
        elif what.skipped is not None:
            count_kind(self.skipped, what.skipped)
        elif what.managed is not None:
            self._read(node, what.managed)

    def _read(self, node: Node, kind: str) -> None:
        node = as_stored(node)
        node = node._replace(value={"apiVersion": API_VERSION, "kind": kind} | node.value)
        manifest = Manifest(file=self.file, node=node, kind=kind)
        manifest = replace(manifest, ref=_ref(manifest))
        violations = limited(_violations(manifest), MAX_OF_OBJECT)
        if manifest.ref is None:
            self.diagnostics.extend(violations)
        else:
            self.objects.append(_DECODERS[kind](manifest, manifest.ref, violations))


def _items(node: Node) -> tuple[Node, ...]:
    items = node.children.get("items")
    return tuple(items.children.values()) if items and isinstance(items.value, list) else ()


def _ref(manifest: Manifest) -> ObjectRef | None:
    """Return an object's kind, namespace and name, or None if the name or namespace is invalid."""
    name = manifest.get(("metadata", "name"))
    namespace = manifest.get(("metadata", "namespace"))
    if not isinstance(name, str) or not isinstance(namespace, str | None):
        return None
    group = HYPERCONVERGED_GROUP if manifest.kind == HYPERCONVERGED else KUBEVIRT_GROUP
    return ObjectRef(kind=manifest.kind, namespace=namespace or "", name=name, group=group)


def _violations(manifest: Manifest) -> Iterator[Diagnostic]:
    for each in check(manifest.node.value, _SCHEMAS.get(manifest.kind, "manifest")):
        yield manifest.report(
            Severity.WARNING if each.code == SIMILAR_FIELD else Severity.ERROR,
            each.code,
            each.message,
            each.path,
            key=each.code in {"unknown-field", SIMILAR_FIELD},
            hint=each.hint,
        )
