"""Everything outside that a rollout touches, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.progress import Progress, Step
from reconciler.ports import Clock, Lease, Listener, LiveFeed, Recorder, Writer

if TYPE_CHECKING:
    from reconciler.model.refs import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The ports of one run."""

    feed: LiveFeed
    writer: Writer
    lease: Lease
    clock: Clock
    recorder: Recorder
    listener: Listener
    stopping: Callable[[], bool]
    """Whether the process was asked to end."""

    def tell(
        self,
        step: Step,
        message: str,
        *,
        ref: ObjectRef | None = None,
        reason: str = "",
        fraction: float | None = None,
    ) -> None:
        """Let the listener know of one step."""
        self.listener(
            Progress(
                at=self.clock.now(),
                step=step,
                message=message,
                ref=ref,
                reason=reason,
                fraction=fraction,
            )
        )
