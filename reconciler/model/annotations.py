"""Lists the annotations that this program reads and writes, which share one prefix."""

from __future__ import annotations

PREFIX = "memory.reconciler.dev/"

SUSPEND = PREFIX + "suspend"
"""An annotation on a VM in Git or in the cluster: ``true`` prevents all changes to the VM."""
PRIORITY = PREFIX + "priority"
"""An annotation on a VM in Git: a number; VMs with higher numbers change first."""
RESTART = PREFIX + "restart"
"""An annotation on a VM in Git that overrides the configuration's ``restart`` for the VM."""
APPLIED = PREFIX + "applied"
"""An annotation on a VM in the cluster: commit, digest and time of this program's last patch."""
REVISION = PREFIX + "revision"
"""An annotation on an Event: the Git revision that caused the event."""
COMMIT = PREFIX + "commit"
"""An annotation on a Lease: the branch and commit from which a run last wrote to the cluster."""
NOTIFIED = PREFIX + "notified"
"""An annotation on the Lease of ``serve``: the problems for which notifications were sent."""
PUSHED = PREFIX + "pushed"
"""An annotation on the Lease of ``serve``: when a standby replica last received a webhook."""
ROLLOUT = PREFIX + "rollout"
"""An annotation on a Lease: the saved rollout progress (checkpoint) for the next run."""
