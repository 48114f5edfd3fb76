"""``clone_or_fetch``: fetches a revision of a remote repository into a local directory."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.model.quoting import quoted
from reconciler.source.git import repository_url
from reconciler.source.git.clone_folder import CloneFolder, reading
from reconciler.source.git.git_process import Output, execute
from reconciler.source.git.repository import Repository, no_revision
from reconciler.source.git.transport import fetch_failure
from reconciler.source.git.transport.git_transport import REMOTE, transport

if TYPE_CHECKING:
    from reconciler.ports import Clock
    from reconciler.source.git.transport.git_credentials import GitCredentials
    from reconciler.source.git.transport.git_transport import Transport

_REMOTE_HEAD = f"refs/remotes/{REMOTE}/HEAD"
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PART_OF_HASH = re.compile(r"(.+-g)?[0-9a-f]{4,64}")
"""Matches an abbreviated hash, alone or at the end of a name in the format of ``git describe``."""
_ANCESTOR = re.compile(r"[~^]|@\{")
"""Matches the start of an ancestor suffix, such as the ``~`` in ``main~2``."""
_MISSING = "fatal: couldn't find remote ref "
MAX_HISTORY = 1_000
"""The maximum number of commits to search for the previously fetched commit."""
_MAX_LISTED = 20_000
"""The maximum number of commits to list; a fetch of depth N can return more than N commits."""
_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--update-head-ok",
)


def clone_or_fetch(  # noqa: PLR0913 - each but the first three is given by name
    url: str,
    directory: Path,
    revision: str,
    *,
    timeout_s: float,
    clock: Clock,
    history: bool = False,
    n_commits: int = 1,
    credentials: GitCredentials | None = None,
    clone: Path | None = None,
) -> tuple[Repository, str]:
    """Fetch a revision from a remote, and return the local repository and the commit's hash.

    git requests only the branch, tag or hash of *revision*, so other branches neither cost time
    nor make the fetch fail. Only the latest commits are fetched, unless *revision* refers to an
    earlier commit, such as ``main~2``. A force-pushed branch is also fetched. Passwords and tokens
    are never on a command line, in an environment variable or in a file on a disk.

    Args:
        url: A URL with https, http, ssh, git or file, or ``user@host:path``.
        directory: A directory that is empty, does not exist, or was used by an earlier call.
        revision: ``HEAD``, a branch, a tag or a hash. An abbreviated hash is searched only in the
            history of the default branch.
        timeout_s: The time limit in seconds for all steps together.
        clock: Measures the time.
        history: Whether to fetch all earlier commits as well.
        n_commits: The number of commits to fetch if *history* is False.
        credentials: A directory with credentials, or None to use git's own mechanisms.
        clone: The open clone of an earlier call into which to fetch; None means the newest clone,
            or a new clone if none can be used.

    Raises:
        SourceError: The URL is not supported, the repository cannot be reached in time, or the
            revision does not exist.
    """
    deadline = clock.monotonic() + timeout_s
    if revision.startswith("-"):
        raise SourceError(
            f"{quoted(revision)} is not a valid revision",
            hint="use a branch, a tag or a commit hash",
        )
    address = repository_url.shown(url)
    checked = repository_url.checked(url)
    folder = CloneFolder(directory)
    with ExitStack() as kept:
        with (
            transport(checked, credentials) as connected,
            folder.locked(deadline, clock) as lock,
        ):
            fetch = _Fetch(connected, url, lock, deadline, clock, n_commits)
            fetch.prepare(folder, clone)
            exists = fetch.revision(revision, history=history)
            kept.enter_context(reading(fetch.clone))
        if not exists:
            if revision == "HEAD":
                raise SourceError(
                    f"the default branch of {address} has no commit yet",
                    hint="commit the desired state, or choose a branch with --revision",
                )
            raise no_revision(revision, address, "use a branch, a tag or a full commit hash")
        repository = Repository.open(fetch.clone)
        repository.keep(kept.pop_all())
    repository.replaced_commit = fetch.replaced_commit
    try:
        return repository, repository.resolve(revision)
    except SourceError as error:
        repository.close()
        message = str(error).replace(str(repository.root), address)
        raise SourceError(message, hint=error.hint) from error


class _Fetch:
    """Fetches a revision from a remote repository in several steps with one deadline."""

    clone: Path
    """The bare repository into which git fetches."""
    replaced_commit: str | None = None
    """The previously fetched commit if a force push removed it from the branch, or None."""

    def __init__(
        self,
        connected: Transport,
        url: str,
        lock: int,
        deadline: float,
        clock: Clock,
        n_commits: int,
    ) -> None:
        self._n_commits = n_commits
        self._transport = connected
        self._url = url
        self._lock = lock
        self._deadline = deadline
        self._clock = clock

    def prepare(self, folder: CloneFolder, clone: Path | None) -> None:
        """Select the clone to fetch into: the given one, the newest usable one, or a new one."""
        if clone is not None:
            self.clone = clone
            return
        if newest := folder.newest():
            self.clone = newest
            if self._is_whole("--all"):
                return
        self.clone = folder.new()
        self._create()

    def _create(self) -> None:
        self._git("init", "--quiet", "--bare", "--template=", ".")

    def _is_whole(self, *commits: str) -> bool:
        """Return whether the clone contains all objects of the given commits."""
        output = self._run("rev-list", "--objects", "--quiet", *commits)
        return output.status == 0 and not output.stderr

    def revision(self, revision: str, *, history: bool = False) -> bool:
        """Fetch a revision; return False if the remote does not have its branch, tag or hash."""
        name = _ANCESTOR.split(revision, maxsplit=1)[0] or "HEAD"
        whole = history or name != revision
        if name in {"HEAD", "@"}:
            return self._reference("HEAD", _REMOTE_HEAD, whole=whole)
        if _HASH.fullmatch(name) and self._commit(name, whole=whole):
            return True
        names: tuple[str, ...] = (f"refs/heads/{name}", f"refs/tags/{name}")
        if name.startswith(("heads/", "tags/", "refs/")):
            names = (*names, f"refs/{name.removeprefix('refs/')}")
        # If a branch and a tag have the same name, both are needed to report it.
        found = [each for each in names if self._reference(each, each, whole=whole)]
        if found or not _PART_OF_HASH.fullmatch(name):
            return bool(found)
        return self._reference("HEAD", _REMOTE_HEAD, whole=True)

    def _commit(self, name: str, *, whole: bool) -> bool:
        """Fetch the commit with the given complete hash; return False if the fetch fails."""
        if not whole and self._is_whole("--no-walk", name):
            return True
        return self._run(*_FETCH, *self._depth(whole=whole), REMOTE, name).status == 0

    def _reference(self, name: str, target: str, *, whole: bool) -> bool:
        """Fetch a Git reference; return False if the remote does not have the reference."""
        if name != "HEAD" and self._run("check-ref-format", name).status:
            return False
        before = self._target(target)
        output = self._fetch(name, target, *self._depth(whole=whole))
        if output.status == 0:
            if name == "HEAD":
                self._git("symbolic-ref", "HEAD", target)
            if before and not self._has_in_history(before, name, target):
                self.replaced_commit = before
            return True
        if not any(line.startswith(_MISSING) for line in output.stderr.split("\n")):
            raise self._failure(output)
        self._run("update-ref", "-d", target)  # an earlier fetch might have created this reference
        return False

    def _has_in_history(self, commit: str, name: str, target: str) -> bool:
        """Return whether a commit is among the last commits of a fetched branch or tag.

        If the fetched commits do not contain the commit, the history is fetched into a temporary
        directory, without file contents if the server supports this.
        """
        now = self._target(target)
        if now in {"", commit}:
            return bool(now)
        parents = self._git("cat-file", "commit", now).stdout.partition(b"\n\n")[0]
        if f"parent {commit}".encode() in parents.split(b"\n"):
            return True
        if self._run("merge-base", "--is-ancestor", commit, now).status == 0:
            return True
        clone = self.clone
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            self.clone = Path(folder)
            try:
                self._create()
                output = self._fetch(name, target, f"--depth={MAX_HISTORY}", "--filter=tree:0")
                if output.status:
                    raise self._failure(output)
                listed = self._git("rev-list", f"--max-count={_MAX_LISTED}", target).stdout
            finally:
                self.clone = clone
        return commit.encode() in listed.split()

    def _target(self, reference: str) -> str:
        """Return the commit to which a local Git reference points, or an empty string."""
        output = self._run("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
        return output.stdout.decode().strip()

    def _fetch(self, name: str, target: str, *options: str) -> Output:
        return self._run(*_FETCH, *options, REMOTE, f"+{name}:{target}")

    def _depth(self, *, whole: bool) -> tuple[str, ...]:
        if not whole:
            return (f"--depth={self._n_commits}",)
        shallow = self._git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        return ("--unshallow",) if shallow else ()

    def _git(self, *arguments: str) -> Output:
        output = self._run(*arguments)
        if output.status:
            raise self._failure(output)
        return output

    def _failure(self, output: Output) -> SourceError:
        return fetch_failure.fetch_error(self._url, output, has_login=self._transport.has_login)

    def _run(self, *arguments: str) -> Output:
        left_s = self._deadline - self._clock.monotonic()
        try:
            return execute(
                self.clone,
                arguments,
                environment={**self._transport.environment, "GIT_DIR": str(self.clone)},
                descriptors=(*self._transport.descriptors, self._lock),
                max_file_bytes=fetch_failure.MAX_PACK_BYTES,
                timeout_s=max(left_s, 0),
            )
        except TimeoutError as error:
            raise SourceError(
                f"the repository {repository_url.shown(self._url)} was not fetched before the "
                "deadline",
                hint="allow more time with --deadline, or check the network",
            ) from error
