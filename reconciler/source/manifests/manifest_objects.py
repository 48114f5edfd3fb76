"""``FileResult``: the objects and the reported problems (diagnostics) of one manifest file."""

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
    """The file or stream that a manifest was read from."""

    path: str
    """The path of the file in the repository, or a name such as that of standard input."""

    def location(self, mark: Mark) -> Location:
        """Convert a line and column in this file to a location."""
        return Location(path=self.path, line=mark.line, column=mark.column)

    def diagnose(self, problem: Problem, severity: Severity = Severity.ERROR) -> Diagnostic:
        """Convert a problem to a diagnostic that contains the problem's location in this file."""
        return Diagnostic(
            severity=severity,
            code=problem.code,
            message=problem.message,
            at=self.location(problem.mark),
            context=problem.context,
            hint=problem.hint,
        )

    def error(self, code: str, message: str, *, hint: str = "") -> Diagnostic:
        """Create an error about the whole manifest file."""
        return self.diagnose(Problem(mark=Mark(1, 1), code=code, message=message, hint=hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One manifest of a managed kind, such as VirtualMachine, with the location of each value."""

    file: SourceFile
    node: Node
    kind: str
    ref: ObjectRef | None = None
    """The kind, namespace and name of the object, or None if the name or namespace is invalid."""

    def get(self, path: FieldPath) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value at a field path, or None if the field is missing."""
        node = self.node.find(path)
        return node.value if node else None

    def texts(self, path: FieldPath) -> dict[str, str]:
        """Return the mapping at a field path, without values that are not strings."""
        found = self.get(path)
        items = found.items() if isinstance(found, dict) else ()
        return {key: value for key, value in items if isinstance(value, str)}

    def at(self, path: tuple[str | int, ...] = (), *, key: bool = False) -> Location:
        """Return the location of a field, or of its nearest existing parent.

        With *key*, return the location of the field's key instead of its value.
        """
        return self.file.location(self.node.key_at(path) if key else self.node.at(path))

    def places(self, paths: Iterable[FieldPath]) -> dict[FieldPath, Location]:
        """Map each of the given field paths to the location of its value; skip missing fields."""
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
        """Create a diagnostic that is located at a field's value or, with *key*, at its key."""
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
    """One object in a manifest file; the namespace is empty if the manifest does not set one."""

    desired: DesiredVM | DesiredKubeVirt
    places: Mapping[FieldPath, Location]
    """The locations of managed fields by field path; the path ``()`` is the whole object."""
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """The objects and diagnostics of one file, which depend only on its path and contents."""

    objects: tuple[FileObject, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    """The number of objects of each unmanaged kind, keyed by kind."""
    unread: int = 0
    """The number of ignored documents that are unreadable or are not Kubernetes objects."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """The problems in the file that do not concern any of ``objects``."""
