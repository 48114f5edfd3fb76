"""``CommitReader`` and others: read the desired state from a commit, a working tree or stdin."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from reconciler.model.desired.config import Config
from reconciler.model.desired.desired_state import DesiredState, Reading
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.source.build_desired_state import NOTHING_FOUND, build_desired_state
from reconciler.source.cache.file_contents import FileContents, RememberedContents
from reconciler.source.commit_search import CommitSearch, FoundCommit, RevisionHistory, refusals
from reconciler.source.config_file import read_config, stream_config
from reconciler.source.git.file_selection import included, is_input, select
from reconciler.source.git.working_tree import WorkingTree
from reconciler.source.manifests.read_limits import within_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.source.cache.parse_cache import ParseCache
    from reconciler.source.git.commit_tree import CommitTree
    from reconciler.source.git.file_tree import FileTree
    from reconciler.source.git.repository import Repository
    from reconciler.source.manifests.manifest_objects import FileResult


def _unchanged(config: Config) -> Config:
    return config


def _read_tree(
    tree: FileTree,
    contents: FileContents | RememberedContents,
    override: Callable[[Config], Config],
    commit: FoundCommit | None = None,
) -> Reading:
    """Read the desired state and the configuration of a revision.

    If no commit passes the checks, the result only shows problems, and must not be used for a
    plan.
    """
    found = commit.config if commit else read_config(tree)
    in_force = commit.in_force if commit else None
    config = override(found.config)
    selection = select(tree, config)
    is_chosen = included(config)
    dirty = any(is_input(path, is_chosen) for path in tree.changed())
    files = [*selection.files, *(file for each in selection.rendered for file in each.files)]
    results = within_limits(contents.of(tree, files))
    read = list(islice(results, len(selection.files)))
    rendered = [
        each.diagnose(ours=any(list(map(_is_ours, islice(results, len(each.files))))))
        for each in selection.rendered
    ]
    state = build_desired_state(
        read,
        revision=tree.revision,
        dirty=dirty,
        selector=config.selector,
        diagnostics=(
            *(refusals(in_force) if in_force else ()),
            *found.diagnostics,
            *selection.diagnostics,
            *rendered,
        ),
        unusable=found.invalid or (in_force is not None and in_force.commit is None),
    )
    return Reading(config=config, state=replace(state, in_force=in_force))


def _is_ours(result: FileResult) -> bool:
    """Return whether a parsed file contains a VM, KubeVirt settings or an error."""
    errors = (each.severity is Severity.ERROR for each in result.diagnostics)
    return bool(result.objects) or any(errors)


class CommitReader:
    """Reads the desired state from a Git revision; reads of a branch include new commits.

    A second read parses only the configuration and the files that changed since the first read.
    For an unchanged file, each read returns the same Python objects as the previous read.
    """

    def __init__(
        self,
        repository: Repository,
        revision: str = "HEAD",
        *,
        default_namespace: str | None = None,
        override: Callable[[Config], Config] = _unchanged,
        cache: ParseCache | None = None,
        search: CommitSearch | None = None,
    ) -> None:
        """Prepare to read a revision.

        Args:
            repository: The repository with the revision.
            revision: An expression that git resolves to a commit.
            default_namespace: The namespace for manifests without one; if it is None, such
            manifests
                are errors.
            override: Applies flags and environment variables to the configuration.
            cache: Stores parsed files between runs.
            search: Finds the commit to apply; by default, signatures are not checked.
        """
        self._repository = repository
        self._revision = revision
        self._override = override
        self._contents = RememberedContents(
            FileContents(default_namespace=default_namespace, cache=cache)
        )
        self._search = search or CommitSearch(repository, revision)
        self._last: tuple[CommitTree, Reading] | None = None
        self._earlier: CommitTree | None = None
        """The files of an earlier commit, so that git lists only the differences."""

    def read(self) -> Reading:
        """Read the newest commit that passes all checks, with the configuration in this commit.

        If no commit passes, the newest commit is read, and the result is marked as unusable.

        Raises:
            SourceError: The revision does not exist, or the repository cannot be read.
        """
        before = self._last[0] if self._last else self._earlier
        newest = self._repository.resolve(self._revision)
        if self._last and not self._search.may_change(newest, self._last[1].state.in_force):
            return self._last[1]
        found = self._search.find(newest, before)
        in_force, tree = found.in_force, found.tree
        if self._last is None or tree is not before or self._last[1].state.in_force != in_force:
            reading = _read_tree(tree, self._contents, self._override, found)
            history = RevisionHistory(self._search, newest, in_force.commit)
            self._last = tree, replace(reading, history=history)
        return self._last[1]

    def continue_after(self, earlier: CommitReader) -> None:
        """Reuse the parsed files of an earlier commit's reader, and parse only changed files.

        The earlier reader can use a different clone of the same repository.
        """
        self._contents = earlier._contents
        if earlier._last is not None and earlier._repository.root == self._repository.root:
            self._earlier = earlier._last[0]

    def of(self, revision: str) -> CommitReader:
        """Return a reader for another revision that reuses the results of unchanged files."""
        other = CommitReader(self._repository, revision, override=self._override)
        other._contents, other._last = self._contents, self._last
        return other


class WorkingTreeReader:
    """Reads the desired state from the working tree, and reports uncommitted changes."""

    def __init__(
        self,
        repository: Repository,
        *,
        default_namespace: str | None = None,
        override: Callable[[Config], Config] = _unchanged,
    ) -> None:
        self._repository = repository
        self._override = override
        self._contents = FileContents(default_namespace=default_namespace)

    def read(self) -> Reading:
        """Read the working tree, with the configuration in the working tree.

        Raises:
            SourceError: The repository is bare, or a file cannot be read.
        """
        return _read_tree(WorkingTree(self._repository), self._contents, self._override)


class StreamReader:
    """Reads manifests that are not in a repository, such as those on standard input."""

    def __init__(
        self,
        texts: Sequence[tuple[str, bytes]],
        *,
        name: str = "stdin",
        default_namespace: str | None = None,
        config: Config | None = None,
        config_text: tuple[str, bytes] | None = None,
        override: Callable[[Config], Config] = _unchanged,
    ) -> None:
        """Create a reader for manifests that are not in a repository.

        Args:
            texts: The name and the bytes of each input, in order.
            name: The name to show as the revision.
            default_namespace: The namespace for manifests without one; if it is None, such
            manifests
                are errors.
            config: The configuration if neither *config_text* nor *texts* contain one; its
            ``paths``
                apply only to a repository.
            config_text: The name and the bytes of a configuration file.
            override: Applies flags and environment variables to the configuration.
        """
        self._texts = tuple(texts)
        self._name = name
        self._contents = FileContents(default_namespace=default_namespace)
        self._config = config or Config()
        self._config_text = config_text
        self._override = override

    def read(self) -> Reading:
        """Read all inputs; a configuration in one of the inputs applies to all of them."""
        found = stream_config(self._texts, self._config_text)
        config = self._override(found.config if found else self._config)
        state = build_desired_state(
            within_limits(self._contents.text(name, data) for name, data in self._texts),
            revision=self._name,
            dirty=False,
            selector=config.selector,
            diagnostics=found.diagnostics if found else (),
            unusable=found is not None and found.invalid,
        )
        # The manifest reader has counted the documents that are configurations as skipped.
        n_configs = found.n_documents if found else 0
        skipped = dict(Counter(state.skipped) - Counter(Config=n_configs))
        state = replace(state, skipped=skipped)
        return Reading(config=config, state=_not_empty(state), bound=found is not None)


def _not_empty(state: DesiredState) -> DesiredState:
    """Add an error if the input has no object, because a failed rendering has empty output."""
    others = any(each.code != NOTHING_FOUND for each in state.diagnostics)
    if state.kubevirt or state.vms or state.skipped or others:
        return state
    error = Diagnostic(
        severity=Severity.ERROR,
        code="nothing-read",
        message=f"{state.revision} contains no object",
        hint="check whether the command that renders the manifests failed",
    )
    return replace(state, diagnostics=(error,), unusable=True)
