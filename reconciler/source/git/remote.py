"""Brings a revision of a remote repository into a local folder, for reading only."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.source.git import repository_url
from reconciler.source.git.repository import Output, Repository, execute

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
    """The repository at *url*, with *revision* brought up to date, and that revision's commit.

    A branch or tag is fetched alone and without history; anything else needs all of them. A
    branch that was force-pushed is followed. The address, which may hold credentials, is given
    to git in its environment, so it stands on no command line and is written to no file.

    Args:
        url: https, http, ssh or file, or user@host:path.
        directory: A folder of an earlier call, or one that is empty or not there.
        revision: ``HEAD``, a branch, a tag or a hash.
        timeout_s: For everything together.
        clock: Counts it.

    Raises:
        SourceError: The address is refused, the repository cannot be reached in time, or there
            is no such revision.
    """
    fetch = _Fetch(repository_url.checked(url), directory, clock.monotonic() + timeout_s, clock)
    if revision.startswith("-"):
        raise SourceError(f"{revision!r} is not a revision", hint="name a branch, tag or hash")
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
    """The steps of one fetch, which share a deadline."""

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
        """Make the folder a bare repository, unless it is one already."""
        folder = self._directory
        if (folder / "objects").is_dir() and (folder / "HEAD").is_file():
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SourceError(
                f"{folder} is in use by something else, so nothing is fetched into it",
                hint="name an empty folder, or one that is not there yet",
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._git("init", "--quiet", "--bare", "--template=", ".")

    def single(self, revision: str) -> bool:
        """Fetch *revision* alone; False if it is no branch or tag, nor a hash that is served."""
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
            if name not in found:  # what the remote no longer has must not be found here
                self._run("update-ref", "-d", name)
        return bool(found)

    def everything(self) -> None:
        """Fetch every branch and tag with its history."""
        shallow = self._git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        depth = ("--unshallow",) if shallow else ()
        self._git(*_FETCH, "--prune", *depth, _REMOTE, *_ALL)
        self._head()

    def _head(self, *options: str) -> bool:
        """Fetch what the remote calls HEAD and call it so here; False if it has no commit."""
        if "HEAD" not in self._offered("HEAD"):
            return False
        self._git(*_FETCH, *options, _REMOTE, f"+HEAD:{_REMOTE_HEAD}")
        self._git("symbolic-ref", "HEAD", _REMOTE_HEAD)
        return True

    def _offered(self, pattern: str) -> frozenset[str]:
        """Full names of the remote's references that end with *pattern*."""
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
    """Gives git the address as configuration, after what the environment configures already."""
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": f"remote.{_REMOTE}.url",
        f"GIT_CONFIG_VALUE_{count}": url,
    }


def _ssh(url: str) -> dict[str, str]:
    """The user's own ssh command, which must never ask for anything."""
    if "GIT_SSH" in os.environ or url.startswith(("https://", "http://", "file://")):
        return {}
    configured = execute(Path.cwd(), ("config", "--get", "core.sshCommand")).stdout.decode()
    command = os.environ.get("GIT_SSH_COMMAND") or configured.strip() or "ssh"
    return {"GIT_SSH_COMMAND": f"{command} -oBatchMode=yes"}
