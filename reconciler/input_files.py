"""``read``: reads a file that a user names, and rejects named pipes, sockets and devices.

A named pipe without a writer would block the program forever, and opening a device can have side
effects. ``-`` reads standard input instead.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

STDIN = "-"
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}


def read(path: Path | str, n_bytes: int = -1) -> bytes:
    """Read a file, or standard input if the path is ``-``, up to a number of bytes.

    Standard input is read once; a second call returns the same bytes.

    Raises:
        OSError: The file cannot be read, or is not a regular file.
    """
    if str(path) == STDIN:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        return _standard_input(sys.stdin.buffer, n_bytes)
    return _contents(opened(path), n_bytes)


def opened(path: Path | str) -> int:
    """Open a regular file, and return its descriptor, which the caller closes.

    Raises:
        OSError: The file cannot be opened, or is not a regular file.
    """
    check(path)
    descriptor = os.open(path, _FLAGS)
    try:
        _check(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def read_unlinked(path: Path, n_bytes: int = -1) -> bytes:
    """Read a file that must not be a symbolic link, up to a number of bytes.

    A file from an untrusted archive could be a link to a secret on this machine.

    Raises:
        OSError: The file cannot be read, is a symbolic link, or is not a regular file.
    """
    _check(path.lstat())
    return _contents(os.open(path, _FLAGS | os.O_NOFOLLOW), n_bytes)


def read_inside(folder: Path, path: Path, n_bytes: int = -1) -> bytes | None:
    """Read a file up to a number of bytes; return None if links lead outside the directory.

    Links to other files in the directory are followed, as in a mounted ConfigMap.

    Raises:
        OSError: The file cannot be read, or is not a regular file.
    """
    root, target = (Path(os.path.realpath(each, strict=True)) for each in (folder, path))
    if not target.is_relative_to(root):
        return None
    check(target)
    # This opens exactly the resolved file, even if a link has replaced the file since.
    return _contents(opened_below(root, target.relative_to(root)), n_bytes)


def opened_below(root: Path, path: Path) -> int:
    """Open a file without following a link, and return its descriptor.

    *path* is relative to *root*. The caller closes the descriptor and checks the file type.

    Raises:
        OSError: The file cannot be opened, or a part of *path* is a link.
    """
    *folders, name = path.parts
    folder = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
    descriptor = os.open(root, folder)
    for each in folders:
        descriptor = _step(descriptor, each, folder)
    return _step(descriptor, name, _FLAGS)


def check(path: Path | str) -> None:
    """Check that a path leads to a regular file, without opening the file.

    Raises:
        OSError: The file does not exist, or is not a regular file.
    """
    _check(os.stat(path))  # noqa: PTH116 - the path may be a text


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a special file")
        code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(code, f"it is {kind}, not a regular file")


def _step(folder: int, name: str, flags: int) -> int:
    """Open a file in an open directory without following a link, and close the directory."""
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def _contents(descriptor: int, n_bytes: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor))
        return file.read(n_bytes)


@lru_cache(maxsize=1)
def _standard_input(stdin: BinaryIO, n_bytes: int) -> bytes:
    return stdin.read(n_bytes)
