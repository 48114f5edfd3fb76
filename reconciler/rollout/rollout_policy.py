"""The settings of a rollout that do not affect the plan: ``RolloutPolicy``."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.plan.approval import Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """The limits on what a run may write and on how long it takes; all defaults are safe."""

    failure_budget: int = 3
    """The number of failures after which the run changes no further VM."""
    annotate: bool = False
    """Whether a patched VM gets an annotation with commit, digest and time."""
    approval: Approval | None = None
    """The approved actions: the run sends a write only if the write equals one of them.

    None approves every write.
    """
    settle_s: float = 5.0
    """Seconds to wait after the KubeVirt CR has settled.

    KubeVirt's components need this time to read the new configuration, and the API does not show
    when they have read it.
    """
    deadline_s: float | None = None
    """Seconds after which the run ends; the next run continues the changes in flight."""
    follow: bool = True
    """Whether the run waits until the guests have their memory."""
