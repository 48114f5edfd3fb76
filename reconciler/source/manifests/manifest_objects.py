"""What a manifest file holds: objects with their places, before they are brought together."""

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
    """Where a text comes from."""

    path: str
    """From the root of the repository, with ``/``; a name where there is no repository."""

    def location(self, mark: Mark) -> Location:
        """*mark* in this file."""
        return Location(path=self.path, line=mark.line, column=mark.column)

    def diagnose(self, problem: Problem) -> Diagnostic:
        """*problem* as an error at its place."""
        return Diagnostic(
            severity=Severity.ERROR,
            code=problem.code,
            message=problem.message,
            at=self.location(problem.mark),
            context=problem.context,
            hint=problem.hint,
        )

    def error(self, code: str, message: str, *, hint: str = "") -> Diagnostic:
        """An error of the file as a whole."""
        return self.diagnose(Problem(mark=Mark(1, 1), code=code, message=message, hint=hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One object of ours as written, with what is needed to say where a value stands."""

    file: SourceFile
    node: Node
    kind: str
    ref: ObjectRef | None = None
    """None while, or if, its name cannot be read."""

    def get(self, path: FieldPath) -> Any:  # noqa: ANN401 - any JSON value
        """The value at *path*; None where there is none."""
        node = self.node.find(path)
        return node.value if node else None

    def at(self, path: tuple[str | int, ...] = (), *, key: bool = False) -> Location:
        """Where the value at *path* stands, or its key; the nearest above if there is none."""
        return self.file.location(self.node.key_at(path) if key else self.node.at(path))

    def places(self, paths: Iterable[FieldPath]) -> dict[FieldPath, Location]:
        """Where the value at each of *paths* starts, where there is one."""
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
        """A diagnostic at the value, or the *key*, of *path*."""
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
    """One object of a file; its namespace is empty where the file names none."""

    desired: DesiredVM | DesiredKubeVirt
    places: Mapping[FieldPath, Location]
    """Of the managed values that are there; ``()`` is the object, ``("metadata",)`` its names."""
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """Everything that one file says; depends on its path and bytes alone."""

    objects: tuple[FileObject, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    """How many documents of each other kind were left alone."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Those that belong to no object of ``objects``."""
