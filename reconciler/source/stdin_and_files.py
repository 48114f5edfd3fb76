"""``read_inputs``: reads the files, directories and standard input that ``-f`` lists."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import input_files
from reconciler.errors import SourceError
from reconciler.source.git import repository_url
from reconciler.source.git.file_selection import KUSTOMIZATIONS
from reconciler.source.git.file_tree import SUFFIXES
from reconciler.source.yaml.decode_text import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_N_BYTES = MAX_FILE_BYTES + 1
MAX_TOTAL_BYTES = 200_000_000
"""The maximum total size of all inputs in bytes, because all inputs are kept in memory."""
_HINT = "use a file that this process can read, or - to read from a pipe"


def read_inputs(names: Iterable[str]) -> tuple[tuple[str, bytes], ...]:
    """Read files, directories or standard input, and return the name and bytes of each input.

    Args:
        names: ``-`` for standard input, a file, or a directory. In a directory, YAML and JSON
            files are read, but not those in subdirectories, as with kubectl.

    Raises:
        SourceError: An input does not exist, cannot be read, or is a directory with a
            kustomization, or the inputs are too large in total.
    """
    found: list[tuple[str, bytes]] = []
    n_bytes = 0
    for name, data in _inputs(names):
        n_bytes += len(data)
        if n_bytes > MAX_TOTAL_BYTES:
            raise SourceError(
                f"the inputs of -f, up to and including {name}, have more than "
                f"{MAX_TOTAL_BYTES:,} bytes",
                hint="split the inputs, and run plan for each part",
            )
        found.append((name, data))
    return tuple(found)


def _inputs(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        if "://" in name:
            # The URL may contain a password, so the message does not quote it.
            hint = "pipe the manifests in (curl -fsSL URL | reconciler plan -f -)"
            raise SourceError("-f reads local files, but its value is a URL", hint=hint)
        if os.path.isdir(name):  # noqa: PTH112 - it is False if a directory above is not readable
            yield from _folder(Path(name))
        else:
            yield read_input(Path(name))


def read_input(path: Path) -> tuple[str, bytes]:
    """Read a file, or standard input if the path is ``-``; return the file's name and bytes.

    Raises:
        SourceError: The file cannot be read.
    """
    shown = "stdin" if str(path) == input_files.STDIN else str(path)
    try:
        return shown, input_files.read(path, _N_BYTES)
    except FileNotFoundError as error:
        name = repository_url.shown(str(path))
        message, hint = f"{name} does not exist", "use a file, a directory, or - for stdin"
        raise SourceError(message, hint=hint) from error
    except OSError as error:
        raise SourceError(f"{shown} cannot be read: {error.strerror}", hint=_HINT) from error


def _folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of each YAML and JSON file in a directory, ordered by name."""
    for path in _manifests(folder):
        try:
            data = input_files.read_inside(folder, path, _N_BYTES)
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}", hint=_HINT) from error
        if data is None:
            raise SourceError(
                f"{path} is a link to a file outside the directory {folder}; such links are not "
                "followed",
                hint="copy the file into the directory, or set -f to the path of the file",
            )
        yield str(path), data


def _manifests(folder: Path) -> tuple[Path, ...]:
    """Return the paths of the manifest files in a directory, without subdirectories."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror}", hint=_HINT) from error
    if any(path.name in KUSTOMIZATIONS for path in paths):
        raise SourceError(
            f"the directory {folder} has a kustomization, which only kustomize can render",
            hint=f"render the directory and pipe in the result (kubectl kustomize {folder} | "
            "reconciler plan -f -)",
        )
    return tuple(path for path in paths if path.name.endswith(SUFFIXES) and not path.is_dir())
