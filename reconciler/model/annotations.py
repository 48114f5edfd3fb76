"""Lists the annotations that this program reads and writes, which share one prefix."""

from __future__ import annotations

PREFIX = "memory.reconciler.dev/"

SUSPEND = PREFIX + "suspend"
"""On a VM in Git or in the cluster: ``true`` prevents all changes to the VM."""
PRIORITY = PREFIX + "priority"
"""On a VM in Git: a number; VMs with higher numbers change first."""
RESTART = PREFIX + "restart"
"""On a VM in Git: whether the VM may be restarted; it overrides the configuration."""
APPLIED = PREFIX + "applied"
"""On a VM in the cluster: the Git revision whose memory size was last written to the VM."""
REVISION = PREFIX + "revision"
"""On an Event: the Git revision that caused the event."""
COMMIT = PREFIX + "commit"
"""On a Lease: the branch and the commit from which a run last wrote to the cluster."""
NOTIFIED = PREFIX + "notified"
"""On the Lease of ``serve``: the problems and events for which notifications were sent."""
PUSHED = PREFIX + "pushed"
"""On the Lease of ``serve``: when a standby replica last received a webhook request."""
ROLLOUT = PREFIX + "rollout"
"""On a Lease: the saved rollout progress (checkpoint), which the next run reads."""
