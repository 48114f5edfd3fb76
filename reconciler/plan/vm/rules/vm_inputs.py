"""``VMInputs`` and ``RunningVM``: all data that a planning rule can read about one VM."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.fields import Settings
from reconciler.model.live.live_migration import LiveMigration
from reconciler.model.live.live_state import (
    Constraints,
    LiveInstancetype,
    LiveNode,
    LiveVM,
    LiveVMI,
)
from reconciler.model.quantity import MemoryQuantity
from reconciler.plan.behaviour.effective_config import EffectiveConfig
from reconciler.plan.behaviour.target_pod import Rendering
from reconciler.plan.finding import Finding
from reconciler.plan.plan_policy import PlanPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from reconciler.model.desired.config import RestartConsent
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.conditions import Condition
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Instancetypes:
    """The current and desired instancetypes, if Git sets the VM's size through an instancetype."""

    has: LiveInstancetype | None
    """The VM's current instancetype in the cluster; None if it is not known."""
    wanted: LiveInstancetype | None
    """The instancetype that Git sets for the VM; None if it is not known."""
    revision_kept: bool
    """Whether the VM uses an older revision of its instancetype."""


class VMNames:
    """Looks up the namespaces that contain a VM name, and the VM instances in a namespace."""

    def __init__(self, live: LiveState) -> None:
        self._live = live

    @cached_property
    def namespaces(self) -> Mapping[str, Sequence[str]]:
        """The namespaces that contain a VM with a given name, keyed by this name."""
        found: dict[str, list[str]] = defaultdict(list)
        for ref in sorted(self._live.vms):
            found[ref.name].append(ref.namespace)
        return found

    @cached_property
    def instances(self) -> Mapping[str, Sequence[LiveVMI]]:
        """The VM instances in each namespace."""
        found: dict[str, list[LiveVMI]] = defaultdict(list)
        for each in self._live.vmis.values():
            found[each.ref.namespace].append(each)
        return found

    @cached_property
    def repelling(self) -> Mapping[str, Sequence[LiveVMI]]:
        """The VM instances in each namespace that have a required pod anti-affinity."""
        found: dict[str, list[LiveVMI]] = defaultdict(list)
        for each in self._live.vmis.values():
            if each.placement.apart_from:
                found[each.ref.namespace].append(each)
        return found

    @cached_property
    def repelling_everywhere(self) -> Sequence[LiveVMI]:
        """The VM instances with a required pod anti-affinity that includes all namespaces."""
        return [each for each in self._live.vmis.values() if each.placement.repels_everywhere]


class SharedInputs:
    """The planning inputs that concern more than one VM, with a record of what a rule reads.

    A decision that depends on pods and quotas is valid until pods or quotas change. A decision
    that depends on the time or on other VMs is never reused for a later plan.
    """

    __slots__ = ("_live", "_names", "_now", "capacity_read", "moment_read")

    def __init__(self, live: LiveState, now: datetime, names: VMNames | None = None) -> None:
        self._live, self._now = live, now
        self._names = names or VMNames(live)
        self.moment_read = False
        """Whether a planning rule has read the time or data about other VMs."""
        self.capacity_read = False
        """Whether a planning rule has read pods and quotas, or tried to read them."""

    @property
    def now(self) -> datetime:
        """The time at which the plan is made; a decision that reads this time is not reused."""
        self.moment_read = True
        return self._now

    @property
    def migrations(self) -> Mapping[ObjectRef, tuple[LiveMigration, ...]]:
        """The migrations of all VMs; a decision that reads them is not reused in the next plan."""
        self.moment_read = True
        return self._live.migrations

    def namespaces_with(self, name: str) -> Sequence[str]:
        """Return the namespaces that contain a VM name; decisions that use them are not reused."""
        self.moment_read = True
        return self._names.namespaces.get(name, ())

    def instances_in(self, namespace: str) -> tuple[LiveVMI, ...]:
        """Return the VM instances in a namespace; a decision that reads them is not reused."""
        self.moment_read = True
        return tuple(self._names.instances.get(namespace, ()))

    def all_instances(self) -> tuple[LiveVMI, ...]:
        """Return the VM instances of all namespaces; a decision that reads them is not reused."""
        self.moment_read = True
        return tuple(self._live.vmis.values())

    def repelling_in(self, namespace: str) -> tuple[LiveVMI, ...]:
        """Return the VM instances whose required pod anti-affinity includes a namespace.

        A decision that reads such an instance is not reused. If none exists, the decision is made
        again when pods and quotas are read again.
        """
        everywhere = self._names.repelling_everywhere
        found = (
            *self._names.repelling.get(namespace, ()),
            *(each for each in everywhere if each.ref.namespace != namespace),
        )
        self.moment_read = self.moment_read or bool(found)
        return found

    @property
    def capacity(self) -> Capacity | None:
        """The memory that pods use and the quota limits; None if they are not known."""
        self.capacity_read = True
        return self._live.capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class VMInputs:
    """One VM's live state and desired size, and the settings that apply to the VM."""

    desired: DesiredVM
    target: MemoryQuantity
    """The memory size that Git sets, directly or through an instancetype."""
    as_desired: bool
    """Whether the VM's spec already has the desired size."""
    types: Instancetypes | None = None
    """The VM's instancetypes; None if Git sets the size directly."""
    vm: LiveVM
    vmi: LiveVMI | None
    """The VM instance; if the VM is not running, it is None, Succeeded or Failed."""
    migrations: tuple[LiveMigration, ...]
    """The migrations of this VM, oldest first."""
    nodes: tuple[LiveNode, ...]
    rendering: Rendering
    """The KubeVirt version and CR settings that currently determine the size of launcher pods."""
    before: EffectiveConfig
    """KubeVirt's effective configuration before the plan's changes to the KubeVirt CR."""
    after: EffectiveConfig
    """KubeVirt's effective configuration after the plan's changes to the KubeVirt CR."""
    policy: PlanPolicy
    harvester: bool = False
    """Whether the cluster is a Harvester cluster, whose webhooks check and change VMs."""
    cluster: str
    """The uid of the namespace kube-system, which identifies the cluster."""
    kubevirt_settings: Settings
    """The settings of the KubeVirt CR that Git sets; empty if Git has no KubeVirt CR."""
    shared: SharedInputs
    """The inputs that concern more than one VM, with a record of which ones a rule reads."""

    @property
    def now(self) -> datetime:
        """The time at which the plan is made."""
        return self.shared.now

    @property
    def capacity(self) -> Capacity | None:
        """The memory that pods use and the quota limits; None if they are not known."""
        return self.shared.capacity

    @property
    def consent(self) -> RestartConsent:
        """How to handle a restart; the VM's annotation in Git overrides the configuration."""
        return self.desired.restart or self.policy.restart

    @property
    def suspended(self) -> bool:
        """Whether an annotation in Git or in the cluster suspends changes to the VM."""
        return self.vm.suspended or self.desired.suspended

    @property
    def switched_off(self) -> bool:
        """Whether the VM lacks the field that KubeVirt v1.1 requires for live memory changes."""
        return self.after.capabilities.live_update_per_vm and not self.vm.live_update_memory

    @property
    def own_max_guest(self) -> MemoryQuantity | None:
        """The VM's own ``maxGuest``, or the ``maxGuest`` of the instancetype in Git."""
        wanted = self.types.wanted if self.types else None
        return (wanted.max_guest if wanted else None) or self.vm.max_guest

    @property
    def constraints(self) -> tuple[Constraints, ...]:
        """The memory constraints that the VM's template and the instancetype in Git define."""
        wanted = self.types.wanted if self.types else None
        return (self.vm.constraints, *((wanted.constraints,) if wanted else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningVM(VMInputs):
    """The planning inputs for a VM that is running or starting, and therefore has an instance."""

    vmi: LiveVMI

    @property
    def migration(self) -> LiveMigration | None:
        """The VM's unfinished migration (KubeVirt allows only one), or None."""
        return next((each for each in reversed(self.migrations) if not each.phase.finished), None)

    @property
    def peers(self) -> tuple[LiveVMI, ...]:
        """The VM instances that affect, through scheduling constraints, where the VM can run."""
        namespace, place = self.vm.ref.namespace, self.vmi.placement
        if place.repels_everywhere:
            return self.shared.all_instances()
        repelling = self.shared.repelling_in(namespace)
        if not place.counts_pods:
            return repelling
        elsewhere = (each for each in repelling if each.ref.namespace != namespace)
        return (*self.shared.instances_in(namespace), *elsewhere)

    @property
    def restart_required(self) -> Condition | None:
        """The VM's RestartRequired condition if its status is True, else None."""
        condition = self.vm.conditions.get("RestartRequired")
        return condition if condition is not None and condition.status == "True" else None


StoredRule: TypeAlias = Callable[[VMInputs], Finding | None]
RunningRule: TypeAlias = Callable[[RunningVM], Finding | None]
