"""``FleetVM``: a VM on the status pages, combined from the plan, the cluster and the run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.model.live.live_migration import LiveMigration
from reconciler.model.plan.plan import Decision, Effect
from reconciler.model.run.progress import Progress, Step
from reconciler.report import wording

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveVMI
    from reconciler.model.references import ObjectRef
    from reconciler.model.service.view import ServiceView


class Stage(StrEnum):
    """The progress of a VM's memory change, as the status pages show it."""

    IDLE = ""
    """No memory change of the VM is in progress."""
    CHANGING = "changing"
    DONE = "done"
    """The current run has completed the memory change, which the plan does not show yet."""
    FAILED = "failed"
    """The memory change failed in the current run."""


_STAGES = {
    Step.PATCHED: Stage.CHANGING,
    Step.CREATED: Stage.CHANGING,
    Step.RESTARTED: Stage.CHANGING,
    Step.FOLLOWING: Stage.CHANGING,
    Step.PHASE: Stage.CHANGING,
    Step.DONE: Stage.DONE,
    Step.FAILED: Stage.FAILED,
}
"""The progress of a VM's change that the status pages show after a step of the run.

After a step that is not listed, the pages derive the progress from the cluster.
"""
PERSON = frozenset({Effect.BLOCKED, Effect.RESTART})
"""The effects (blocked, restart) for which a user must act, unless the plan writes to the VM."""
_IN_FLIGHT = frozenset({Effect.WAIT, Effect.LIVE})
"""The effects (live, wait) for which an unfinished migration counts as a memory change."""


@dataclass(frozen=True, slots=True)
class FleetVM:
    """A VM of the plan, with the progress of its memory change."""

    decision: Decision
    node: str
    """The node on which the VM runs, or an empty string if the VM is not running."""
    stage: Stage
    migration: LiveMigration | None
    """The newest unfinished migration of the VM."""
    progress: Progress | None
    """The last step of the VM's change in the current run."""

    @property
    def ref(self) -> ObjectRef:
        """The namespace and name of the VM."""
        return self.decision.ref

    @property
    def effect(self) -> str:
        """How the planned change will take effect, such as ``live`` or ``restart``."""
        return str(self.decision.effect)

    @property
    def reason(self) -> str:
        """The code of the reason for the planned change, such as ``hotplug``."""
        return str(self.decision.why.reason)

    @property
    def queued(self) -> bool:
        """Whether the plan contains a write for this VM, and the VM's change has not started."""
        return self.stage is Stage.IDLE and bool(self.decision.actions)

    @property
    def needs_person(self) -> bool:
        """Whether the VM keeps its current memory until a user acts."""
        held = self.decision.effect in PERSON and not self.decision.actions
        return self.stage is Stage.FAILED or (self.stage is Stage.IDLE and held)

    @property
    def searched(self) -> str:
        """The text, in lower case, that the search on the status page examines."""
        ref, message = self.ref.namespaced_name, self.decision.why.message
        return f"{ref} {self.effect} {self.reason} {self.node} {message}".lower()

    @property
    def sizes(self) -> str:
        """The current and desired memory, such as ``4Gi → 8Gi``, or one size if both are equal."""
        found = dict.fromkeys(wording.from_and_to(self.decision))
        return " → ".join(each for each in found if each != "-") or "size not known"


def fleet_vms(view: ServiceView) -> tuple[FleetVM, ...]:
    """Return the VMs of the newest plan, sorted by namespace and name as in the plan."""
    if view.plan is None:
        return ()
    return tuple(_vm(each, view) for each in view.plan.decisions if each.ref.is_vm)


def fleet_vm(view: ServiceView, ref: ObjectRef) -> FleetVM | None:
    """Return a VM of the newest plan, or None if the plan does not contain the VM."""
    decisions = view.plan.decisions if view.plan else ()
    found = next((each for each in decisions if each.ref == ref), None)
    return _vm(found, view) if found else None


def _vm(decision: Decision, view: ServiceView) -> FleetVM:
    ref, live = decision.ref, view.live
    vmi = live.vmis.get(ref) if live else None
    running = vmi is not None and not vmi.final
    migrations = live.migrations.get(ref, ()) if live else ()
    migration = next((each for each in reversed(migrations) if not each.phase.finished), None)
    progress = view.run.progress.get(ref) if view.run else None
    stage = _STAGES.get(progress.step) if progress else None
    return FleetVM(
        decision=decision,
        node=vmi.node if vmi is not None and running else "",
        stage=stage or _observed_stage(decision, vmi if running else None, migration),
        migration=migration,
        progress=progress,
    )


def _observed_stage(
    decision: Decision, vmi: LiveVMI | None, migration: LiveMigration | None
) -> Stage:
    """Derive from the cluster whether a memory change is in progress, no matter who started it."""
    migrates = migration is not None and decision.effect in _IN_FLIGHT
    changes = vmi is not None and vmi.memory_changes
    return Stage.CHANGING if migrates or changes else Stage.IDLE
