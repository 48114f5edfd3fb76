"""The user's choices that bear on a rollout and on no plan; every default is the safe one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.plan.approval import Approval

if TYPE_CHECKING:
    from reconciler.model.desired.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """How far and how long."""

    failure_budget: int = 3
    """After so many failures no new VM is patched."""
    annotate: bool = False
    """Whether a VM that is patched is annotated with commit, digest and time."""
    approval: Approval | None = None
    """Only what it holds is written, and only while it is still the same; None approves all."""
    settle_s: float = 5.0
    """Seconds that a settled CR is given, for the components to read it (they tell nobody)."""
    deadline_s: float | None = None
    """Seconds from the start after which the run ends, leaving healthy work to the next one."""
    follow: bool = True
    """Whether to stay until the guests have their memory."""


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
