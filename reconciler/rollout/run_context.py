"""``RunContext``: the interfaces through which a run uses the cluster, clock and terminal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.clock_difference import ClockDifference
from reconciler.model.run.progress import Progress, Step
from reconciler.ports import Alerts, Clock, Informer, Lease, Listener, Recorder, Writer

if TYPE_CHECKING:
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The interfaces to the cluster, the clock and the terminal that one run uses."""

    informer: Informer
    writer: Writer
    config_lease: Lease
    """The lease that permits writes to the KubeVirt CR."""
    memory_lease: Lease
    """The lease that permits writes to VMs; one of its annotations stores the checkpoint."""
    clock: Clock
    recorder: Recorder
    listener: Listener
    stopping: Callable[[], str]
    """Returns the reason why the run must end, as a clause, or '' if the run can continue."""
    alerts: Alerts
    """Reads the alerts that ``rollout.holdWhile`` in the configuration selects."""
    clock_difference: Callable[[], ClockDifference | None] = lambda: None
    """Returns the API server's time and the local time if they differ by minutes, else None."""
    breakable: Callable[[], AbstractContextManager[None]] = nullcontext
    """Returns a context manager; a signal can interrupt only the code in its ``with`` block."""

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
        """Report one step of the run to the listener."""
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
