"""``select``: selects the files of a Git revision that could contain manifests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from posixpath import dirname
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.quoting import quoted
from reconciler.model.references import Location
from reconciler.source.git.file_tree import CONFIG_PATH, Entry, EntryKind, is_manifest
from reconciler.source.manifests.kind_scan import names_managed
from reconciler.source.manifests.limited_diagnostics import MAX_OF_FILE, limited
from reconciler.source.manifests.manifest_objects import SourceFile
from reconciler.source.yaml.decode_text import MAX_FILE_BYTES, too_large
from reconciler.source.yaml.nodes import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from reconciler.model.desired.config import Config
    from reconciler.source.git.file_tree import FileTree

KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
CHART = "Chart.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFolder:
    """A directory with a kustomization or a Helm chart, whose manifests must be rendered."""

    entry: Entry
    """The ``kustomization.yaml`` or ``Chart.yaml`` file in the directory."""
    files: tuple[Entry, ...]
    """The manifest files in the directory, except those in a nested kustomization or chart."""

    def diagnose(self, *, ours: bool) -> Diagnostic:
        """Return an error if a kustomization or chart contains managed objects, else a note."""
        file, folder = SourceFile(path=self.entry.path), dirname(self.entry.path) or "."
        what, program, command = "a kustomization", "kustomize", f"kubectl kustomize {folder}"
        code = "kustomization"
        if self.entry.path.endswith(CHART):
            what, program, command = "a Helm chart", "helm", f"helm template {folder}"
            code = "chart"
        return Diagnostic(
            severity=Severity.ERROR if ours else Severity.NOTE,
            code=code,
            message=f"the directory {folder} has {what}, which only {program} can render",
            at=file.location(Mark(1, 1)),
            hint=f"render the directory and pipe in the result ({command} | reconciler plan "
            f"-f -), or add the directory to `exclude` in {CONFIG_PATH}"
            if ours
            else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The manifest files to read, and the problems with files and links that are not read."""

    files: tuple[Entry, ...]
    rendered: tuple[RenderedFolder, ...]
    """The directories with a kustomization or chart, whose files are only searched for VMs."""
    diagnostics: tuple[Diagnostic, ...]


def select(tree: FileTree, config: Config) -> Selection:
    """Select the manifest files of a revision that the configuration includes.

    Raises:
        SourceError: A file that is too large to parse cannot be read.
    """
    chosen = included(config)
    entries = tuple(entry for entry in tree.entries() if chosen(entry.path))
    roots = _rendered_roots(entries)
    files: list[Entry] = []
    inside: dict[str, list[Entry]] = {root: [] for root in roots}
    rest = []
    for entry in entries:
        root = _root_of(entry.path, inside) if roots else None
        if root is None:
            rest.append(entry)
        if (
            entry.kind is EntryKind.FILE
            and is_manifest(entry.path)
            and entry.size <= MAX_FILE_BYTES
        ):
            (files if root is None else inside[root]).append(entry)
    return Selection(
        files=tuple(files),
        rendered=tuple(
            RenderedFolder(entry=entry, files=tuple(inside[root])) for root, entry in roots.items()
        ),
        diagnostics=limited(chain(_missing(config, tree), _unread(tree, rest)), MAX_OF_FILE),
    )


def included(config: Config) -> Callable[[str], bool]:
    """Return a function that tests whether the configuration includes a path.

    In each directory of ``paths``, subdirectories whose names start with a dot are skipped.
    """
    within = frozenset(map(normal, config.paths))
    excluded = frozenset(map(normal, config.exclude))

    def test(path: str) -> bool:
        above = tuple(_with_folders(path))
        return excluded.isdisjoint(above) and any(
            folder in within and not _is_hidden(_below(path, folder)) for folder in above
        )

    return test


def is_input(path: str, is_chosen: Callable[[str], bool]) -> bool:
    """Return whether the file at a path is the configuration file or a selected manifest."""
    return path == CONFIG_PATH or (is_manifest(path) and is_chosen(path))


def normal(path: str) -> str:
    """Remove ``.`` and empty parts from a path; return ``.`` for the root of the repository."""
    return "/".join(step for step in path.split("/") if step not in {"", "."}) or "."


def _with_folders(path: str) -> Iterator[str]:
    """Yield a path, each of its parent directories, and ``.`` for the root of the repository.

    The caller looks these paths up in sets, so the number of paths in the configuration does not
    slow down the selection.
    """
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield "."


def _below(path: str, folder: str) -> str:
    """Return a path relative to a directory, or an empty string if the two are equal."""
    return path if folder == "." else path[len(folder) + 1 :]


def _is_hidden(path: str) -> bool:
    if path[:1] != "." and "/." not in path:
        return False
    return any(step.startswith(".") for step in path.split("/")[:-1])


def _rendered_roots(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Map each directory with a kustomization or Helm chart to the file that describes it."""
    roots: dict[str, Entry] = {}
    charts: dict[str, Entry] = {}
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        if name in KUSTOMIZATIONS:
            roots.setdefault(folder or ".", entry)
        elif name == CHART:
            charts[folder or "."] = entry
    if charts:
        paths = (f"/{each.path}" for each in entries)
        parents = {path.partition("/templates/")[0] for path in paths if "/templates/" in path}
        above = {each: "" if each == "." else f"/{each}" for each in charts}
        roots.update((each, charts[each]) for each in charts if above[each] in parents)
    return roots


def _root_of(path: str, roots: dict[str, list[Entry]]) -> str | None:
    """Return the nearest parent directory with a kustomization or Helm chart, or None."""
    folder = path
    while folder:
        folder = dirname(folder)
        if (folder or ".") in roots:
            return folder or "."
    return None


def _missing(config: Config, tree: FileTree) -> Iterator[Diagnostic]:
    origin = config.origin("paths")
    if all(normal(path) == "." for path in config.paths):
        return
    present = {each for entry in tree.entries() for each in _with_folders(entry.path)} | {"."}
    for written in config.paths:
        if normal(written) not in present:
            source = "" if isinstance(origin, Location) else f" (from {origin})"
            yield Diagnostic(
                severity=Severity.WARNING,
                code="path-missing",
                message=f"the path {quoted(written)}{source} is not in {tree.revision}",
                at=origin if isinstance(origin, Location) else None,
                hint=f"correct `paths` in {CONFIG_PATH}",
            )


def _unread(tree: FileTree, entries: Iterable[Entry]) -> Iterator[Diagnostic]:
    for entry in entries:
        file = SourceFile(path=entry.path)
        named = is_manifest(entry.path)
        if entry.kind is EntryKind.FILE:
            if entry.size > MAX_FILE_BYTES and named and names_managed(tree.chunks(entry)):
                yield file.diagnose(too_large(entry.size))
            continue
        is_link = entry.kind is EntryKind.SYMLINK
        yield Diagnostic(
            severity=Severity.NOTE if is_link and not named else Severity.WARNING,
            code="not-followed",
            message=f"this is a {entry.kind}, so its content is not read",
            at=file.location(Mark(1, 1)),
            hint="put regular files with the manifests into the repository" if named else "",
        )
