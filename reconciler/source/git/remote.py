"""Fetches a revision of a remote repository into a local folder: ``clone_or_fetch``."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.source.git import repository_url
from reconciler.source.git.git_process import Output, execute
from reconciler.source.git.repository import Repository

if TYPE_CHECKING:
    from reconciler.ports import Clock

_REMOTE = "desired"
_REMOTE_HEAD = f"refs/remotes/{_REMOTE}/HEAD"
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--update-head-ok",
)


def clone_or_fetch(
    url: str, directory: Path, revision: str, *, timeout_s: float, clock: Clock
) -> tuple[Repository, str]:
    """Fetch *revision* from *url*, and return the local repository and the commit's hash.

    For a branch or tag, only its latest commit is fetched; for any other revision, the whole
    repository is fetched. The branch may have been force-pushed. git receives the address in its
    environment and never on a command line or in a file, because the address may contain
    credentials.

    Args:
        url: An address with https, http, ssh or file, or user@host:path.
        directory: A folder that is empty, does not exist, or was used by an earlier call.
        revision: ``HEAD``, a branch, a tag or a hash.
        timeout_s: The time limit for all steps together.
        clock: Measures the time.

    Raises:
        SourceError: The address is not supported, the repository cannot be reached in time, or the
            revision does not exist.
    """
    fetch = _Fetch(repository_url.checked(url), directory, clock.monotonic() + timeout_s, clock)
    if revision.startswith("-"):
        raise SourceError(f"{revision!r} is not a revision", hint="use a branch, a tag or a hash")
    fetch.prepare()
    if not fetch.single(revision):
        fetch.everything()
    repository = Repository.open(directory)
    try:
        return repository, repository.resolve(revision)
    except SourceError as error:
        repository.close()
        message = str(error).replace(str(repository.root), repository_url.shown(url))
        raise SourceError(message, hint=error.hint) from error


class _Fetch:
    """The steps of one fetch from a remote repository, which share one deadline."""

    def __init__(self, url: str, directory: Path, deadline: float, clock: Clock) -> None:
        self._url = url
        self._directory = directory
        self._deadline = deadline
        self._clock = clock

    @cached_property
    def _environment(self) -> dict[str, str]:
        return {
            "GIT_DIR": str(self._directory.absolute()),
            "GIT_ALLOW_PROTOCOL": ":".join(repository_url.SCHEMES),
            **_configured(self._url),
            **_ssh(self._url),
        }

    def prepare(self) -> None:
        """Create a bare repository in the folder if there is none."""
        folder = self._directory
        if (folder / "objects").is_dir() and (folder / "HEAD").is_file():
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SourceError(
                f"{folder} contains other files, so a repository cannot be fetched into it",
                hint="choose an empty folder, or a folder that does not exist yet",
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._git("init", "--quiet", "--bare", "--template=", ".")

    def single(self, revision: str) -> bool:
        """Fetch only *revision*; return False if the remote does not offer the name or hash."""
        if _HASH.fullmatch(revision):
            if self._run("cat-file", "-e", f"{revision}^{{commit}}").status == 0:
                return True
            return self._run(*_FETCH, "--depth=1", _REMOTE, revision).status == 0
        if revision == "HEAD":
            return self._head("--depth=1")
        names = (f"refs/heads/{revision}", f"refs/tags/{revision}", revision)
        offered = self._offered(revision)
        found = [name for name in names if name.startswith("refs/") and name in offered]
        if found:
            self._git(*_FETCH, "--depth=1", _REMOTE, *(f"+{name}:{name}" for name in found))
        for name in names[:2]:
            if name not in found:  # remove a reference that the remote no longer has
                self._run("update-ref", "-d", name)
        return bool(found)

    def everything(self) -> None:
        """Fetch all branches and tags with their history."""
        shallow = self._git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        depth = ("--unshallow",) if shallow else ()
        self._git(*_FETCH, "--prune", *depth, _REMOTE, *_ALL)
        self._head()

    def _head(self, *options: str) -> bool:
        """Fetch the remote's HEAD and make it the local HEAD; return False if it has no commit."""
        if "HEAD" not in self._offered("HEAD"):
            return False
        self._git(*_FETCH, *options, _REMOTE, f"+HEAD:{_REMOTE_HEAD}")
        self._git("symbolic-ref", "HEAD", _REMOTE_HEAD)
        return True

    def _offered(self, pattern: str) -> frozenset[str]:
        """Return the full names of the remote's references that end with *pattern*."""
        listing = self._git("ls-remote", "--quiet", _REMOTE, pattern).stdout.decode()
        return frozenset(line.partition("\t")[2] for line in listing.splitlines())

    def _git(self, *arguments: str) -> Output:
        output = self._run(*arguments)
        if output.status:
            raise SourceError(
                f"{repository_url.shown(self._url)} cannot be fetched: "
                f"{self._clean(output.reason)}",
                hint="check the address, the network and the credentials",
            )
        return output

    def _run(self, *arguments: str) -> Output:
        left_s = self._deadline - self._clock.monotonic()
        try:
            return execute(
                self._directory,
                arguments,
                environment=self._environment,
                timeout_s=max(left_s, 0),
            )
        except TimeoutError as error:
            raise SourceError(
                f"{repository_url.shown(self._url)} was not fetched before the deadline",
                hint="allow more time with --deadline, or check the network",
            ) from error

    def _clean(self, text: str) -> str:
        text = text.replace(self._url, repository_url.shown(self._url))
        for secret in sorted(repository_url.secrets(self._url), key=len, reverse=True):
            text = text.replace(secret, "***")
        return repository_url.without_credentials(text)


def _configured(url: str) -> dict[str, str]:
    """Return environment variables that configure the address as a git remote."""
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"remote.{_REMOTE}.url",
        f"GIT_CONFIG_VALUE_{count}": url,
    }


def _ssh(url: str) -> dict[str, str]:
    """Return the user's ssh command with prompts disabled, as an environment variable."""
    if "GIT_SSH" in os.environ or url.startswith(("https://", "http://", "file://")):
        return {}
    configured = execute(Path.cwd(), ("config", "--get", "core.sshCommand")).stdout.decode()
    command = os.environ.get("GIT_SSH_COMMAND") or configured.strip() or "ssh"
    return {"GIT_SSH_COMMAND": f"{command} -oBatchMode=yes"}
