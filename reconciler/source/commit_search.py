"""``CommitSearch``: finds the commit to apply: the newest one that passes all checks.

A commit passes the checks if its configuration is valid and, with ``--verify``, its signature is
accepted. If the newest commit on a branch fails, its first-parent ancestors are checked, and the
newest ancestor that passes is applied. The result depends only on the repository, so a restarted
process finds the same commit again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.phrases import plural
from reconciler.model.revision.commit_in_force import (
    MAX_ANCESTORS,
    CommitInForce,
    RefusalReason,
    RefusedCommit,
)
from reconciler.source.config_file import ConfigResult, read_config
from reconciler.source.git.commit_tree import CommitTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.source.git.repository import Repository
    from reconciler.source.trust.signature_checker import SignatureChecker

_FIXED = re.compile(r"[0-9a-f]{4,64}|.*([~^:]|@\{).*", re.DOTALL)
"""Matches a revision that always refers to the same commit: a hash, or for example ``v1~2``."""
_NO_GRAFTS = {"GIT_GRAFT_FILE": "/dev/null"}
"""Environment variables that make git ignore grafts and use the real parents of each commit."""
_MAX_LISTED = 5
_HINTS = {
    RefusalReason.INVALID_CONFIG: "correct .reconciler.yaml in a new commit",
    RefusalReason.UNSIGNED: "sign the commit, or commit the same files again with a signature",
}
_OTHER_HINT = "commit again with a signature of a trusted key, or correct the --verify file"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCommit:
    """The commit to apply, or the newest commit if no commit passes the checks."""

    in_force: CommitInForce
    tree: CommitTree
    config: ConfigResult


@dataclass(frozen=True, slots=True)
class RevisionHistory:
    """Tells whether a commit belongs to the history of the branch or tag that a run applies."""

    search: CommitSearch
    newest: str
    in_force: str | None

    @property
    def is_fixed(self) -> bool:
        """Whether the revision is a tag or a hash, which, unlike a branch, does not move."""
        return self.search.is_fixed

    def contains(self, commit: str) -> bool:
        """Return whether the revision's history contains *commit*.

        For the applied commit, all ancestors count. The newest commit might be rejected, so only
        its first-parent ancestors count: its author could have merged any other commit.

        Raises:
            SourceError: The history cannot be fetched.
        """
        # The search has fetched the first-parent history down to the applied commit.
        return self.search.has_first_parent(self.newest, commit) or self.search.contains(
            self.in_force or self.newest, commit
        )


class CommitSearch:
    """Searches the history of one revision for the newest commit that passes all checks."""

    def __init__(
        self,
        repository: Repository,
        revision: str,
        *,
        checker: SignatureChecker | None = None,
        deepen: Callable[[int | None], None] | None = None,
        newest_only: bool = False,
    ) -> None:
        """Prepare to search the history of a revision.

        Args:
            repository: The repository with the commits.
            revision: The branch, tag or hash that the user requested.
            checker: Checks signatures; None accepts commits without a signature.
            deepen: Fetches more history from a remote repository: the given number of commits, or
                all commits if the number is None.
            newest_only: Whether only the newest commit can be applied, and none of its ancestors.
        """
        self._repository = repository
        self._revision = revision
        self._checker = checker
        self._deepen = deepen
        self._newest_only = newest_only

    def find(self, newest: str, before: CommitTree | None = None) -> FoundCommit:
        """Return the commit to apply: the newest commit, or an ancestor if that is rejected.

        Args:
            newest: The hash of the newest commit of the revision.
            before: The files of an earlier commit, so that git lists only the differences.

        Raises:
            SourceError: The repository cannot be read.
        """
        first = tried = self._read(newest, before)
        refused: list[RefusedCommit] = []
        for behind, commit in enumerate(self._candidates(newest)):
            tried = self._read(commit, tried.tree) if behind else first
            found = self._judged(commit, tried.config)
            if isinstance(found, RefusedCommit):
                refused.append(found)
                continue
            in_force = replace(
                first.in_force,
                commit=commit,
                behind=behind,
                signer=found,
                refused=tuple(refused),
            )
            return replace(tried, in_force=in_force)
        return replace(first, in_force=replace(first.in_force, refused=tuple(refused)))

    def _read(self, commit: str, before: CommitTree | None) -> FoundCommit:
        """Read the configuration in a commit, before the commit's signature is checked."""
        if before is None or before.revision != commit:
            before = CommitTree(self._repository, commit, before=before)
        in_force = CommitInForce(revision=self._revision, newest=commit, commit=None)
        return FoundCommit(in_force=in_force, tree=before, config=read_config(before))

    def may_change(self, newest: str, found: CommitInForce | None) -> bool:
        """Return whether a new search that starts at *newest* could find another commit."""
        return self._checker is not None or found is None or found.newest != newest

    def contains(self, newest: str, commit: str) -> bool:
        """Return whether *commit* is the commit *newest* or one of its ancestors.

        If the local clone is shallow, missing history is fetched.

        Raises:
            SourceError: The history cannot be fetched.
        """
        if self._is_ancestor(commit, newest):
            return True
        if self._deepen is None or not self._is_shallow():
            return False
        for n_commits in (MAX_ANCESTORS + 1, None):
            self._deepen(n_commits)
            if self._is_ancestor(commit, newest):
                return True
        return False

    def has_first_parent(self, newest: str, commit: str) -> bool:
        """Return whether *commit* is *newest* or one of its recent first-parent ancestors."""
        return commit in self._history(newest)

    def _is_ancestor(self, commit: str, newest: str) -> bool:
        arguments = ("merge-base", "--is-ancestor", commit, newest)
        return not self._repository.run(*arguments, environment=_NO_GRAFTS).status

    def _candidates(self, newest: str) -> Iterator[str]:
        """Yield the newest commit, then its first-parent ancestors if the revision is a branch."""
        yield newest
        if self._newest_only or self.is_fixed:
            return
        known = self._history(newest)
        if len(known) <= MAX_ANCESTORS and self._deepen and self._is_shallow():
            self._deepen(MAX_ANCESTORS + 1)
            known = self._history(newest)
        yield from known[1:]

    def _judged(self, commit: str, config: ConfigResult) -> RefusedCommit | str:
        """Check a commit; return its signer, or the reason why the commit is rejected."""
        signer = ""
        if self._checker is not None:
            verdicts = []
            if self._checker.required.commit:
                verdicts.append(self._checker.commit(commit))
            if self._checker.required.tag:
                verdicts.append(self._checker.tag(self._revision, commit))
            for each in verdicts:
                if each.problem is not None:
                    return RefusedCommit(commit=commit, reason=each.problem, message=each.message)
            signer = " and ".join(dict.fromkeys(each.signer for each in verdicts))
        for mistake in config.diagnostics:
            if mistake.severity is Severity.ERROR:
                return RefusedCommit(
                    commit=commit,
                    reason=RefusalReason.INVALID_CONFIG,
                    message=f"its configuration is invalid: {mistake.message}",
                    at=mistake.at,
                )
        return signer

    @cached_property
    def is_fixed(self) -> bool:
        """Whether the revision is a tag or a hash, which, unlike a branch, does not move."""
        name = self._revision.removeprefix("refs/")
        branch = f"refs/heads/{name.removeprefix('heads/')}"
        tag = f"refs/tags/{name.removeprefix('tags/')}"
        # git also lists the references below a name, such as the branch v1/fix for v1.
        if branch in self._repository.references(branch):
            return False
        return bool(_FIXED.fullmatch(name) or tag in self._repository.references(tag))

    def _history(self, newest: str) -> list[str]:
        """Return the locally available hashes of a commit and its first-parent ancestors."""
        most = f"--max-count={MAX_ANCESTORS + 1}"
        output = self._repository.run(
            "rev-list", "--first-parent", most, newest, "--", environment=_NO_GRAFTS
        )
        return output.stdout.decode().split() or [newest]

    def _is_shallow(self) -> bool:
        output = self._repository.run("rev-parse", "--is-shallow-repository")
        return output.stdout.strip() == b"true"


def refusals(found: CommitInForce) -> Iterator[Diagnostic]:
    """Yield an error if the newest commit of the revision is rejected.

    No error is needed if the only reason is an invalid configuration and no commit is applied,
    because the problems in the configuration are already reported.
    """
    if not found.refused:
        return
    first, *others = found.refused
    if found.commit is None and first.reason is RefusalReason.INVALID_CONFIG and not others:
        return
    state, facts = "this commit is not applied", []
    if found.commit:
        state = f"commit {found.commit[:12]} is used instead"
        behind = f"{plural(found.behind, 'commit')} behind commit {first.commit[:12]}"
        facts = [f"commit {found.commit[:12]} is {behind}"]
    elif others:
        state = "no commit is applied"
        facts = [f"none of the last {len(found.refused)} commits passes the checks"]
    if others:
        listed = [f"{each.commit[:12]} ({each.reason})" for each in others[:_MAX_LISTED]]
        more = ", …" if len(others) > _MAX_LISTED else ""
        facts.append(f"also rejected: {', '.join(listed)}{more}")
    yield Diagnostic(
        severity=Severity.ERROR,
        code=str(first.reason),
        message=f"commit {first.commit[:12]} of {found.revision} is rejected: {first.message}; "
        f"{state}",
        at=first.at,
        context=tuple(facts),
        hint=_HINTS.get(first.reason, _OTHER_HINT),
    )
