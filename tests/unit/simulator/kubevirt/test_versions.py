"""Tests the differences between KubeVirt versions; each table row contains its source."""

from __future__ import annotations

import pytest

from reconciler.simulator.kubevirt import versions
from reconciler.simulator.kubevirt.cluster_config import read_config
from reconciler.simulator.kubevirt.versions import GateStage, Rollout, behaviour

GI = 1024**3
MI = 1024**2


@pytest.mark.parametrize(
    ("version", "strategy"),
    [
        # v1.1 has no field; v1.2.0 and v1.5.0 pkg/virt-config/virt-config.go:89,93; v1.6.0:93
        ("v1.1.0", None),
        ("v1.2.0", Rollout.STAGE),
        ("v1.3.1", Rollout.STAGE),
        ("v1.5.2", Rollout.STAGE),
        ("v1.6.0", Rollout.LIVE_UPDATE),
        ("v1.9.0", Rollout.LIVE_UPDATE),
    ],
)
def test_default_rollout_strategy_is_live_update_since_kubevirt_v1_6(version, strategy):
    assert behaviour(version).default_rollout is strategy


@pytest.mark.parametrize(
    ("version", "spec", "live"),
    [
        # v1.3.0 pkg/virt-config/virt-config.go:482-489; v1.5.0:467-470; v1.9.0:514-517
        ("v1.3.1", {"vmRolloutStrategy": "LiveUpdate"}, False),
        ("v1.4.0", {"vmRolloutStrategy": "LiveUpdate"}, False),
        ("v1.5.0", {"vmRolloutStrategy": "LiveUpdate"}, True),
        ("v1.5.0", {}, False),
        ("v1.6.3", {}, True),
        ("v1.9.0", {"vmRolloutStrategy": None}, True),
        ("v1.9.0", {"vmRolloutStrategy": "Stage"}, False),
    ],
)
def test_live_update_requires_a_feature_gate_up_to_kubevirt_v1_4(version, spec, live):
    config = read_config({"spec": {"configuration": spec}}, behaviour(version))
    assert config.live_update is live
    gates = {"developerConfiguration": {"featureGates": ["VMLiveUpdateFeatures"]}}
    gated = read_config({"spec": {"configuration": {**spec, **gates}}}, behaviour(version))
    assert gated.live_update is (live or spec.get("vmRolloutStrategy") == "LiveUpdate")


@pytest.mark.parametrize(
    ("version", "clears"),
    [
        # v1.6.4 and v1.7.1 pkg/virt-controller/watch/vm/vm.go:2977,2987 (backports)
        ("v1.5.3", False),
        ("v1.6.3", False),
        ("v1.6.4", True),
        ("v1.7.0", False),
        ("v1.7.1", True),
        ("v1.8.0", True),
        ("v1.9.0", True),
    ],
)
def test_restart_required_is_cleared_automatically_since_kubevirt_v1_6_4_and_v1_7_1(
    version, clears
):
    assert behaviour(version).self_clearing is clears


@pytest.mark.parametrize(
    ("version", "hotplug", "start"),
    [
        # v1.5.3 and v1.6.1 pkg/liveupdate/memory/memory.go:99; v1.6.0 pkg/defaults/defaults.go:122
        ("v1.2.1", {"amd64"}, {"amd64"}),
        ("v1.3.0", {"amd64", "arm64"}, {"amd64", "arm64"}),
        ("v1.5.2", {"amd64", "arm64"}, {"amd64", "arm64"}),
        ("v1.5.3", {"amd64"}, {"amd64"}),
        ("v1.6.0", {"amd64", "arm64"}, {"amd64"}),
        ("v1.6.1", {"amd64"}, {"amd64"}),
        ("v1.9.0", {"amd64"}, {"amd64"}),
    ],
)
def test_cpu_architectures_that_support_hotplug_depend_on_the_kubevirt_version(
    version, hotplug, start
):
    assert set(behaviour(version).hotplug_architectures) == hotplug
    assert set(behaviour(version).start_architectures) == start


@pytest.mark.parametrize(
    ("version", "field", "value"),
    [
        # v1.3.1 pkg/liveupdate/memory/memory.go:104
        ("v1.3.0", "minimum_guest", 0),
        ("v1.3.1", "minimum_guest", GI),
        # commit 51927ed13c
        ("v1.6.3", "default_requests", True),
        ("v1.7.0", "default_requests", False),
        # The recordings of v1.3.1 show back-off, which the code of v1.3.0 does not have.
        ("v1.3.0", "backoff", False),
        ("v1.3.1", "backoff", True),
        # pkg/virt-config/virt-config.go by tag
        ("v1.3.1", "completion_timeout_per_gib_s", 800),
        ("v1.4.0", "completion_timeout_per_gib_s", 150),
        # types.go v1.4.0 and v1.5.0
        ("v1.4.1", "instancetype_in_status", False),
        ("v1.5.0", "instancetype_in_status", True),
        # v1.2.0 pkg/virt-api/webhooks/…/vms-admitter.go:430-567, removed in v1.2.1
        ("v1.2.0", "limits_deny", True),
        ("v1.2.1", "limits_deny", False),
        # v1.2.2 pkg/virt-controller/watch/vm.go:3257-3349; observed on v1.2.2
        ("v1.2.0", "only_sizes_compared", False),
        ("v1.2.1", "only_sizes_compared", True),
        ("v1.3.0", "only_sizes_compared", False),
        ("v1.2.1", "plug_failure_visible", False),
        ("v1.3.0", "plug_failure_visible", True),
        ("v1.7.2", "gate_overlap_denied", False),
        ("v1.8.0", "gate_overlap_denied", True),
        ("v1.4.0", "overhead_fixed", 210 * MI),
        # observed on v1.4.1
        ("v1.4.1", "overhead_fixed", 215 * MI),
        ("v1.5.0", "overhead_fixed", 220 * MI),
        ("v1.5.3", "overhead_graphics", 16 * MI),
        ("v1.6.0", "overhead_graphics", 32 * MI),
        # v1.9.0 pkg/virt-controller/watch/migration/migration.go:986-1005
        ("v1.8.0", "same_cpu_vendor", False),
        ("v1.9.0", "same_cpu_vendor", True),
        # v1.7.0 featuregate/active.go:190, v1.8.0:270, v1.9.0 inactive.go:233
        ("v1.6.3", "priority_gate", GateStage.ABSENT),
        ("v1.8.0", "priority_gate", GateStage.LISTED),
        ("v1.9.0", "priority_gate", GateStage.GRADUATED),
    ],
)
def test_simulated_behaviour_depends_on_the_kubevirt_version(version, field, value):
    assert getattr(behaviour(version), field) == value


@pytest.mark.parametrize(("version", "found"), [("v1.6.3", False), ("v1.6.4", True)])
def test_version_check_compares_patch_versions_within_a_release_line(version, found):
    assert versions.since(versions.parse_version(version), "1.6.4", "1.7.1") is found


@pytest.mark.parametrize("text", ["v1.0.0", "v1.10.0", "1", "new", ""])
def test_error_about_an_unsupported_kubevirt_version_shows_the_version(text):
    with pytest.raises(ValueError, match=text or "not a KubeVirt version"):
        behaviour(text)


def test_migration_defaults_depend_on_the_kubevirt_version():
    # v1.9.0 pkg/virt-config/virt-config.go:44-52, recorded in migrationConfiguration
    config = read_config({}, behaviour("v1.9.0"))
    assert config.migrations == {
        "allowAutoConverge": False,
        "allowPostCopy": False,
        "allowWorkloadDisruption": False,
        "bandwidthPerMigration": "0",
        "completionTimeoutPerGiB": 150,
        "maxDowntimeMs": 900,
        "nodeDrainTaintKey": "kubevirt.io/drain",
        "parallelMigrationsPerCluster": 5,
        "parallelOutboundMigrationsPerNode": 2,
        "progressTimeout": 150,
        "unsafeMigrationOverride": False,
        "utilityVolumesTimeout": 150,
    }


def test_max_hotplug_ratio_of_zero_means_the_default_ratio():
    spec = {"configuration": {"liveUpdateConfiguration": {"maxHotplugRatio": 0}}}
    assert read_config({"spec": spec}, behaviour("v1.9.0")).max_hotplug_ratio == 4
