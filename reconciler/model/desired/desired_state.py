"""``DesiredState``: the objects that Git declares."""

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
    """The desired settings of the KubeVirt CR."""

    ref: ObjectRef
    settings: Settings
    """Settings by path; ``FEATURE_GATES`` lists required gates, and other gates are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredVM:
    """The desired memory of one VM."""

    ref: ObjectRef
    guest: MemoryQuantity | None
    """``spec.template.spec.domain.memory.guest``; None if an instancetype sets the memory."""
    max_guest: MemoryQuantity | None = None
    """``maxGuest`` in Git; only compared, never written to an existing VM."""
    instancetype: str | None = None
    """``spec.instancetype.name``."""
    instancetype_kind: str | None = None
    """``spec.instancetype.kind``; if Git sets none, the live VM's kind applies."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """The memory in ``requests`` and ``limits`` if no other field sets it; it is never written."""
    labels: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    priority: int = 0
    """VMs with a higher priority start first; annotation ``memory.reconciler.dev/priority``."""
    restart: RestartConsent | None = None
    """Overrides the configuration; annotation ``memory.reconciler.dev/restart``, only in Git."""
    manifest: Mapping[str, Any] | None = None
    """The manifest as JSON values; None if it is too incomplete to create the VM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """The desired state of one revision."""

    revision: str
    """The commit hash; ``working-tree`` or ``stdin`` if the source is not a commit."""
    dirty: bool = False
    """Whether the working tree differs from its commit."""
    kubevirt: DesiredKubeVirt | None
    vms: Mapping[ObjectRef, DesiredVM]
    """The desired VMs, ordered by reference."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """How many documents of each unsupported kind were ignored."""
    ignored: int = 0
    """How many files and documents were ignored because they contain no Kubernetes object."""
    unselected: frozenset[ObjectRef] = frozenset()
    """The objects that a selector, a namespace or a name excludes."""
    diagnostics: tuple[Diagnostic, ...] = ()
    unusable: bool = False
    """Whether no plan is possible, because the configuration is invalid or nothing was read."""
    provenance: Mapping[ObjectRef, Mapping[FieldPath, Location]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The location of each value in Git, by object and path.

    The path ``()`` is the object itself.
    """

    @property
    def valid(self) -> bool:
        """Whether the diagnostics contain no error."""
        return all(each.severity is not Severity.ERROR for each in self.diagnostics)

    def errors(self) -> dict[ObjectRef, Diagnostic]:
        """Return the first error of each object that has one."""
        found = (each for each in reversed(self.diagnostics) if each.severity is Severity.ERROR)
        return {each.ref: each for each in found if each.ref is not None}

    def at(self, ref: ObjectRef, path: FieldPath = ()) -> Location | None:
        """Return the location of *path* in *ref*; without one, that of its nearest parent."""
        places = self.provenance.get(ref, {})
        for length in range(len(path), -1, -1):
            found = places.get(path[:length])
            if found is not None:
                return found
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The desired state and the configuration, read from one revision."""

    config: Config
    """The configuration, overridden by command-line options; its errors are in the diagnostics."""
    state: DesiredState
    bound: bool = True
    """Whether a configuration limits the run; in a repository, the defaults count as one."""
