"""Which objects of the desired state a command looks at, by namespace and by name: ``Scope``."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The objects that the command line asks for; without anything, all of them."""

    namespace: str | None = None
    names: frozenset[ObjectRef] = frozenset()
    """The VMs to look at; empty for every object."""

    def includes(self, ref: ObjectRef) -> bool:
        """Return whether *ref* is looked at; an object without a namespace may be in any."""
        if self.names:
            return ref in self.names
        return self.namespace is None or ref.namespace in ("", self.namespace)
