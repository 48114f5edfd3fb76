"""``OwnerObject``: the kind of object from which an owner writes the KubeVirt CR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.model.fields import FieldType
from reconciler.model.references import FieldPath


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnerObject:
    """A kind of object from which an owner writes the KubeVirt CR, and what is read of it."""

    group: str
    kind: str
    plural: str
    fields: Mapping[str, Mapping[FieldPath, FieldType]]
    """The settings in the object with their types, by API version; the preferred version first."""
    only: str = ""
    """The name of the only object that is read; if empty, all objects are listed and watched."""
    annotation: str = ""
    """The annotation that contains a JSON Patch of the KubeVirt CR; empty if there is none."""
    forced_manager: str = ""
    """The field manager whose values overwrite all others; empty if none does."""
