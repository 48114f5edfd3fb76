"""Turns the bytes of a manifest file into text, or into the reason why they are none."""

from __future__ import annotations

import codecs

from reconciler.source.yaml.nodes import Mark, Problem

MAX_BYTES = 10_000_000
"""Larger files are refused unread: 10,000 VMs of one file are far below it."""

_LFS = b"version https://git-lfs.github.com/spec/"


def decode(data: bytes) -> str | Problem:
    r"""The text of *data*, lines ended by ``\n`` and without byte order mark."""
    if len(data) > MAX_BYTES:
        return too_large()
    if data.startswith(_LFS):
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
        message = f"the byte {data[error.start]:#04x} is no UTF-8 text"
        return Problem(mark=Mark(line, column), code="not-text", message=message)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def too_large(n_bytes: int | None = None) -> Problem:
    """The reason why a file of *n_bytes*, where that is known, is not read."""
    size = f"more than {MAX_BYTES:,}" if n_bytes is None else f"{n_bytes:,}"
    return Problem(
        mark=Mark(1, 1),
        code="too-large",
        message=f"the file has {size} bytes; at most {MAX_BYTES:,} are read",
        hint="split it, or leave it out of paths in .reconciler.yaml",
    )
