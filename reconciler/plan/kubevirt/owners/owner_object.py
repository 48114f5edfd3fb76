"""``OwnerObject``: describes a kind of object from which an operator writes the KubeVirt CR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.model.fields import FieldType
from reconciler.model.references import FieldPath


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnerObject:
    """A kind of object from which an operator writes the KubeVirt CR, and the fields to read."""

    group: str
    kind: str
    plural: str
    fields: Mapping[str, Mapping[FieldPath, FieldType]]
    """The settings in the object with their types, by API version; the preferred version first.

    All versions list the same settings in the same order.
    """
    only: str = ""
    """The name of the only object that is read; if empty, all objects are listed and watched."""
    annotation: str = ""
    """The annotation with a JSON Patch of the KubeVirt CR, or empty if the kind has none."""
    forced_manager: str = ""
    """The field manager whose values overwrite all others; empty if no manager does this."""
