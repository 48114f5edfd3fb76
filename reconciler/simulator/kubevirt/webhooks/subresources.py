"""Actions: the subresource `restart` of virt-api, which restarts VMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request import status_errors
from reconciler.simulator.kubevirt.object_fields import VMS, Json, dig, key_of, section
from reconciler.simulator.kubevirt.rules.vm_status import run_strategy

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster

MANAGER: Final = "virt-api"
_VM: Final = ("kubevirt.io", "virtualmachine")


class Actions:
    """The subresource `restart` of virt-api, with which API clients restart VMs.

    Source: v1.9.0 pkg/virt-api/rest/lifecycle.go; the responses to a restart are recorded.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def register(self, admission: Admission) -> None:
        """Registers the subresource with the simulated API server."""
        admission.action("virtualmachines", "restart", self.restart)

    def restart(self, namespace: str, name: str, *, dry_run: bool) -> None:
        """Requests the restart of a VM.

        Raises:
            StatusError: The VM does not exist (404), cannot restart (409), or already stops or
                starts (500).
        """
        vm = self._cluster.vm(namespace, name)
        if vm is None:
            raise status_errors.not_found(*_VM, name)
        strategy = run_strategy(vm)
        if strategy in {"Halted", "Once"}:
            why = f"RunStategy {strategy} does not support manual restart requests"
            raise status_errors.conflict(*_VM, name, why)
        vmi = self._cluster.vmi(namespace, name)
        if vmi is None:
            raise status_errors.conflict(*_VM, name, "VM is not running: Halted")
        if dig(vm, "status", "stateChangeRequests"):
            raise status_errors.internal("unable to complete request: stop/start already underway")
        stop = {"action": "Stop", "uid": vmi["metadata"]["uid"]}

        def ask(stored: Json) -> None:
            section(stored, "status")["stateChangeRequests"] = [stop, {"action": "Start"}]

        if not dry_run:
            self._cluster.store.mutate(key_of(VMS, vm), ask, status=True, manager=MANAGER)
