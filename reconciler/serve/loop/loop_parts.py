"""``LoopParts``: the parts that the loop connects."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reconciler.app.execution.runner import RunsPlans
from reconciler.app.read_and_plan import PlanWithInputs
from reconciler.model.run.outcome import RunReport
from reconciler.ports import Clock
from reconciler.serve.loop.engine import Engine
from reconciler.serve.view_store import ViewStore

if TYPE_CHECKING:
    from reconciler.serve.git.git_state import GitState
    from reconciler.serve.leadership import LeaderState


class Git(Protocol):
    """Knows the state of the repository; implemented by ``GitPoller``."""

    state: GitState


class Leader(Protocol):
    """Knows whether this process may write; implemented by ``Leadership``."""

    state: LeaderState

    def begin(self, namespace: str) -> None:
        """Start to compete for the Lease, which is in *namespace*."""
        ...

    def withdraw(self) -> None:
        """Release the Lease, and do not compete for it until the next ``begin``."""
        ...

    def leads(self) -> bool:
        """Return whether this process may write now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopParts:
    """The parts that the loop connects."""

    git: Git
    leader: Leader
    engine: Engine
    runner: RunsPlans
    store: ViewStore
    clock: Clock
    leads_to_observe: bool = False
    """Whether the Lease is also needed while the mode is observe, for example by notifications."""
    interruptible: Callable[[], AbstractContextManager[None]] = nullcontext
    """Returns a context manager whose block a signal interrupts."""
    ended: Callable[[RunReport], None] = lambda _report: None
    """Called with the report of each run, for counters and logs."""
    planned: Callable[[PlanWithInputs], None] = lambda _planned: None
    """Called after each plan, for counters."""
