"""What jsonschema says of a document, without the fast check in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.schema import check

if TYPE_CHECKING:
    from reconciler.schema.check import Violation


def slow_check(document, schema_name: str) -> tuple[Violation, ...]:
    """As ``check``, but far slower: jsonschema walks the whole document."""
    return check._all(check._validator(schema_name).iter_errors(document))
