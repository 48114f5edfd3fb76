"""``KUBEVIRT_FIELDS``: lists the KubeVirt CR fields that this program can change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reconciler.model.quantity import Duration, MemoryQuantity, QuantityError
from reconciler.model.quoting import kind_of
from reconciler.model.references import FieldPath


class WaveName(StrEnum):
    """The names of a plan's waves, in the order in which the waves start."""

    FEATURE_GATE = "feature-gate"
    STRATEGY = "strategy"
    MEMORY = "memory"
    RESTART = "restart"


class FieldType(StrEnum):
    """The types of KubeVirt CR fields, which define how their values are read and compared."""

    GATES = "gates"
    """A list that must contain the items in Git; other items in the cluster are kept."""
    NAMES = "names"
    """A list that Git replaces completely; the order of its items does not matter."""
    WORD = "word"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    QUANTITY = "quantity"
    DURATION = "duration"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameSet:
    """A list of names that ignores order and duplicates in comparisons."""

    names: frozenset[str]
    raw: tuple[str, ...] = field(compare=False)
    """The names as written, in their original order."""

    @classmethod
    def of(cls, names: tuple[str, ...]) -> NameSet:
        """Create a set of names that remembers the original order of the names."""
        return cls(names=frozenset(names), raw=names)

    def __str__(self) -> str:
        return "[" + ", ".join(self.raw) + "]"


SettingValue: TypeAlias = NameSet | MemoryQuantity | Duration | bool | int | str
Settings: TypeAlias = Mapping[FieldPath, SettingValue]
"""The values of KubeVirt CR fields, by field path; fields that are not set are omitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedField:
    """A field of the KubeVirt CR that this program can write."""

    path: FieldPath
    type: FieldType
    wave: WaveName = WaveName.STRATEGY


CONFIGURATION: FieldPath = ("spec", "configuration")
DEVELOPER: FieldPath = (*CONFIGURATION, "developerConfiguration")
MIGRATIONS: FieldPath = (*CONFIGURATION, "migrations")
LIVE_UPDATE: FieldPath = (*CONFIGURATION, "liveUpdateConfiguration")
WORKLOAD_UPDATE: FieldPath = ("spec", "workloadUpdateStrategy")

FEATURE_GATES: FieldPath = (*DEVELOPER, "featureGates")
DISABLED_GATES: FieldPath = (*DEVELOPER, "disabledFeatureGates")
ROLLOUT_STRATEGY: FieldPath = (*CONFIGURATION, "vmRolloutStrategy")
UPDATE_METHODS: FieldPath = (*WORKLOAD_UPDATE, "workloadUpdateMethods")
MAX_GUEST: FieldPath = (*LIVE_UPDATE, "maxGuest")
MAX_HOTPLUG_RATIO: FieldPath = (*LIVE_UPDATE, "maxHotplugRatio")
PARALLEL_MIGRATIONS: FieldPath = (*MIGRATIONS, "parallelMigrationsPerCluster")
PARALLEL_OUTBOUND: FieldPath = (*MIGRATIONS, "parallelOutboundMigrationsPerNode")
BANDWIDTH: FieldPath = (*MIGRATIONS, "bandwidthPerMigration")
COMPLETION_TIMEOUT: FieldPath = (*MIGRATIONS, "completionTimeoutPerGiB")
POST_COPY: FieldPath = (*MIGRATIONS, "allowPostCopy")
WORKLOAD_DISRUPTION: FieldPath = (*MIGRATIONS, "allowWorkloadDisruption")

KUBEVIRT_FIELDS: tuple[ManagedField, ...] = (
    ManagedField(path=FEATURE_GATES, type=FieldType.GATES, wave=WaveName.FEATURE_GATE),
    ManagedField(path=UPDATE_METHODS, type=FieldType.NAMES),
    ManagedField(path=(*WORKLOAD_UPDATE, "batchEvictionSize"), type=FieldType.INTEGER),
    ManagedField(path=(*WORKLOAD_UPDATE, "batchEvictionInterval"), type=FieldType.DURATION),
    ManagedField(path=ROLLOUT_STRATEGY, type=FieldType.WORD),
    ManagedField(path=MAX_GUEST, type=FieldType.QUANTITY),
    ManagedField(path=MAX_HOTPLUG_RATIO, type=FieldType.INTEGER),
    ManagedField(path=(*LIVE_UPDATE, "maxCpuSockets"), type=FieldType.INTEGER),
    ManagedField(path=PARALLEL_MIGRATIONS, type=FieldType.INTEGER),
    ManagedField(path=PARALLEL_OUTBOUND, type=FieldType.INTEGER),
    ManagedField(path=BANDWIDTH, type=FieldType.QUANTITY),
    ManagedField(path=COMPLETION_TIMEOUT, type=FieldType.INTEGER),
    ManagedField(path=(*MIGRATIONS, "progressTimeout"), type=FieldType.INTEGER),
    ManagedField(path=(*MIGRATIONS, "allowAutoConverge"), type=FieldType.BOOLEAN),
    ManagedField(path=POST_COPY, type=FieldType.BOOLEAN),
    ManagedField(path=WORKLOAD_DISRUPTION, type=FieldType.BOOLEAN),
)
"""The KubeVirt CR fields that this program writes.

``migrations.network`` is excluded, because a change to that field restarts virt-handler.

Source: kubevirt v1.9.0 pkg/virt-operator/util/config.go:181-184.
"""

FIELD_BY_PATH: Mapping[FieldPath, ManagedField] = {each.path: each for each in KUBEVIRT_FIELDS}

GUEST_MEMORY: FieldPath = ("spec", "template", "spec", "domain", "memory", "guest")
GUEST_MAX_MEMORY: FieldPath = ("spec", "template", "spec", "domain", "memory", "maxGuest")
RESOURCES: FieldPath = ("spec", "template", "spec", "domain", "resources")
INSTANCETYPE_NAME: FieldPath = ("spec", "instancetype", "name")
INSTANCETYPE_KIND: FieldPath = ("spec", "instancetype", "kind")
INSTANCETYPE_REVISION: FieldPath = ("spec", "instancetype", "revisionName")


def read_setting(kind: FieldType, raw: object) -> SettingValue:
    """Convert a JSON value to the typed value of a KubeVirt CR field.

    Raises: QuantityError: The value has another type, or is not a valid quantity or duration.
    """
    match kind, raw:
        case ((FieldType.GATES | FieldType.NAMES), list()):
            if all(isinstance(each, str) for each in raw):
                return NameSet.of(tuple(raw))
        case FieldType.WORD, str():
            return raw
        case FieldType.BOOLEAN, bool():
            return raw
        case FieldType.INTEGER, int() if not isinstance(raw, bool):
            return raw
        case FieldType.QUANTITY, _:
            return MemoryQuantity.parse(raw)
        case FieldType.DURATION, _:
            return Duration.parse(raw)
    expected = {
        FieldType.GATES: "a list of names",
        FieldType.NAMES: "a list of names",
        FieldType.WORD: "a string",
        FieldType.BOOLEAN: "true or false",
        FieldType.INTEGER: "a whole number",
    }
    raise QuantityError(f"{kind_of(raw)} is not {expected.get(kind, kind)}")
