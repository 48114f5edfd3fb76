"""ControlPlane: creates and starts the KubeVirt components of a simulated cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.kubevirt.controllers.virt_operator import VirtOperator
from reconciler.simulator.kubevirt.controllers.vm_controller import VMController
from reconciler.simulator.kubevirt.controllers.vmi_controller import VMIController
from reconciler.simulator.kubevirt.controllers.workload_updater import WorkloadUpdater
from reconciler.simulator.kubevirt.migration.migration_controller import MigrationController
from reconciler.simulator.kubevirt.node.in_place_resizer import InPlaceResizer
from reconciler.simulator.kubevirt.node.resource_quotas import ResourceQuotas
from reconciler.simulator.kubevirt.node.scheduler import Scheduler
from reconciler.simulator.kubevirt.node.virt_handler import VirtHandler
from reconciler.simulator.kubevirt.object_fields import KUBEVIRTS, MIGRATIONS
from reconciler.simulator.kubevirt.webhooks.kubevirt_webhook import KubeVirtWebhook
from reconciler.simulator.kubevirt.webhooks.migration_webhooks import MigrationWebhooks
from reconciler.simulator.kubevirt.webhooks.subresources import Actions
from reconciler.simulator.kubevirt.webhooks.vm_webhooks import VMWebhooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.guest_profile import GuestProfile
    from reconciler.simulator.kubevirt.inventory import Name
    from reconciler.simulator.store.history import StoreEvent


class ControlPlane:
    """All KubeVirt components, and the Kubernetes controllers that they depend on."""

    def __init__(
        self, cluster: Cluster, admission: Admission, profiles: dict[Name, GuestProfile]
    ) -> None:
        self._cluster = cluster
        self.quotas = ResourceQuotas(cluster)
        self.scheduler = Scheduler(cluster)
        self.operator = VirtOperator(cluster)
        self.vms = VMController(cluster)
        self.vmis = VMIController(cluster, self.quotas)
        self.migrations = MigrationController(cluster, self.quotas)
        self.updater = WorkloadUpdater(cluster, self.vmis)
        self.handler = VirtHandler(cluster, profiles)
        self.resizer = InPlaceResizer(cluster, self.quotas, self.handler)
        VMWebhooks(cluster).register(admission)
        KubeVirtWebhook(cluster).register(admission)
        MigrationWebhooks(cluster).register(admission)
        Actions(cluster).register(admission)

    def start(
        self, unsettled: tuple[Name, ...], owners: tuple[Callable[[StoreEvent], None], ...] = ()
    ) -> None:
        """Starts all components, and queues the objects that they must reconcile.

        Args:
            unsettled: The VMs with pending changes; only these VMs need work.
            owners: The functions that pass store events to the operators that manage the KubeVirt
                CR.
        """
        store = self._cluster.store
        self._cluster.read_config()
        for observe in (
            self.quotas.observe,
            self.quotas.aware.observe,
            self.scheduler.observe,
            self.operator.observe,
            self.vms.observe,
            self.vmis.observe,
            self.migrations.observe,
            self.updater.observe,
            self.handler.observe,
            self.resizer.observe,
            *owners,
        ):
            store.subscribe(observe)
        for key in store.keys(KUBEVIRTS):
            self.operator.queue.add(key)
        for key in store.keys(MIGRATIONS):
            self.migrations.queue.add(key)
        self.quotas.aware.start()
        for namespace in self._cluster.inventory.quotas:
            self.quotas.queue.add(namespace)
        for name in unsettled:
            self.vms.sync(name)
            self.vmis.sync(name)
            self.vms.sync(name)
        self.updater.queue.add("round")
