"""ClusterConfig: the KubeVirt settings in effect, including the KubeVirt version's defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.object_fields import LIVE_UPDATE_FEATURES, Json, dig
from reconciler.simulator.kubevirt.versions import Behaviour, GateStage, Rollout

LIVE_UPDATE_GATE: Final = "VMLiveUpdateFeatures"
MULTI_ARCHITECTURE_GATE: Final = "MultiArchitecture"
IN_PLACE_GATE: Final = "InPlaceHotplug"
PRIORITY_GATE: Final = "MigrationPriorityQueue"

UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART: Final = re.compile(r"(?<![\d.])([\d.]+)(ms|s|m|h)")
"""Matches one part of a Go duration, such as `5m`.

The match takes linear time, because each number is tried only once.
"""
DEFAULT_HOTPLUG_RATIO: Final = 4
"""The default of maxHotplugRatio. Source: v1.9.0 pkg/virt-config/virt-config.go:110, v1.1.0:88."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """The KubeVirt CR's settings, with the KubeVirt version's defaults. Sizes are in bytes."""

    behaviour: Behaviour
    gates: frozenset[str]
    disabled_gates: frozenset[str]
    rollout: Rollout | None
    update_methods: tuple[str, ...]
    batch_eviction_size: int
    batch_eviction_interval_s: float
    max_guest: int | None
    max_hotplug_ratio: int
    max_cpu_sockets: int | None
    eviction_strategy: str
    memory_overcommit: int
    overhead_ratio: float
    migrations: Mapping[str, object]
    """The CR's `spec.configuration.migrations`, with defaults for absent fields."""

    @property
    def live_update(self) -> bool:
        """Whether the VM rollout strategy LiveUpdate is in effect.

        In v1.4.0, a feature gate is also required.

        Source: v1.4.0 pkg/virt-config/virt-config.go:455-462, v1.9.0:514-517.
        """
        return self.rollout is Rollout.LIVE_UPDATE and self.has_gate(
            LIVE_UPDATE_GATE, self.behaviour.live_update_gate
        )

    def updates_live(self, vm: Json) -> bool:
        """Returns whether a VM's memory can change live; in v1.1, the VM must allow this."""
        if not self.behaviour.vm_live_update_features:
            return self.live_update
        gate = self.has_gate(LIVE_UPDATE_GATE, self.behaviour.live_update_gate)
        return gate and dig(vm, "spec", LIVE_UPDATE_FEATURES, "memory") is not None

    @property
    def migration_priorities(self) -> bool:
        """Whether this KubeVirt version and its feature gates support migration priorities."""
        return self.has_gate(PRIORITY_GATE, self.behaviour.priority_gate)

    @property
    def in_place(self) -> bool:
        """Whether launcher pods can be resized in place, without a migration (KubeVirt VEP 45)."""
        return self.has_gate(IN_PLACE_GATE, self.behaviour.in_place_gate)

    def migration_limit(self, name: str) -> int:
        """Returns a migration limit from the KubeVirt CR, such as parallelMigrationsPerCluster."""
        return int(str(self.migrations[name]))

    def has_gate(self, name: str, stage: GateStage) -> bool:
        """Returns whether a KubeVirt feature gate is enabled, given its stage in this version.

        Source: v1.9.0 pkg/virt-config/featuregate/feature-gates.go:89-112.
        """
        if stage is GateStage.GRADUATED:
            return True
        if stage is GateStage.ABSENT:
            return False
        if name in self.gates:
            return True
        return stage is GateStage.DEFAULT_ON and name not in self.disabled_gates


def read_config(kubevirt: Json, behaviour: Behaviour) -> ClusterConfig:
    """Reads the KubeVirt CR's settings; absent fields get the KubeVirt version's defaults.

    Source: v1.9.0 pkg/virt-config/configuration.go:186-219,304-311, virt-config.go:44-52.
    """
    spec = kubevirt.get("spec") or {}
    configuration = spec.get("configuration") or {}
    developer = configuration.get("developerConfiguration") or {}
    live_update = configuration.get("liveUpdateConfiguration") or {}
    strategy = spec.get("workloadUpdateStrategy") or {}
    max_guest = live_update.get("maxGuest")
    rollout = configuration.get("vmRolloutStrategy") or behaviour.default_rollout
    return ClusterConfig(
        behaviour=behaviour,
        gates=frozenset(developer.get("featureGates") or ()),
        disabled_gates=frozenset(developer.get("disabledFeatureGates") or ()),
        rollout=None if behaviour.default_rollout is None or not rollout else Rollout(rollout),
        update_methods=tuple(strategy.get("workloadUpdateMethods") or ()),
        batch_eviction_size=strategy.get("batchEvictionSize") or 10,
        batch_eviction_interval_s=_seconds(strategy.get("batchEvictionInterval") or "1m"),
        max_guest=None if max_guest is None else quantity.parse(max_guest),
        max_hotplug_ratio=live_update.get("maxHotplugRatio") or DEFAULT_HOTPLUG_RATIO,
        max_cpu_sockets=live_update.get("maxCpuSockets"),
        eviction_strategy=configuration.get("evictionStrategy") or "None",
        memory_overcommit=developer.get("memoryOvercommit") or 100,
        overhead_ratio=float(configuration.get("additionalGuestMemoryOverheadRatio") or 1),
        migrations=_migrations(dig(configuration, "migrations") or {}, behaviour),
    )


def _migrations(given: Json, behaviour: Behaviour) -> Json:
    defaults: Json = {
        "allowAutoConverge": False,
        "allowPostCopy": False,
        "bandwidthPerMigration": "0",
        "completionTimeoutPerGiB": behaviour.completion_timeout_per_gib_s,
        "nodeDrainTaintKey": "kubevirt.io/drain",
        "parallelMigrationsPerCluster": 5,
        "parallelOutboundMigrationsPerNode": 2,
        "progressTimeout": 150,
        "unsafeMigrationOverride": False,
        **behaviour.migration_defaults,
    }
    if behaviour.workload_disruption:
        defaults["allowWorkloadDisruption"] = given.get("allowPostCopy", False)
    return dict(sorted({**defaults, **{k: v for k, v in given.items() if v is not None}}.items()))


def _seconds(duration: str) -> float:
    parts = _DURATION_PART.findall(duration)
    return sum(float(number) * UNITS_S[unit] for number, unit in parts)
