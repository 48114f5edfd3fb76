"""``LoopParts``: the components that the main loop of ``serve`` connects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from reconciler.app.execution.runner import RunsPlans
from reconciler.app.read_and_plan import PlanWithInputs
from reconciler.model.run.outcome import RunReport
from reconciler.ports import Clock
from reconciler.report.metrics.run_counts import LateChange
from reconciler.serve.loop.engine import Engine
from reconciler.serve.view_store import ViewStore

if TYPE_CHECKING:
    from reconciler.serve.git.git_state import GitState
    from reconciler.serve.leadership import LeaderState


class Git(Protocol):
    """The interface to the Git poller; implemented by ``GitPoller``."""

    state: GitState

    def wake(self) -> int:
        """Poll Git as soon as possible; return the value that ``state.polls`` has afterwards."""
        ...


class Leader(Protocol):
    """Decides whether this process is allowed to write; implemented by ``Leadership``."""

    state: LeaderState
    term: int
    """The number of times that this process has become the leader."""

    def begin(self, namespace: str) -> None:
        """Start to compete for the leader's Lease in *namespace*."""
        ...

    def withdraw(self) -> None:
        """Release the leader's Lease, and do not compete for it until ``begin`` is called."""
        ...

    def leads(self) -> bool:
        """Return whether this process is allowed to write now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopParts:
    """The components that the main loop of ``serve`` connects."""

    git: Git
    leader: Leader
    engine: Engine
    runner: RunsPlans
    store: ViewStore
    clock: Clock
    leads_to_observe: bool = False
    """Whether a leader is also elected in observe mode, for example to send notifications."""
    interruptible: Callable[[], AbstractContextManager[None]] = nullcontext
    """Returns a context manager whose block a signal can interrupt."""
    ended: Callable[[RunReport], None] = lambda _report: None
    """Called with the report of each rollout, for counters and logs."""
    late: Callable[[LateChange], None] = lambda _change: None
    """Called with each change that was completed after the end of its run, for counters."""
    stored_waits: Callable[[], Mapping[str, datetime]] = dict
    """Returns, once, when VMs started to wait for a restart, as the previous leader stored."""
    planned: Callable[[PlanWithInputs], None] = lambda _planned: None
    """Called after each plan, for counters."""
