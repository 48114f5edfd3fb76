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
    """The desired values by field path; feature gates that Git does not list are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredVM:
    """The desired memory of one VM."""

    ref: ObjectRef
    guest: MemoryQuantity | None
    """``spec.template.spec.domain.memory.guest``; None if the manifest does not set it."""
    max_guest: MemoryQuantity | None = None
    """``maxGuest`` in Git, which is compared but never written to an existing VM."""
    instancetype: str | None = None
    """``spec.instancetype.name``; None if the manifest does not set it."""
    instancetype_kind: str | None = None
    """``spec.instancetype.kind``; None applies the kind of the VM in the cluster."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """The memory requests and limits if they alone set the VM's memory; they are never written."""
    labels: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    priority: int = 0
    """VMs with a higher priority start first, as set by ``memory.reconciler.dev/priority``."""
    restart: RestartConsent | None = None
    """The restart consent that the annotation ``memory.reconciler.dev/restart`` in Git sets."""
    manifest: Mapping[str, Any] | None = None
    """The manifest as JSON values; None if a field that a new VM needs is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """The desired state that one Git revision or stream declares."""

    revision: str
    """The commit hash; ``working-tree`` or ``stdin`` if the source is not a commit."""
    dirty: bool = False
    """Whether the working tree differs from its commit."""
    kubevirt: DesiredKubeVirt | None
    vms: Mapping[ObjectRef, DesiredVM]
    """The desired VMs, ordered by reference."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """The number of ignored documents by kind, for kinds that are not managed."""
    ignored: int = 0
    """The number of ignored files and documents that contain no Kubernetes object."""
    unselected: frozenset[ObjectRef] = frozenset()
    """The objects that the label selector, the namespace or the names exclude."""
    diagnostics: tuple[Diagnostic, ...] = ()
    unusable: bool = False
    """Whether nothing can be planned, because the configuration is invalid or nothing was read."""
    provenance: Mapping[ObjectRef, Mapping[FieldPath, Location]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The location of each value in Git, by object and path.

    The path ``()`` is the whole object.
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
        """Return the location of *path* in *ref*; if it is missing, that of its nearest parent."""
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
    """The configuration, with the values that the command line overrides."""
    state: DesiredState
    bound: bool = True
    """Whether a configuration limits the run; the defaults of a repository count as one."""
