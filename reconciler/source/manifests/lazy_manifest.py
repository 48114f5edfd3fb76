"""A VM's whole manifest, of which the text alone is kept until somebody asks for a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.source.manifests import vm_manifest
from reconciler.source.yaml import fast_documents

if TYPE_CHECKING:
    from reconciler.source.yaml.fast_lines import Lines


class LazyManifest(Mapping[str, Any]):
    """Reads as the mapping that ``decode_vm.complete`` makes, and is equal to it.

    Most manifests are read to be compared with the cluster, which takes a few of their values;
    the whole of them would be most of what a plan keeps in memory.
    """

    __slots__ = ("_lines", "_namespace", "_value", "text")

    def __init__(self, text: str, lines: Lines, namespace: str | None = None) -> None:
        """Take one document of plain lines.

        Args:
            text: Without separators.
            lines: What is known of lines.
            namespace: Put in, for a manifest that names none.
        """
        self.text = text
        self._lines = lines
        self._namespace = namespace
        self._value: dict[str, Any] | None = None

    def in_namespace(self, namespace: str) -> LazyManifest:
        """The same in *namespace*."""
        return LazyManifest(self.text, self._lines, namespace)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LazyManifest) and self.text == other.text:
            return self._namespace == other._namespace
        return Mapping.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]  # as every mapping

    def __repr__(self) -> str:
        return repr(self._read())

    def _read(self) -> dict[str, Any]:
        if self._value is None:
            (text,) = fast_documents.texts(self.text, self._lines)
            document = fast_documents.read(text, self._lines)
            value = vm_manifest.complete(document.value) if document and document.value else None
            if value is None:
                raise ValueError("the text is no whole manifest of plain lines")
            if self._namespace is not None:
                value["metadata"] = {**value["metadata"], "namespace": self._namespace}
            self._value = value
        return self._value
