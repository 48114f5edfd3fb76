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
from reconciler.model.revision.commit_in_force import CommitInForce, History


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredKubeVirt:
    """The desired settings of the KubeVirt CR."""

    ref: ObjectRef
    settings: Settings
    """The desired values by field path; feature gates that are only in the cluster are kept."""
    hyperconverged: ObjectRef | None = None
    """The HyperConverged that Git declares beside the KubeVirt CR, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredVM:
    """The desired memory of one VM."""

    ref: ObjectRef
    guest: MemoryQuantity | None
    """The guest size (``spec.template.spec.domain.memory.guest``); None if it is not set."""
    max_guest: MemoryQuantity | None = None
    """``maxGuest`` in Git: compared with the cluster, but never written to an existing VM."""
    instancetype: str | None = None
    """The name of the instancetype; None if the manifest does not set it."""
    instancetype_kind: str | None = None
    """The kind of the instancetype; None keeps the kind that the VM in the cluster has."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """The requests and limits, if nothing else sets the VM's memory; never written to a VM."""
    labels: Mapping[str, str] = field(default_factory=dict)
    suspended: bool = False
    priority: int = 0
    """The annotation ``memory.reconciler.dev/priority``; VMs with higher values start first."""
    restart: RestartConsent | None = None
    """The VM's own restart setting (annotation ``memory.reconciler.dev/restart``), or None."""
    manifest: Mapping[str, Any] | None = None
    """The manifest as JSON values; None if the manifest lacks a field that a new VM needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """The desired state that was read from one Git revision or from standard input."""

    revision: str
    """The commit hash; ``working-tree`` or ``stdin`` if the source is not a commit."""
    dirty: bool = False
    """Whether the working tree differs from its commit."""
    in_force: CommitInForce | None = None
    """Which commit is applied, and why; None if the desired state is not from a commit."""
    kubevirt: DesiredKubeVirt | None
    vms: Mapping[ObjectRef, DesiredVM]
    """The desired VMs, ordered by reference."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """The number of skipped documents for each kind that this program does not manage."""
    ignored: int = 0
    """The number of files and YAML documents without a Kubernetes object, which are ignored."""
    unselected: frozenset[ObjectRef] = frozenset()
    """The objects that the label selector or the command line excludes."""
    diagnostics: tuple[Diagnostic, ...] = ()
    unusable: bool = False
    """Whether planning is impossible: the configuration is invalid or no manifest was read."""
    provenance: Mapping[ObjectRef, Mapping[FieldPath, Location]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The location in Git of each value, by object and path.

    The path ``()`` stands for the whole object.
    """

    @property
    def valid(self) -> bool:
        """Whether the desired state has no errors."""
        return all(each.severity is not Severity.ERROR for each in self.diagnostics)

    def errors(self) -> dict[ObjectRef, Diagnostic]:
        """Return the first error in Git for each object that has errors."""
        found = (each for each in reversed(self.diagnostics) if each.severity is Severity.ERROR)
        return {each.ref: each for each in found if each.ref is not None}

    def at(self, ref: ObjectRef, path: FieldPath = ()) -> Location | None:
        """Return the location in Git of an object's field, or else of its nearest parent field."""
        places = self.provenance.get(ref, {})
        for length in range(len(path), -1, -1):
            found = places.get(path[:length])
            if found is not None:
                return found
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The desired state and the configuration, both read from one Git revision."""

    config: Config
    """The configuration, in which command-line options override the file."""
    state: DesiredState
    history: History | None = field(default=None, compare=False, repr=False)
    """The commit history of the revision; None if the desired state is not from a commit."""
    bound: bool = True
    """Whether a configuration file was read; false only if manifests come from a pipe."""
