"""``Scope``: limits a command to some objects, by namespace and by name."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The objects that the command line selects; by default, all objects."""

    namespace: str | None = None
    names: frozenset[ObjectRef] = frozenset()
    """The selected VMs; empty for all objects."""

    def includes(self, ref: ObjectRef) -> bool:
        """Return whether an object is selected; cluster-scoped objects match every namespace."""
        if self.names:
            return ref in self.names
        return self.namespace is None or ref.namespace in ("", self.namespace)
