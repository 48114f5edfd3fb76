"""Defines ``FileResult``: the objects and diagnostics of one manifest file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredVM
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.references import FieldPath, Location, ObjectRef
from reconciler.source.yaml.nodes import Mark, Node, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The file that a text comes from."""

    path: str
    """The path from the root of the repository, with ``/``; outside a repository, a name."""

    def location(self, mark: Mark) -> Location:
        """Return *mark* as a place in this file."""
        return Location(path=self.path, line=mark.line, column=mark.column)

    def diagnose(self, problem: Problem, severity: Severity = Severity.ERROR) -> Diagnostic:
        """Return *problem* as a diagnostic at its place."""
        return Diagnostic(
            severity=severity,
            code=problem.code,
            message=problem.message,
            at=self.location(problem.mark),
            context=problem.context,
            hint=problem.hint,
        )

    def error(self, code: str, message: str, *, hint: str = "") -> Diagnostic:
        """Return an error about the file as a whole."""
        return self.diagnose(Problem(mark=Mark(1, 1), code=code, message=message, hint=hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One VirtualMachine or KubeVirt as written, with the places of its values."""

    file: SourceFile
    node: Node
    kind: str
    ref: ObjectRef | None = None
    """None if its name cannot be read, and until it has been read."""

    def get(self, path: FieldPath) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value at *path*, or None if there is none."""
        node = self.node.find(path)
        return node.value if node else None

    def at(self, path: tuple[str | int, ...] = (), *, key: bool = False) -> Location:
        """Return where the value at *path*, or its *key*, starts; else the nearest value above."""
        return self.file.location(self.node.key_at(path) if key else self.node.at(path))

    def places(self, paths: Iterable[FieldPath]) -> dict[FieldPath, Location]:
        """Return where the value at each of *paths* starts; a path without a value is left out."""
        found = {path: self.node.find(path) for path in paths}
        return {path: self.file.location(node.mark) for path, node in found.items() if node}

    def report(
        self,
        severity: Severity,
        code: str,
        message: str,
        path: tuple[str | int, ...] = (),
        *,
        key: bool = False,
        context: tuple[str, ...] = (),
        hint: str = "",
    ) -> Diagnostic:
        """Return a diagnostic at the value at *path*, or at its *key*."""
        return Diagnostic(
            severity=severity,
            code=code,
            message=message,
            at=self.at(path, key=key),
            ref=self.ref,
            context=context,
            hint=hint,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileObject:
    """One object of a file; its namespace is empty if the file names none."""

    desired: DesiredVM | DesiredKubeVirt
    places: Mapping[FieldPath, Location]
    """The places of the managed values; ``()`` is the object, ``("metadata",)`` its metadata."""
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """Everything that one file says. It depends only on the path and the bytes of the file."""

    objects: tuple[FileObject, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    """How many documents of each other kind were ignored."""
    unread: int = 0
    """How many documents were ignored because they are not objects, or cannot be read."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """The diagnostics that do not belong to one of ``objects``."""
