"""The annotations of this product, all under one prefix."""

from __future__ import annotations

PREFIX = "memory.reconciler.dev/"

SUSPEND = PREFIX + "suspend"
"""On a VM, in Git or in the cluster: ``true`` leaves the VM alone."""
PRIORITY = PREFIX + "priority"
"""On a VM in Git: VMs with a higher number change first."""
RESTART = PREFIX + "restart"
"""On a VM in Git: consent to a restart, which overrides the configuration."""
APPLIED = PREFIX + "applied"
"""On a VM in the cluster: the revision whose size was written last."""
REVISION = PREFIX + "revision"
"""On an Event: the revision that caused it."""
ROLLOUT = PREFIX + "rollout"
"""On a Lease: what one pass remembers for the next."""
