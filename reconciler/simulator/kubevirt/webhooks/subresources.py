"""Actions: the subresources.kubevirt.io actions start, stop, restart and migrate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.apiserver.request.admission import ActionRequest, ActionResult
from reconciler.simulator.kubevirt.migration_objects import prepare_migration
from reconciler.simulator.kubevirt.object_fields import (
    MIGRATIONS,
    VMS,
    Json,
    condition_status,
    dig,
    is_final,
    is_running,
    key_of,
    section,
)
from reconciler.simulator.kubevirt.rules.vm_status import run_strategy
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster

PLURAL: Final = "virtualmachines"
MANAGER: Final = "virt-api"


class Actions:
    """The subresource actions by which clients start, stop, restart and migrate VMs.

    Source: v1.9.0 pkg/virt-api/rest/lifecycle.go; the responses to a restart are recorded.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def register(self, admission: Admission) -> None:
        """Adds the actions to the API server's registry."""
        admission.action(PLURAL, "restart", self.restart)
        admission.action(PLURAL, "start", self.start)
        admission.action(PLURAL, "stop", self.stop)
        admission.action(PLURAL, "migrate", self.migrate)
        admission.action("virtualmachineinstances", "guestosinfo", self.guest_os_info)

    def restart(self, request: ActionRequest) -> ActionResult:
        """Requests the restart of a VM; responds with 500 while another request is unfinished."""
        vm = self._cluster.vm(request.namespace, request.name)
        if vm is None:
            return _not_found(request)
        strategy = run_strategy(vm)
        if strategy in {"Halted", "Once"}:
            why = f"RunStategy {strategy} does not support manual restart requests"
            return _conflict(request, why)
        vmi = self._cluster.vmi(request.namespace, request.name)
        if vmi is None:
            return _conflict(request, "VM is not running: Halted")
        if dig(vm, "status", "stateChangeRequests"):
            return _internal("unable to complete request: stop/start already underway")
        if not request.dry_run:
            stop = {"action": "Stop", "uid": vmi["metadata"]["uid"]}
            self._ask(vm, [stop, {"action": "Start"}])
        return ActionResult(status=202)

    def start(self, request: ActionRequest) -> ActionResult:
        """Starts a VM that is stopped."""
        return self._switch(request, "Always", running=False)

    def stop(self, request: ActionRequest) -> ActionResult:
        """Stops a VM that is running."""
        return self._switch(request, "Halted", running=True)

    def migrate(self, request: ActionRequest) -> ActionResult:
        """Creates a migration of the VM's running VMI."""
        vmi = self._cluster.vmi(request.namespace, request.name)
        if vmi is None or is_final(vmi):
            return _conflict(request, "VM is not running")
        if not request.dry_run:
            name = f"kubevirt-migrate-vm-{self._cluster.store.ids.suffix()}"
            migration: Json = {
                "metadata": {"generateName": "kubevirt-migrate-vm-"},
                "spec": {"vmiName": request.name},
            }
            prepare_migration(migration)
            key = Key(MIGRATIONS, request.namespace, name)
            self._cluster.store.create(key, migration, manager=MANAGER)
        return ActionResult(status=202)

    def guest_os_info(self, request: ActionRequest) -> ActionResult:
        """Returns the current report of the guest agent.

        Source: v1.9.0 pkg/virt-api/rest/subresource.go:299-315, types.go:2886-2907.
        """
        vmi = self._cluster.vmi(request.namespace, request.name)
        if vmi is None:
            return _not_found(request)
        if not is_running(vmi) or condition_status(vmi, "AgentConnected") != "True":
            return _conflict(request, "VMI does not have guest agent connected")
        info: Json = {
            "guestAgentVersion": "9.1.0",
            "hostname": request.name,
            "os": dict(vmi["status"].get("guestOSInfo") or {}),
        }
        return ActionResult(status=200, body=info)

    def _switch(self, request: ActionRequest, strategy: str, *, running: bool) -> ActionResult:
        vm = self._cluster.vm(request.namespace, request.name)
        if vm is None:
            return _not_found(request)
        vmi = self._cluster.vmi(request.namespace, request.name)
        if (vmi is not None and not is_final(vmi)) is not running:
            return _conflict(request, "VM is not running" if running else "VM is already running")

        def change(stored: Json) -> None:
            stored["spec"].pop("running", None)
            stored["spec"]["runStrategy"] = strategy

        if not request.dry_run:
            self._cluster.store.mutate(key_of(VMS, vm), change, manager=MANAGER)
        return ActionResult(status=202)

    def _ask(self, vm: Json, requests: list[Json]) -> None:
        self._cluster.store.mutate(
            key_of(VMS, vm),
            lambda stored: section(stored, "status").update(stateChangeRequests=requests),
            status=True,
            manager=MANAGER,
        )


def _not_found(request: ActionRequest) -> ActionResult:
    message = f'virtualmachine.kubevirt.io "{request.name}" not found'
    return _failure(request, 404, "NotFound", message)


def _conflict(request: ActionRequest, why: str) -> ActionResult:
    message = (
        f'Operation cannot be fulfilled on virtualmachine.kubevirt.io "{request.name}": {why}'
    )
    return _failure(request, 409, "Conflict", message)


def _internal(why: str) -> ActionResult:
    body: Json = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {why}",
        "reason": "InternalError",
        "details": {"causes": [{"message": why}]},
        "code": 500,
    }
    return ActionResult(status=500, body=body)


def _failure(request: ActionRequest, code: int, reason: str, message: str) -> ActionResult:
    body: Json = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": {"name": request.name, "group": "kubevirt.io", "kind": "virtualmachine"},
        "code": code,
    }
    return ActionResult(status=code, body=body)
