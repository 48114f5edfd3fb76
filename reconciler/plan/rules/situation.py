"""All that the rules may look at for one VM, and what a rule answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from reconciler.model.desired import DesiredVM
from reconciler.model.live import LiveMigration, LiveNode, LiveVM, LiveVMI
from reconciler.model.plan import Effect, Reason
from reconciler.model.quantity import MemoryQuantity
from reconciler.plan.policy import PlanPolicy
from reconciler.plan.regime import Regime


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One VM that is in the cluster, with the memory that Git wants for it."""

    desired: DesiredVM
    target: MemoryQuantity
    vm: LiveVM
    vmi: LiveVMI | None
    """None, or final, where the VM is not running."""
    migrations: tuple[LiveMigration, ...]
    """Of this VM, oldest first."""
    nodes: tuple[LiveNode, ...]
    before: Regime
    """KubeVirt as it is now."""
    after: Regime
    """KubeVirt as it will be after the plan's own changes of the CR."""
    policy: PlanPolicy
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
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
    def after(self) -> Regime:
        """KubeVirt after the plan's own changes."""
        return self.situation.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule's answer."""

    effect: Effect
    reason: Reason
    message: str
    hint: str = ""


StoredRule: TypeAlias = Callable[[Situation], Finding | None]
RunningRule: TypeAlias = Callable[[Running], Finding | None]


def unfinished(migrations: tuple[LiveMigration, ...]) -> LiveMigration | None:
    """The migration that has not ended yet, if there is one; KubeVirt allows one a VM."""
    return next((each for each in reversed(migrations) if not each.phase.finished), None)


def restart(reason: Reason, message: str, hint: str = "") -> Finding:
    """The API would accept the patch, but only a restart makes it effective."""
    return Finding(effect=Effect.RESTART, reason=reason, message=message, hint=hint)


def wait(reason: Reason, message: str, hint: str = "") -> Finding:
    """Nothing stands in the way but time."""
    return Finding(effect=Effect.WAIT, reason=reason, message=message, hint=hint)


def blocked(reason: Reason, message: str, hint: str = "") -> Finding:
    """The patch would be denied, do harm or change nothing, or it has failed."""
    return Finding(effect=Effect.BLOCKED, reason=reason, message=message, hint=hint)
