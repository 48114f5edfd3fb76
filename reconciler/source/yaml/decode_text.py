"""Decodes the bytes of a file into text, or explains why they are not text: ``decode``."""

from __future__ import annotations

import codecs

from reconciler.source.yaml.nodes import Mark, Problem

MAX_BYTES = 10_000_000
"""The maximum size of a file in bytes; 10,000 VMs in one file are far below this limit."""

_LFS = b"version https://git-lfs.github.com/spec/"


def decode(data: bytes) -> str | Problem:
    r"""Return the text of *data*, with ``\n`` as line ends and without a byte order mark."""
    if len(data) > MAX_BYTES:
        return too_large()
    if is_lfs_pointer(data):
        return Problem(
            mark=Mark(1, 1),
            code="lfs-pointer",
            message="this is a Git LFS pointer, not the manifest itself",
            hint="keep manifests out of Git LFS",
        )
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        message = f"the byte {data[error.start]:#04x} is not valid UTF-8"
        return Problem(mark=Mark(line, column), code="not-text", message=message)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_lfs_pointer(data: bytes) -> bool:
    """Return whether *data* is a pointer file, which Git LFS commits instead of the real file."""
    return data.startswith(_LFS)


def too_large(n_bytes: int | None = None) -> Problem:
    """Explain why a file of *n_bytes* is not read; None if its size is not known."""
    size = f"more than {MAX_BYTES:,}" if n_bytes is None else f"{n_bytes:,}"
    return Problem(
        mark=Mark(1, 1),
        code="too-large",
        message=f"the file has {size} bytes; at most {MAX_BYTES:,} are read",
        hint="split the file, or add it to `exclude` in .reconciler.yaml",
    )
