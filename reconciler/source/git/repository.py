"""``Repository``: reads commits, references and objects of a local Git repository.

Nothing is checked out, and no hook runs. Only the module ``remote`` writes to a repository, when
it fetches.
"""

from __future__ import annotations

import difflib
import subprocess
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from reconciler.errors import SourceError
from reconciler.model.quoting import quoted
from reconciler.source.git import git_environment
from reconciler.source.git.clone_folder import mark_damaged
from reconciler.source.git.git_process import Output, execute, file_in_memory, no_git, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from git import Repo

_HEADER_WORDS = 3
_PIECE = 1_000_000
_MAX_COMPARED = 2_000
"""The maximum number of branches and tags to search for a name to suggest in a hint."""
MAX_LISTING_BYTES = 48_000_000
"""The maximum size in bytes of a file listing by git, including hashes and file sizes."""


class Repository:
    """A local Git repository, bare or with a working tree; use it in a ``with`` block."""

    def __init__(self, repo: Repo) -> None:
        git_dir = Path(repo.git_dir)
        work = None if _is_bare(git_dir) else repo.working_tree_dir
        repo.close()
        self.root = Path(work) if work is not None else git_dir
        """The directory of the working tree, or of a bare repository itself."""
        self.bare = work is None
        self._environment = git_environment.for_hook(git_dir)
        self.replaced_commit: str | None = None
        """The previously fetched commit if a force push removed it from the branch, or None."""
        self._processes = ExitStack()
        self._batch: subprocess.Popen[bytes] | None = None
        """The running process ``git cat-file``, from which ``contents`` reads objects."""

    @classmethod
    def open(cls, path: Path | str) -> Repository:
        """Open the repository whose root directory is *path*.

        Raises:
            SourceError: There is no repository at *path*.
        """
        try:
            with git_environment.hidden():
                from git import Repo  # noqa: PLC0415 - takes 0.2 s and looks for the git program
                from git.exc import InvalidGitRepositoryError, NoSuchPathError  # noqa: PLC0415
        except ImportError as error:
            raise no_git() from error
        try:
            with git_environment.hidden():
                repo = Repo(path, expand_vars=False)
            return cls(repo)
        except NoSuchPathError as error:
            raise SourceError(f"{path} does not exist", hint=_root_hint(path)) from error
        except InvalidGitRepositoryError as error:
            raise SourceError(f"{path} is not a Git repository", hint=_root_hint(path)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the git process that reads objects, and close the resources given to ``keep``."""
        self._processes.close()
        self._batch = None

    def keep(self, opened: ExitStack) -> None:
        """Take ownership of open resources, and close them together with this repository."""
        self._processes.push(opened)

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Output:
        """Run one git command in the repository; *environment* adds environment variables."""
        variables = {**self._environment, **(environment or {})}
        return execute(self.root, arguments, environment=variables)

    def listing(self, *arguments: str, settings: Mapping[str, str] | None = None) -> bytes:
        """Run one git command that lists files or references, and return its output.

        Args:
            arguments: The command and its arguments, without ``git``.
            settings: Values that override the Git configuration.

        Raises:
            SourceError: The command fails, or its output is too long. A malicious commit of a few
                hundred bytes can contain billions of files, by using a directory many times.
        """
        environment = {**self._environment, **git_environment.configured(settings or {})}
        with running(self.root, arguments, environment=environment) as (process, errors):
            stdout = cast("IO[bytes]", process.stdout).read(MAX_LISTING_BYTES + 1)
            if len(stdout) > MAX_LISTING_BYTES:
                raise SourceError(
                    f"the list of files or branches in {self.root} has more than "
                    f"{MAX_LISTING_BYTES:,} bytes, which is about 500,000 files",
                    hint="use a repository or a revision with fewer files and branches",
                )
            status = process.wait()
        errors.join()
        if status:
            stderr = errors.last.decode("utf-8", "replace")
            raise self._failure(Output(status=status, stdout=stdout, stderr=stderr))
        return stdout

    def resolve(self, revision: str) -> str:
        """Return the hash of the commit to which a revision refers.

        Args:
            revision: A branch, tag, hash or hash prefix, or another expression that git
                understands.

        Raises:
            SourceError: *revision* matches no commit, or more than one.
        """
        if not revision or revision.startswith("-"):
            raise SourceError(
                f"{quoted(revision)} is not a valid revision",
                hint="use a branch, a tag or a commit hash",
            )
        self._reject_ambiguous(revision)
        output = self.run("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        if output.status == 0:
            return output.stdout.decode().strip()
        if "ambiguous" in output.stderr:
            raise SourceError(
                f"the revision {_text(revision)} is ambiguous in {self.root}: several Git "
                "objects have hashes that start with it",
                hint="write more digits of the hash",
            )
        raise self._unknown_revision(revision, output)

    def contents(self, blob: str) -> bytes:
        """Return the contents of the Git object with a given hash.

        Raises:
            SourceError: The object is missing.
        """
        if self._batch is None:
            command = ("cat-file", "--batch")
            self._batch, _ = self._processes.enter_context(
                running(self.root, command, environment=self._environment, stdin=subprocess.PIPE)
            )
        requests = cast("IO[bytes]", self._batch.stdin)
        try:
            requests.write(f"{blob}\n".encode())
            requests.flush()
        except OSError as error:
            raise self._missing(blob) from error
        return self._next_contents(blob, cast("IO[bytes]", self._batch.stdout))

    def many_contents(self, blobs: Sequence[str]) -> Iterator[bytes]:
        """Yield the contents of several Git objects with one git process, which reads ahead.

        Raises:
            SourceError: An object is missing.
        """
        with file_in_memory() as names:
            # A pipe could block both sides, because git writes before it has read all names.
            names.write("\n".join(blobs).encode())
            names.seek(0)
            with running(
                self.root,
                ("cat-file", "--batch"),
                environment=self._environment,
                stdin=cast("BinaryIO", names),
            ) as (process, _):
                for blob in blobs:
                    yield self._next_contents(blob, cast("IO[bytes]", process.stdout))

    def chunks(self, blob: str) -> Iterator[bytes]:
        """Yield the contents of the Git object with a given hash, in pieces.

        Raises:
            SourceError: The object is missing.
        """
        command = ("cat-file", "blob", blob)
        with running(self.root, command, environment=self._environment) as (process, _):
            while piece := cast("IO[bytes]", process.stdout).read(_PIECE):
                yield piece
            if process.wait():
                raise self._missing(blob)

    def _next_contents(self, blob: str, answers: IO[bytes]) -> bytes:
        """Read the next object from git's output: a header line, the contents, and a newline."""
        header = answers.readline().split()
        if len(header) == _HEADER_WORDS and header[0] == blob.encode():
            size = int(header[2])
            data = answers.read(size + 1)
            if len(data) == size + 1:
                return data[:-1]
        raise self._missing(blob)

    def _missing(self, blob: str) -> SourceError:
        mark_damaged(self.root)
        return SourceError(
            f"the Git object {blob} is missing from {self.root}",
            hint="the repository is damaged or a partial clone; clone it again",
        )

    def references(self, *patterns: str) -> dict[str, str]:
        """Map the full name of each branch and tag that matches a pattern to its commit hash."""
        form = "--format=%(refname) %(objectname) %(*objectname)"
        found: dict[str, str] = {}
        listed = self.listing("for-each-ref", form, *patterns).decode("utf-8", "backslashreplace")
        for line in listed.removesuffix("\n").split("\n") if listed else ():
            name, target, peeled = (*line.split(" "), "")[:3]
            found[name] = peeled or target
        return found

    def _reject_ambiguous(self, revision: str) -> None:
        # git prefers refs/v1 to the tag v1 and the branch v1, and only warns.
        names = [f"refs/{each}{revision}" for each in ("", "heads/", "tags/", "remotes/")]
        found = {n: c for n, c in self.references(*names).items() if n in names}
        if len(set(found.values())) > 1:
            what = " and ".join(f"{name} ({commit[:12]})" for name, commit in found.items())
            raise SourceError(
                f"the revision {_text(revision)} is ambiguous in {self.root}: {what}",
                hint=f"use {next(iter(found))}",
            )

    def _unknown_revision(self, revision: str, output: Output) -> SourceError:
        if "dubious ownership" in output.stderr:
            return self._failure(output)
        names = [n.split("/", 2)[2] for n in self.references("refs/heads", "refs/tags")]
        remote = [n.split("/", 2)[2] for n in self.references("refs/remotes")]
        if not names and not remote and self.run("rev-parse", "--verify", "HEAD").status:
            return SourceError(
                f"{self.root} has no commit yet", hint="commit the desired state to the repository"
            )
        same = [name for name in remote if name.partition("/")[2] == revision]
        known = islice(chain(names, remote), _MAX_COMPARED)
        near = same or difflib.get_close_matches(revision, known, n=1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else "use a branch, a tag or a commit hash; see git log"
        )
        return no_revision(revision, self.root, hint)

    def _failure(self, output: Output) -> SourceError:
        if "dubious ownership" in output.stderr:
            return SourceError(
                f"git refuses to read {self.root}, because another user owns the directory",
                hint=f"run `git config --global --add safe.directory {self.root}`",
            )
        return SourceError(
            f"git failed in {self.root}: {output.reason}",
            hint=f"run `git -C {self.root} fsck`, and clone the repository again if it is damaged",
        )


def no_revision(revision: str, place: Path | str, hint: str) -> SourceError:
    """Return the error for a revision that does not exist in the repository."""
    return SourceError(f"the revision {_text(revision)} does not exist in {place}", hint=hint)


def _text(revision: str) -> str:
    """Format a revision for a message, and escape it if it contains unprintable characters."""
    return revision if revision.isprintable() else repr(revision)


def _is_bare(git_dir: Path) -> bool:
    """Return whether git treats a repository as bare, even if no setting says so."""
    output = execute(git_dir, ("rev-parse", "--is-bare-repository"))
    return output.stdout.strip() == b"true"


def _root_hint(path: Path | str) -> str:
    parents = Path(path).resolve().parents
    root = next((parent for parent in parents if (parent / ".git").exists()), None)
    if root is None:
        return "use the root directory of a repository, or pipe manifests in with -f -"
    return f"use {root}, the root directory of the repository, and select directories with `paths`"
