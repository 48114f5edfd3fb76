"""``SoakFleet``: groups of VMs, each of which is changed either in Git or in the cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bench.fleet import VM, Fleet

N_MIGRATING = 12
"""The number of running VMs that change in Git, each of which then migrates."""


@dataclass(frozen=True, kw_only=True)
class SoakFleet(Fleet):
    """A fleet that matches Git, and in which every fourth VM is stopped."""

    @cached_property
    def vms(self) -> tuple[VM, ...]:
        found = Fleet(n_vms=self.n_vms, seed=self.seed, settled=True).vms
        return tuple(
            replace(vm, stopped=index % 4 == 0, migrating=False) for index, vm in enumerate(found)
        )

    def world(self) -> dict[str, Any]:
        return super().world() | {"name": "soak", "migrations": []}

    @property
    def changed_in_git(self) -> tuple[VM, ...]:
        """Return the stopped VMs whose size changes only in Git."""
        return tuple(vm for vm in self.vms if vm.stopped)[::2]

    @property
    def changed_in_cluster(self) -> tuple[VM, ...]:
        """Return the stopped VMs whose size only another client changes in the cluster."""
        return tuple(vm for vm in self.vms if vm.stopped)[1::2]

    @property
    def migrating(self) -> tuple[VM, ...]:
        """Return the running VMs whose size changes only in Git."""
        return tuple(vm for vm in self.vms if not vm.stopped)[:N_MIGRATING]
