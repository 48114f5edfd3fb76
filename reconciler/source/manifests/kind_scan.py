"""Finds files that could contain a managed object (VM, KubeVirt CR, …), without a YAML parser.

Most files in a repository contain no managed object. ``may_manage`` is fast and misses no managed
object, so all other files need not be parsed. ``skipped_kinds`` counts the objects in these files
by kind.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import TYPE_CHECKING

import orjson

from reconciler.source.yaml.decode_text import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORDS = (b"kubevirt", b"virtualmachine")
"""Lower-case words; every manifest of a managed kind contains at least one of them."""
_ESCAPES = re.compile(
    rb"\\(?:x[4-7][0-9a-fA-F]|u00[4-7][0-9a-fA-F]|U000000[4-7][0-9a-fA-F]"
    rb"|(?<=[a-zA-Z.]\\)\r?\n)"
)
"""Matches escapes and line breaks in quoted strings, which can hide a word of ``_WORDS``."""
_NAMED = re.compile(
    rb"""\bkind\b["']?[ \t]*:\s*["']?(VirtualMachine|KubeVirt|HyperConverged)(List)?\b"""
)
_KIND = re.compile(rb"""[ \t]*["']?([A-Za-z][A-Za-z0-9]*)""")
_MARKER = b"\n---"
_MAX_KINDS = 1_000
_MAX_KIND_LENGTH = 63
_OTHER_KINDS = "of other kinds"
_OVERLAP = 200
"""The number of bytes by which pieces of a file overlap, so that the search misses no match."""


def may_manage(data: bytes) -> bool:
    """Return whether a file could contain a managed object, even one with a misspelt kind.

    If the result is False, the file need not be parsed.
    """
    if _has_wide_characters(data):
        return True
    lower = data.lower()
    if any(word in lower for word in _WORDS):
        return True
    return b"!!binary" in data or _ESCAPES.search(data) is not None


def names_managed(chunks: Iterable[bytes]) -> bool:
    """Return whether an unreadable file contains a line such as ``kind: VirtualMachine``."""
    rest = b""
    for chunk in chunks:
        text = rest + chunk
        if _has_wide_characters(text):
            text = text.replace(b"\0", b"")
        if _NAMED.search(text):
            return True
        rest = text[-_OVERLAP:]
    return False


def _has_wide_characters(data: bytes) -> bool:
    """Return whether a file seems to be UTF-16 or UTF-32, with or without a byte order mark."""
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:4]


def skipped_kinds(data: bytes) -> Counter[str]:
    """Count the objects in a file by kind, without parsing YAML."""
    start = data.lstrip()[:1]
    found = _json_kinds(data) if start in (b"{", b"[") else map(_kind, data.split(_MARKER))
    counted: Counter[str] = Counter()
    for kind in found:
        if kind:
            count_kind(counted, kind)
    return counted


def count_kind(counted: Counter[str], kind: str, n: int = 1) -> None:
    """Count objects by kind; kinds beyond a maximum number or length share one counter."""
    known = kind in counted or (len(counted) < _MAX_KINDS and len(kind) <= _MAX_KIND_LENGTH)
    counted[kind if known else _OTHER_KINDS] += n


def _json_kinds(data: bytes) -> Iterator[str]:
    if len(data) > MAX_DOCUMENT_BYTES:  # decoding could take fifty times as much memory
        return
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    if not isinstance(document, dict):
        return
    is_list = document.get("kind") == "List" and isinstance(document.get("items"), list)
    for each in document["items"] if is_list else (document,):
        if isinstance(each, dict) and isinstance(each.get("apiVersion"), str):
            kind = each.get("kind")
            yield kind if isinstance(kind, str) else ""


def _kind(document: bytes) -> str:
    """Return the kind of a YAML document, or an empty string if kind or apiVersion is missing."""
    at = _key(document, b"kind:")
    if at < 0 or _key(document, b"apiVersion:") < 0:
        return ""
    found = _KIND.match(document, at)
    return found[1].decode() if found else ""


def _key(document: bytes, key: bytes) -> int:
    """Return the position of a top-level key's value in a document, or -1 if it is missing."""
    if document.startswith(key):
        return len(key)
    at = document.find(b"\n" + key)
    return at if at < 0 else at + 1 + len(key)
