"""Validates documents with jsonschema alone, without the fast check that usually runs first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.schema import check

if TYPE_CHECKING:
    from reconciler.schema.check import Violation


def slow_check(document, schema_name: str) -> tuple[Violation, ...]:
    """Validate a document with jsonschema alone; the result has the format of ``check``."""
    return check._all(check._validator(schema_name).iter_errors(document))
