"""``FleetVM``: one VM as the pages show it, from the plan, the cluster and the run."""

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
    """How far a VM's memory change has come."""

    IDLE = ""
    """No change of the VM's memory is in flight."""
    CHANGING = "changing"
    DONE = "done"
    """The current run has completed the change; the next plan will confirm this."""
    FAILED = "failed"
    """The change failed in the current run."""


_STAGES = {
    Step.PATCHED: Stage.CHANGING,
    Step.CREATED: Stage.CHANGING,
    Step.RESTARTED: Stage.CHANGING,
    Step.FOLLOWING: Stage.CHANGING,
    Step.PHASE: Stage.CHANGING,
    Step.DONE: Stage.DONE,
    Step.FAILED: Stage.FAILED,
}
"""The stage after each step of a run; after all other steps, the cluster decides the stage."""
PERSON = frozenset({Effect.BLOCKED, Effect.RESTART})
"""The effects of VMs that wait for a person, unless the plan acts on them."""
_IN_FLIGHT = frozenset({Effect.WAIT, Effect.LIVE})
"""The effects of VMs whose unfinished migration matters for a memory change."""


@dataclass(frozen=True, slots=True)
class FleetVM:
    """One VM of the plan, with the state of its change."""

    decision: Decision
    node: str
    """The node on which the VM runs; empty if the VM is not running."""
    stage: Stage
    migration: LiveMigration | None
    """The VM's newest unfinished migration."""
    progress: Progress | None
    """The VM's last step in the current run."""

    @property
    def ref(self) -> ObjectRef:
        """The VM's reference."""
        return self.decision.ref

    @property
    def effect(self) -> str:
        """The effect that the plan predicts."""
        return str(self.decision.effect)

    @property
    def reason(self) -> str:
        """The reason code of the effect."""
        return str(self.decision.why.reason)

    @property
    def queued(self) -> bool:
        """Whether the plan changes the VM without a person, and the change has not started."""
        return self.stage is Stage.IDLE and bool(self.decision.actions)

    @property
    def needs_person(self) -> bool:
        """Whether the VM keeps its memory until a person acts."""
        held = self.decision.effect in PERSON and not self.decision.actions
        return self.stage is Stage.FAILED or (self.stage is Stage.IDLE and held)

    @property
    def searched(self) -> str:
        """The text in which the search looks for words, in lower case."""
        ref, message = self.ref.namespaced_name, self.decision.why.message
        return f"{ref} {self.effect} {self.reason} {self.node} {message}".lower()

    @property
    def sizes(self) -> str:
        """The current and the desired size, such as ``4Gi → 8Gi``; one size if both are equal."""
        found = dict.fromkeys(wording.from_and_to(self.decision))
        return " → ".join(each for each in found if each != "-") or "size not known"


def fleet_vms(view: ServiceView) -> tuple[FleetVM, ...]:
    """Return the VMs of the newest plan, ordered by namespace and name."""
    if view.plan is None:
        return ()
    return tuple(_vm(each, view) for each in view.plan.decisions if each.ref.is_vm)


def fleet_vm(view: ServiceView, ref: ObjectRef) -> FleetVM | None:
    """Return one VM of the newest plan; None if the plan does not contain the VM."""
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
    """Return the stage that the cluster shows, regardless of who started the change."""
    migrates = migration is not None and decision.effect in _IN_FLIGHT
    changes = vmi is not None and vmi.memory_changes
    return Stage.CHANGING if migrates or changes else Stage.IDLE
