"""``RepositoryPlaces``: finds out whether a file is in a clone of the repository.

A user who can push to the repository can change the files in every clone that is updated later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reconciler.source.git.git_process import execute

if TYPE_CHECKING:
    from collections.abc import Iterable

_ANY_OWNER = ("-c", "safe.directory=*")
"""The option that lets git read the remotes of a clone that a different user owns."""
_REMOTES = (*_ANY_OWNER, "remote", "--verbose")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryPlaces:
    """The local directories and the URLs of one repository."""

    folders: tuple[Path, ...] = ()
    addresses: frozenset[tuple[str, str]] = frozenset()
    """The host and path of each URL of the repository, as ``normalized`` returns them."""

    @classmethod
    def of(cls, address: str, folder: Path | None) -> RepositoryPlaces:
        """Return the local directories and the URLs of a repository.

        Args:
            address: The URL or directory that the user has configured.
            folder: The directory of a local repository, or None for a remote repository.
        """
        places = cls(addresses=frozenset({normalized(address, Path.cwd())}))
        if folder is None:
            return places
        addresses = places.addresses | {normalized(str(folder), folder), *_remotes(folder)}
        return replace(places, folders=(folder,), addresses=addresses)

    def containing(self, path: Path) -> Path | None:
        """Return the clone of the repository that contains a file, or None if no clone does.

        Raises:
            OSError: The file does not exist.
        """
        # A link may lead into the repository, and a file may be reached through a link in it.
        given = Path.cwd() / path
        files = (path.resolve(strict=True), given, given.parent.resolve() / given.name)
        for folder in self.folders:
            if any(file.is_relative_to(folder.resolve()) for file in files):
                return folder
        parents = dict.fromkeys(parent for file in files for parent in file.parents)
        clones = (parent for parent in parents if (parent / ".git").exists())
        return next((each for each in clones if not self._is_other(each)), None)

    def _is_other(self, clone: Path) -> bool:
        own = normalized(str(clone), clone)
        return self.addresses.isdisjoint({own, *_remotes(clone)})


def normalized(address: str, folder: Path) -> tuple[str, str]:
    """Return the host and path of a repository URL, which are the same for every URL scheme.

    Args:
        address: A URL, ``user@host:path``, or a path.
        folder: The directory to which a relative path refers.
    """
    try:
        if address.startswith("file://"):
            address = unquote(address.removeprefix("file://"))
        elif "://" in address:
            parts = urlsplit(address)
            host = parts.hostname or ""
            return host.casefold(), _without_suffix(unquote(parts.path)).casefold()
        else:
            host, colon, path = address.partition(":")
            if colon and "/" not in host:
                return host.rpartition("@")[2].casefold(), _without_suffix(path).casefold()
        return "", _without_suffix(str((folder / address).resolve()))
    except ValueError:  # git cannot use such a URL either
        return "", address


def _without_suffix(path: str) -> str:
    return path.strip("/").removesuffix("/.git").removesuffix(".git").strip("/")


def _remotes(clone: Path) -> Iterable[tuple[str, str]]:
    """Return the host and path of each remote of a clone."""
    lines = execute(clone, _REMOTES).stdout.decode("utf-8", "surrogateescape").split("\n")
    urls = (line.partition("\t")[2].rpartition(" ")[0] for line in lines)
    return {normalized(url, clone) for url in urls if url}
