"""``decode``: decodes the bytes of a file to text, or explains why this is not possible."""

from __future__ import annotations

import codecs
import re

from reconciler.source.yaml.nodes import Mark, Problem

MAX_FILE_BYTES = 50_000_000
"""The maximum size of a file or stream in bytes, enough for the CRDs of many operators."""
MAX_DOCUMENT_BYTES = 10_000_000
"""The maximum size of one document in bytes, enough for a list of more than 10,000 VMs."""
MAX_CONFIG_BYTES = 256_000
"""The maximum size of a configuration file in bytes; its parser is slow and needs much memory."""

_JOINED = re.compile("^(---[ \t]*\n)\ufeff", re.MULTILINE)
"""Matches the byte order mark of a file that was appended after ``---`` to another file."""
_LFS = b"version https://git-lfs.github.com/spec/"


def decode(data: bytes, max_bytes: int = MAX_FILE_BYTES) -> str | Problem:
    r"""Decode bytes to text, with ``\n`` as line ends and without byte order marks."""
    if len(data) > max_bytes:
        return too_large(None, max_bytes)
    if is_lfs_pointer(data):
        return Problem(
            mark=Mark(1, 1),
            code="lfs-pointer",
            message="this is a Git LFS pointer, not the manifest itself",
            hint="do not store manifests in Git LFS",
        )
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        if not wide:  # a text with one emoji needs four times the memory of its bytes
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        message = f"the byte {data[error.start]:#04x} is not valid UTF-8"
        return Problem(mark=Mark(line, column), code="not-text", message=message)
    text = text.replace("\r\n", "\n").replace("\r", "\n") if wide else text
    return _JOINED.sub(r"\1", text) if "\ufeff" in text else text


def is_lfs_pointer(data: bytes) -> bool:
    """Return whether the data is a Git LFS pointer instead of the contents of a file."""
    return data.startswith(_LFS)


def too_large(n_bytes: int | None, max_bytes: int = MAX_FILE_BYTES) -> Problem:
    """Create the problem for a file that exceeds the maximum size.

    *n_bytes* is the size of the file, or None if the size is unknown.
    """
    size = f"more than {max_bytes:,}" if n_bytes is None else f"{n_bytes:,}"
    return Problem(
        mark=Mark(1, 1),
        code="too-large",
        message=f"the file has {size} bytes, but the limit is {max_bytes:,} bytes",
        hint="split the file, or add it to `exclude` in .reconciler.yaml",
    )


def too_large_document(n_bytes: int, line: int) -> Problem:
    """Create the problem for a YAML document that exceeds the maximum size."""
    return Problem(
        mark=Mark(line, 1),
        code="too-large",
        message=f"the document has {n_bytes:,} bytes, but the limit is {MAX_DOCUMENT_BYTES:,} "
        "bytes",
        hint="write each object as a separate document, with --- between the documents",
    )
