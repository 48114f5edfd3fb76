"""The ports that a run uses to reach the cluster, the clock and the user: ``RunContext``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.run.progress import Progress, Step
from reconciler.ports import Clock, Informer, Lease, Listener, Recorder, Writer

if TYPE_CHECKING:
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The ports of one run."""

    informer: Informer
    writer: Writer
    config_lease: Lease
    """The right to write to the KubeVirt CR."""
    memory_lease: Lease
    """The right to write to VMs; its annotations hold what one pass leaves to the next."""
    clock: Clock
    recorder: Recorder
    listener: Listener
    stopping: Callable[[], bool]
    """Whether the process was asked to end."""
    breakable: Callable[[], AbstractContextManager[None]] = nullcontext
    """Opens a block in which ``errors.BrokenOff`` may be raised, and nowhere else."""

    def leases_held(self) -> bool:
        """Whether every lease is still ours; renews each that is due."""
        return all([self.config_lease.held(), self.memory_lease.held()])

    def progress(
        self,
        step: Step,
        message: str,
        *,
        ref: ObjectRef | None = None,
        reason: str = "",
        fraction: float | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        """Report one step to the listener."""
        self.listener(
            Progress(
                at=self.clock.now(),
                step=step,
                message=message,
                ref=ref,
                reason=reason,
                fraction=fraction,
                outcome=outcome,
            )
        )
