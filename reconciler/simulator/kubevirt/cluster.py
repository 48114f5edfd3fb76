"""Cluster: the store, clock, settings and faults that all simulated KubeVirt components use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.clock import rfc3339
from reconciler.simulator.kubevirt.cluster_config import ClusterConfig, read_config
from reconciler.simulator.kubevirt.event_recorder import EventRecorder
from reconciler.simulator.kubevirt.inventory import Inventory
from reconciler.simulator.kubevirt.object_fields import KUBEVIRTS, VMIS, VMS, Json, dig
from reconciler.simulator.kubevirt.versions import behaviour
from reconciler.simulator.store.history import Key

if TYPE_CHECKING:
    from reconciler.simulator.engine import Engine
    from reconciler.simulator.kubevirt.vm_faults import Faults
    from reconciler.simulator.store.history import StoreEvent

CONFIG_LAG_S: Final = 1.0
"""The seconds until components use a changed KubeVirt CR; estimated, not observed."""


class Cluster:
    """The objects and settings that all simulated KubeVirt components share."""

    def __init__(self, engine: Engine, faults: Faults, *, version: str, bandwidth: int) -> None:
        self.engine: Final = engine
        self.store: Final = engine.store
        self.faults: Final = faults
        self.bandwidth: Final = bandwidth
        """The network bandwidth of one migration, in bytes per second."""
        self.inventory: Final = Inventory()
        self.recorder: Final = EventRecorder(engine.store, engine.random)
        self._config = read_config({}, behaviour(version))
        engine.store.subscribe(self._observe)

    @property
    def config(self) -> ClusterConfig:
        """The KubeVirt settings in use; the CR's settings can be `CONFIG_LAG_S` seconds newer."""
        return self._config

    def read_config(self) -> None:
        """Reads the settings from the KubeVirt CR if virt-operator has deployed it."""
        kubevirt = self.kubevirt()
        version = dig(kubevirt, "status", "observedKubeVirtVersion")
        if kubevirt is not None and version is not None:
            self._config = read_config(kubevirt, behaviour(version))

    def now(self) -> str:
        """Returns the simulated time in RFC 3339 format, as in Kubernetes metadata."""
        return rfc3339(self.engine.clock.now())

    def kubevirt(self) -> Json | None:
        """Returns the KubeVirt CR, or None if the cluster has none."""
        key = next(self.store.keys(KUBEVIRTS), None)
        return None if key is None else self.store.get(key)

    def vm(self, namespace: str, name: str) -> Json | None:
        """Returns a VirtualMachine from the store, or None if it does not exist."""
        return self.store.get(Key(VMS, namespace, name))

    def vmi(self, namespace: str, name: str) -> Json | None:
        """Returns a VirtualMachineInstance from the store, or None if it does not exist."""
        return self.store.get(Key(VMIS, namespace, name))

    def _observe(self, event: StoreEvent) -> None:
        self.inventory.observe(event)
        if event.key.resource == KUBEVIRTS:
            self.engine.at(CONFIG_LAG_S, self.read_config)
