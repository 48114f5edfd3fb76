"""Reads the standard input, files and folders of the option ``-f``: ``read_inputs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from reconciler.errors import SourceError
from reconciler.source.git.file_selection import KUSTOMIZATIONS
from reconciler.source.git.file_tree import SUFFIXES
from reconciler.source.yaml.decode_text import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN = "-"


def read_inputs(names: Iterable[str], stdin: BinaryIO) -> tuple[tuple[str, bytes], ...]:
    """Return the name and the bytes of each input, in order.

    Args:
        names: ``-`` for standard input, a file, or a folder. As with kubectl, the YAML and JSON
            files of a folder are read, but not the files of its subfolders.
        stdin: Standard input, which is read only if *names* contains ``-``, up to one byte beyond
            the size limit.

    Raises:
        SourceError: A name does not exist, cannot be read, or is a folder with a kustomization.
    """
    found: list[tuple[str, bytes]] = []
    for name in names:
        if name == STDIN:
            found.append(("stdin", stdin.read(MAX_FILE_BYTES + 1)))
        elif "://" in name:
            # The address may contain a password, so the message does not quote it.
            hint = "pipe the manifests in (curl -fsSL ADDRESS | reconciler plan -f -)"
            raise SourceError("-f reads local files, but an address is given", hint=hint)
        else:
            found.extend((str(path), contents(path)) for path in _files(Path(name)))
    return tuple(found)


def _files(path: Path) -> Iterator[Path]:
    if not path.exists():
        raise SourceError(f"{path} does not exist", hint="use a file, a folder, or - for stdin")
    if not path.is_dir():
        yield path
        return
    if any((path / name).exists() for name in KUSTOMIZATIONS):
        raise SourceError(
            f"the folder {path} has a kustomization, which only kustomize can read",
            hint="render the folder and pipe in the result "
            f"(kubectl kustomize {path} | reconciler plan -f -)",
        )
    yield from sorted(each for each in path.iterdir() if each.name.endswith(SUFFIXES))


def contents(path: Path) -> bytes:
    """Return the bytes of the file *path*, up to one byte beyond the size limit.

    Raises:
        SourceError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror}", hint="use a file that you may read"
        ) from error
