"""What Git says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.desired.config import Config, RestartConsent
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.fields import Settings
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import FieldPath, Location, ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredKubeVirt:
    """The fields of the KubeVirt CR that Git names."""

    ref: ObjectRef
    settings: Settings
    """Under ``FEATURE_GATES`` stand the gates that must be present; others are left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredVM:
    """The memory of one VM as Git names it."""

    ref: ObjectRef
    guest: MemoryQuantity | None
    """``spec.template.spec.domain.memory.guest``; absent where an instancetype gives it."""
    max_guest: MemoryQuantity | None = None
    """Read to be compared; never written to a VM that exists."""
    instancetype: str | None = None
    """``spec.instancetype.name``."""
    instancetype_kind: str | None = None
    """``spec.instancetype.kind``; where Git names none, the VM's own counts."""
    labels: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    priority: int = 0
    """Higher starts first; annotation ``memory.reconciler.dev/priority``."""
    restart: RestartConsent | None = None
    """Overrides the configuration's; annotation ``memory.reconciler.dev/restart``, in Git only."""
    manifest: Mapping[str, Any] | None = None
    """The whole manifest where it is complete enough to create the VM from; plain JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """One revision of the desired state, read whole."""

    revision: str
    """Commit hash; ``working-tree`` or ``stdin`` where the source is no commit."""
    dirty: bool = False
    """Whether the working tree that was read differs from its commit."""
    kubevirt: DesiredKubeVirt | None
    vms: Mapping[ObjectRef, DesiredVM]
    """In the order of their references."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """How many documents of each other kind were left alone."""
    diagnostics: tuple[Diagnostic, ...] = ()
    provenance: Mapping[ObjectRef, Mapping[FieldPath, Location]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """Where each value of an object was read; the path ``()`` is the object itself."""

    @property
    def valid(self) -> bool:
        """Whether no diagnostic is an error."""
        return all(each.severity is not Severity.ERROR for each in self.diagnostics)

    def at(self, ref: ObjectRef, path: FieldPath = ()) -> Location | None:
        """Where *path* of *ref* was read, or the nearest place above it."""
        places = self.provenance.get(ref, {})
        for length in range(len(path), -1, -1):
            found = places.get(path[:length])
            if found is not None:
                return found
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one read of the desired state found, all of one revision."""

    config: Config
    """With the caller's flags; what the file says wrongly is in the state's diagnostics."""
    state: DesiredState
