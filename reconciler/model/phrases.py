"""Builds phrases for messages, such as a shortened list of names, or an old and a new value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.references import ObjectRef


def listed(names: Iterable[str], most: int) -> str:
    """Return the first few names and the number of remaining ones, such as ``a, b and 3 more``."""
    known = list(names)
    rest = len(known) - most
    return ", ".join(known[:most]) + (f" and {rest} more" if rest > 0 else "")


def listed_refs(refs: Iterable[ObjectRef], most: int) -> str:
    """Return the first few objects as ``namespace/name``, and the number of remaining ones."""
    return listed((ref.namespaced_name for ref in refs), most)


def plural(n: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 VM`` or ``3 VMs``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def changed(name: str, before: object, after: object) -> str:
    """Describe a change as ``name before -> after``; a missing old value is ``unset``."""
    return f"{name} {'unset' if before is None else before} -> {after}"
