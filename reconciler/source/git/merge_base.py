"""``merge_base``: finds the commit from which a pull request branched off its base branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.model.quoting import quoted

if TYPE_CHECKING:
    from reconciler.source.git.repository import Repository

_FETCH_ALL = (
    "the repository is a shallow clone: run `git fetch --unshallow`, or set `fetch-depth: 0` for "
    "actions/checkout or `GIT_DEPTH: 0` for GitLab CI"
)


def merge_base(repository: Repository, base: str, head: str) -> str:
    """Return the hash of the newest common ancestor (merge base) of *base* and *head*.

    If *head* merges a pull request into the base branch, the result is the parent on the base
    branch. If *head* is the last commit of a branch, the result is where the branch started.

    Args:
        repository: The repository with both commits.
        base: A branch, tag or commit, such as the target branch of a pull request.
        head: The hash of the planned commit.

    Raises:
        SourceError: *base* is unknown or ambiguous, or the two histories have no common commit.
    """
    tip = _resolved(repository, base)
    output = repository.run("merge-base", tip, head)
    if output.status == 0:
        return output.stdout.decode().split("\n", 1)[0]
    # A shallow clone of a merge commit has its parents' hashes, but not their history.
    if tip in _parents(repository, head):
        return tip
    if output.status == 1:
        message = f"{quoted(base)} and the commit {head[:12]} have no common ancestor"
        shallow = _is_shallow(repository)
        hint = _FETCH_ALL if shallow else "use the target branch of the pull request"
        raise SourceError(f"{message} in {repository.root}", hint=hint)
    raise SourceError(
        f"git cannot compare {quoted(base)} with the commit {head[:12]}: {output.reason}",
        hint=_FETCH_ALL
        if _is_shallow(repository)
        else ("fetch the complete history of both commits"),
    )


def _resolved(repository: Repository, base: str) -> str:
    try:
        return repository.resolve(base)
    except SourceError as error:
        # The hint for an unknown name does not help, because a CI job fetches few branches.
        helpful = "did you mean" in error.hint or "ambiguous" in str(error)
        if helpful or not _is_shallow(repository):
            raise
        raise SourceError(str(error), hint=_FETCH_ALL) from error


def _parents(repository: Repository, commit: str) -> list[str]:
    """Return the hashes of a commit's parents, even if the parents were not fetched."""
    output = repository.run("cat-file", "commit", commit)
    lines = output.stdout.decode("utf-8", "replace").partition("\n\n")[0].split("\n")
    return [line.removeprefix("parent ") for line in lines if line.startswith("parent ")]


def _is_shallow(repository: Repository) -> bool:
    return repository.run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
