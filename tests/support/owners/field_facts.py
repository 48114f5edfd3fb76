"""Facts about the owners of the KubeVirt CR: which release takes which of the 16 settings, where.

Source: hyperconverged-cluster-operator api/v1beta1, api/v1 and controllers/handlers/kubevirt.go of
1.10 to 1.19 and its main branch (the next release, 1.20); harvester v1.4 to v1.9
pkg/controller/master/setting; cozystack v1.5.4 and v1.6.2 packages/system/kubevirt;
deckhouse/virtualization v1.10.2; kubevirt staging/src/kubevirt.io/api/core/v1/types.go.
"""

from __future__ import annotations

from typing import Any, NamedTuple

STRATEGY = "spec.workloadUpdateStrategy"
LIVE_UPDATE = "spec.configuration.liveUpdateConfiguration"
MIGRATIONS = "spec.configuration.migrations"
GATES = "spec.configuration.developerConfiguration.featureGates"
RATIO = f"{LIVE_UPDATE}.maxHotplugRatio"
NEVER = 99
"""The minor version of a field that no release has."""


class Field(NamedTuple):
    """A setting of the KubeVirt CR, and the HyperConverged field from which it is written."""

    path: str
    old: Any
    new: Any
    struct: str = ""
    """The parent of the field, below `spec` in v1beta1 and `spec.virtualization` in v1."""
    since: int = NEVER
    """The first HyperConverged release 1.N that has the field."""
    kubevirt: int = 0
    """The first KubeVirt release 1.N that has the field."""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


FIELDS = (
    Field(
        f"{STRATEGY}.workloadUpdateMethods",
        ["LiveMigrate"],
        ["LiveMigrate", "Evict"],
        "workloadUpdateStrategy",
        10,
    ),
    Field(f"{STRATEGY}.batchEvictionSize", 10, 3, "workloadUpdateStrategy", 10),
    Field(f"{STRATEGY}.batchEvictionInterval", "1m0s", "2m0s", "workloadUpdateStrategy", 10),
    Field(f"{LIVE_UPDATE}.maxGuest", "64Gi", "128Gi", "liveUpdateConfiguration", 16),
    Field(RATIO, 4, 8, "liveUpdateConfiguration", 16),
    Field(f"{LIVE_UPDATE}.maxCpuSockets", 8, 16, "liveUpdateConfiguration", 16),
    Field(f"{MIGRATIONS}.parallelMigrationsPerCluster", 5, 7, "liveMigrationConfig", 10),
    Field(f"{MIGRATIONS}.parallelOutboundMigrationsPerNode", 2, 3, "liveMigrationConfig", 10),
    Field(f"{MIGRATIONS}.bandwidthPerMigration", "0", "64Mi", "liveMigrationConfig", 10),
    Field(f"{MIGRATIONS}.completionTimeoutPerGiB", 150, 90, "liveMigrationConfig", 10),
    Field(f"{MIGRATIONS}.progressTimeout", 150, 60, "liveMigrationConfig", 10),
    Field(
        f"{MIGRATIONS}.allowAutoConverge",
        old=False,
        new=True,
        struct="liveMigrationConfig",
        since=10,
    ),
    Field(
        f"{MIGRATIONS}.allowPostCopy", old=False, new=True, struct="liveMigrationConfig", since=10
    ),
    Field(
        f"{MIGRATIONS}.allowWorkloadDisruption",
        old=False,
        new=True,
        struct="liveMigrationConfig",
        since=19,
        kubevirt=5,
    ),
    Field("spec.configuration.vmRolloutStrategy", "LiveUpdate", "Stage", kubevirt=2),
    Field(GATES, ["Snapshot"], ["Snapshot", "VSOCK"]),
)


class Release(NamedTuple):
    """A release of an owner, with the KubeVirt version that it ships."""

    owner: str
    release: str
    kubevirt: str
    version: str = ""
    """The API version of the object that the owner reads; empty if the release has none."""

    @property
    def minor(self) -> int:
        return int(self.release.split(".")[1])

    @property
    def kubevirt_minor(self) -> int:
        return int(self.kubevirt.split(".")[1])

    def home(self, field: Field) -> str:
        """Return the field of HyperConverged that a setting comes from, or an empty string."""
        if self.owner != "HyperConverged" or self.minor < field.since:
            return ""
        above = "spec.virtualization" if self.version == "v1" else "spec"
        return f"{above}.{field.struct}.{field.name}"


RELEASES = (
    *(Release("nobody", f"1.{minor}", f"v1.{minor}.0") for minor in range(1, 10)),
    Release("HyperConverged", "1.10", "v1.0.1", "v1beta1"),
    Release("HyperConverged", "1.11", "v1.1.1", "v1beta1"),
    Release("HyperConverged", "1.12", "v1.2.2", "v1beta1"),
    Release("HyperConverged", "1.13", "v1.3.1", "v1beta1"),
    Release("HyperConverged", "1.14", "v1.4.0", "v1beta1"),
    Release("HyperConverged", "1.15", "v1.5.2", "v1beta1"),
    Release("HyperConverged", "1.16", "v1.6.2", "v1beta1"),
    Release("HyperConverged", "1.17", "v1.7.4", "v1beta1"),
    Release("HyperConverged", "1.18", "v1.8.4", "v1beta1"),
    Release("HyperConverged", "1.18", "v1.8.4", "v1"),
    Release("HyperConverged", "1.19", "v1.9.0", "v1beta1"),
    Release("HyperConverged", "1.19", "v1.9.0", "v1"),
    Release("HyperConverged", "1.20", "v1.9.0", "v1"),
    # The Setting max-hotplug-ratio exists since Harvester 1.6.
    Release("Harvester", "1.4", "v1.2.2"),
    Release("Harvester", "1.5", "v1.4.0"),
    Release("Harvester", "1.6", "v1.5.2", "v1beta1"),
    Release("Harvester", "1.7", "v1.6.3", "v1beta1"),
    Release("Harvester", "1.8", "v1.7.0", "v1beta1"),
    Release("Harvester", "1.9", "v1.8.4", "v1beta1"),
    Release("cozystack", "1.5", "v1.8.4"),
    Release("cozystack", "1.6", "v1.8.4"),
    Release("Deckhouse", "1.10", "v1.6.2"),
)
