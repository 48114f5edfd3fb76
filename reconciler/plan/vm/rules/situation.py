"""All that the rules may look at for one VM, and what a rule answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.live.live_migration import LiveMigration
from reconciler.model.live.live_state import (
    Constraints,
    LiveInstancetype,
    LiveNode,
    LiveVM,
    LiveVMI,
)
from reconciler.model.plan.plan import Reason
from reconciler.model.quantity import MemoryQuantity
from reconciler.plan.behaviour.effective_config import EffectiveConfig
from reconciler.plan.behaviour.target_pod import Rendering
from reconciler.plan.finding import Finding, blocked, wait
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.timing.attempt_bound import START_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.desired.config import RestartConsent
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState
    from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Types:
    """The instancetypes of a VM for which Git names one; None where one is not known."""

    has: LiveInstancetype | None
    wanted: LiveInstancetype | None
    revision_kept: bool
    """Whether the VM holds an older revision of the type that it has."""


class InputsRead:
    """Inputs beyond the VM itself, and which of them a rule has read.

    A decision for which a rule read pods and quotas is valid until those change; one for which a
    rule read the time or other VMs is valid for this moment only.
    """

    __slots__ = ("_live", "_now", "capacity_read", "moment_read")

    def __init__(self, live: LiveState, now: datetime) -> None:
        self._live, self._now = live, now
        self.moment_read = False
        """Whether a rule has read the time or other VMs."""
        self.capacity_read = False
        """Whether a rule has read pods and quotas, or tried to."""

    @property
    def now(self) -> datetime:
        """The time."""
        self.moment_read = True
        return self._now

    @property
    def migrations(self) -> Mapping[ObjectRef, tuple[LiveMigration, ...]]:
        """The migrations of all VMs."""
        self.moment_read = True
        return self._live.migrations

    @property
    def capacity(self) -> Capacity | None:
        """Pods and quotas; None where they are not known."""
        self.capacity_read = True
        return self._live.capacity


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One VM that is in the cluster, with the memory that Git wants for it."""

    desired: DesiredVM
    target: MemoryQuantity
    """The size that Git names, or that of the instancetype which it names."""
    as_desired: bool
    """Whether the VM's spec says what Git says."""
    types: Types | None = None
    """None where Git names the size itself."""
    vm: LiveVM
    vmi: LiveVMI | None
    """None, or final, where the VM is not running."""
    migrations: tuple[LiveMigration, ...]
    """Of this VM, oldest first."""
    nodes: tuple[LiveNode, ...]
    rendering: Rendering
    """How KubeVirt makes launcher pods now."""
    before: EffectiveConfig
    """KubeVirt as it is now."""
    after: EffectiveConfig
    """KubeVirt as it will be after the plan's own changes of the CR."""
    policy: PlanPolicy
    cluster: str
    """The uid of the namespace kube-system."""
    inputs_read: InputsRead
    """What lies beyond the VM, and whether a rule has looked there."""

    @property
    def now(self) -> datetime:
        """The time, for what is judged by its age."""
        return self.inputs_read.now

    @property
    def capacity(self) -> Capacity | None:
        """Pods and quotas; None where they were not read."""
        return self.inputs_read.capacity

    @property
    def consent(self) -> RestartConsent:
        """What may be done if the change needs a restart: Git's word on the VM beats the rest."""
        return self.desired.restart or self.policy.restart

    @property
    def suspended(self) -> bool:
        """Whether Git or the cluster says that the VM is to be left alone."""
        return self.vm.suspended or self.desired.suspended

    @property
    def own_max_guest(self) -> MemoryQuantity | None:
        """The VM's own ``maxGuest``, or that of the instancetype that Git names."""
        wanted = self.types.wanted if self.types else None
        return (wanted.max_guest if wanted else None) or self.vm.max_guest

    @property
    def constraints(self) -> tuple[Constraints, ...]:
        """Of the VM's template, and of the instancetype that Git names."""
        wanted = self.types.wanted if self.types else None
        return (self.vm.constraints, *((wanted.constraints,) if wanted else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningVM:
    """A situation whose VM runs."""

    situation: Situation
    vmi: LiveVMI

    @property
    def vm(self) -> LiveVM:
        """The VM's spec and conditions."""
        return self.situation.vm

    @property
    def target(self) -> MemoryQuantity:
        """What Git wants."""
        return self.situation.target

    @property
    def after(self) -> EffectiveConfig:
        """KubeVirt after the plan's own changes."""
        return self.situation.after


StoredRule: TypeAlias = Callable[[Situation], Finding | None]
RunningRule: TypeAlias = Callable[[RunningVM], Finding | None]


def coming_up(running: RunningVM, reason: Reason, message: str, hint: str = "") -> Finding:
    """Wait for an instance that starts, with *message*; block once it is too old to wait for."""
    created = running.vmi.created_at
    age_s = (running.situation.now - created).total_seconds() if created else 0.0
    if age_s < START_TIMEOUT_S:
        return wait(reason, message, hint)
    return blocked(
        Reason.NOT_STARTING,
        f"{message}, {age_s / 60:.0f} min after its instance was created",
        "look at the VM's events and its launcher pod",
    )


def unfinished(migrations: tuple[LiveMigration, ...]) -> LiveMigration | None:
    """The migration that has not ended yet, if there is one; KubeVirt allows one a VM."""
    return next((each for each in reversed(migrations) if not each.phase.finished), None)
