"""The settings of a rollout that do not affect the plan: ``RolloutPolicy``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.plan.approval import Approval

if TYPE_CHECKING:
    from reconciler.model.desired.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """What a run may write, and how long it takes; every default is the safe one."""

    failure_budget: int = 3
    """After this many failures no further VM is changed."""
    annotate: bool = False
    """Whether a VM that is patched gets an annotation with commit, digest and time."""
    approval: Approval | None = None
    """Only what it holds is written, and only while it is still the same; None approves every
    write."""
    settle_s: float = 5.0
    """Seconds to wait after the CR has settled, until KubeVirt's components have read it; nothing
    shows when they have."""
    deadline_s: float | None = None
    """Seconds after which the run ends; healthy work is left to the next run."""
    follow: bool = True
    """Whether the run waits until the guests have their memory."""


def rollout_policy(
    config: Config, *, deadline_s: float | None, follow: bool, approval: Approval | None = None
) -> RolloutPolicy:
    """Return the policy that *config* and the options of one run set."""
    return RolloutPolicy(
        failure_budget=config.failure_budget,
        annotate=config.annotate,
        approval=approval,
        deadline_s=deadline_s,
        follow=follow,
    )
