"""Reads one manifest file into objects with their places: ``read_manifests``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.references import ObjectRef
from reconciler.schema.check import check
from reconciler.source.manifests import kubevirt_manifest, vm_manifest
from reconciler.source.manifests.document_kinds import API_VERSION, classify
from reconciler.source.manifests.manifest_objects import (
    FileObject,
    FileResult,
    Manifest,
    SourceFile,
)
from reconciler.source.yaml import documents
from reconciler.source.yaml.decode_text import decode
from reconciler.source.yaml.nodes import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.source.yaml.nodes import Node

_DECODERS = {"KubeVirt": kubevirt_manifest.decode, "VirtualMachine": vm_manifest.decode}


def read_manifests(path: str, data: bytes) -> FileResult:
    """Read one manifest file; what is wrong becomes diagnostics, never an exception.

    Args:
        path: The path to show, from the root of the repository, with ``/``.
        data: YAML or JSON, one document or several.
    """
    file = SourceFile(path=path)
    text = decode(data)
    if isinstance(text, Problem):
        return FileResult(diagnostics=(file.diagnose(text),))
    found = documents.parse(text)
    gathered = _Gathered(file)
    for root in found.roots:
        gathered.take(root)
    return gathered.result(*map(file.diagnose, found.problems))


class _Gathered:
    """Collects what the documents of one file say."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.objects: list[FileObject] = []
        self.skipped: Counter[str] = Counter()
        self.diagnostics: list[Diagnostic] = []

    def result(self, *diagnostics: Diagnostic) -> FileResult:
        """Return the result, with the *diagnostics* of the file before those of its documents."""
        return FileResult(
            objects=tuple(self.objects),
            skipped=dict(sorted(self.skipped.items())),
            diagnostics=(*diagnostics, *self.diagnostics),
        )

    def take(self, node: Node, *, listed_kind: str = "") -> None:
        """Take a document, or an item of a list whose items have the kind *listed_kind*."""
        if not isinstance(node.value, dict):
            if isinstance(node.value, str | int | float):
                self.diagnostics.append(self.file.diagnose(_no_object(node)))
            return
        kind = node.value.get("kind", listed_kind or None)
        version = node.value.get("apiVersion", API_VERSION if listed_kind else None)
        what = classify(node, kind=kind, api_version=version)
        if what.problem is not None:
            self.diagnostics.append(self.file.diagnose(what.problem))
        elif what.listed is not None:
            for item in _items(node):
                self.take(item, listed_kind=what.listed)
        elif what.skipped is not None:
            self.skipped[what.skipped] += 1
        elif what.managed is not None:
            self._read(node, what.managed)

    def _read(self, node: Node, kind: str) -> None:
        node = node._replace(value={"apiVersion": API_VERSION, "kind": kind} | node.value)
        manifest = Manifest(file=self.file, node=node, kind=kind)
        manifest = replace(manifest, ref=_ref(manifest))
        violations = tuple(_violations(manifest))
        if manifest.ref is None:
            self.diagnostics.extend(violations)
        else:
            self.objects.append(_DECODERS[kind](manifest, manifest.ref, violations))


def _no_object(node: Node) -> Problem:
    """Report bare text: a failed rendering or an error page often leaves some."""
    text = str(node.value).split("\n", 1)[0][:40]
    message = f"the document is {text!r}, not a Kubernetes object"
    return Problem(mark=node.mark, code="not-an-object", message=message)


def _items(node: Node) -> tuple[Node, ...]:
    items = node.children.get("items")
    return tuple(items.children.values()) if items and isinstance(items.value, list) else ()


def _ref(manifest: Manifest) -> ObjectRef | None:
    """Return the identity of the object; its namespace is empty if the manifest names none."""
    name = manifest.get(("metadata", "name"))
    namespace = manifest.get(("metadata", "namespace"))
    if not isinstance(name, str) or not isinstance(namespace, str | None):
        return None
    return ObjectRef(kind=manifest.kind, namespace=namespace or "", name=name)


def _violations(manifest: Manifest) -> Iterator[Diagnostic]:
    for each in check(manifest.node.value, "manifest"):
        yield manifest.report(
            Severity.ERROR,
            each.code,
            each.message,
            each.path,
            key=each.code == "unknown-field",
            hint=each.hint,
        )
