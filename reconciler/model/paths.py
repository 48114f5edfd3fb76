"""Looks up a field in a JSON object by its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.model.references import FieldPath

MISSING = object()
"""A marker for a field that does not exist; a field with the value null exists."""


def value_at(tree: object, path: FieldPath, missing: object = None) -> Any:  # noqa: ANN401 - JSON
    """Return the value of a field in a JSON value, or *missing* if the field does not exist.

    Args:
        tree: Any JSON value.
        path: The keys from the root of *tree*; in a list, a key is an index.
        missing: The result for a missing field; use ``MISSING`` if null is a valid value.
    """
    for key in path:
        if isinstance(tree, Mapping):
            tree = tree.get(key, missing)
        elif isinstance(tree, list) and key.isdigit() and int(key) < len(tree):
            tree = tree[int(key)]
        else:
            return missing
    return tree
