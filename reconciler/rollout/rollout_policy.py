"""``RolloutPolicy``: the settings of a rollout that do not affect the plan."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.plan.approval import Approval


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPolicy:
    """The limits on a run's writes and duration; all defaults are safe."""

    failure_budget: int = 3
    """The number of failures after which the run starts no further VM change."""
    annotate: bool = False
    """Whether to add the commit, the digest and the time as an annotation to each patched VM."""
    approval: Approval | None = None
    """The approved writes; the run sends only writes that equal one of them.

    None approves every write.
    """
    settle_s: float = 5.0
    """The number of seconds to wait after KubeVirt reports that it has processed its changed CR.

    KubeVirt's components need this time to read the new configuration, and the API does not show
    when they have read it.
    """
    deadline_s: float | None = None
    """The number of seconds after which the run ends; a later run continues unfinished changes."""
    follow: bool = True
    """Whether the run waits until all guests have the memory size that Git sets."""
