"""Tests the maximum duration of a migration, by KubeVirt version, CR and MigrationPolicy."""

from __future__ import annotations

import math

import pytest
from support.builders import VM, make_kubevirt, make_live, make_vm, make_vmi, q, with_settings

from reconciler.model.live.live_migration import LiveMigrationPolicy
from reconciler.plan.behaviour.effective_config import effective_config_of
from reconciler.plan.timing.longest_attempt import (
    DETECTION_S,
    PENDING_S,
    longest_attempt_s,
)
from reconciler.plan.timing.migration_durations import PREPARATION

BEFORE_TRANSFER_S = DETECTION_S + PENDING_S + PREPARATION.high


def transfer_s(target="16Gi", version="v1.9.0", policies=(), **settings):
    """Return the maximum duration of the memory transfer alone."""
    kubevirt = with_settings(make_kubevirt(version), **settings)
    vmi = make_vmi(labels={"app": "pg"})
    live = make_live(make_vm(), vmis=(vmi,), kubevirt=kubevirt, migration_policies=tuple(policies))
    bound = longest_attempt_s(live.vmis[VM], q(target), live, effective_config_of(kubevirt))
    return bound - BEFORE_TRANSFER_S


def policy(**settings):
    return LiveMigrationPolicy(name="p", vmi_labels={"app": "pg"}, **settings)


@pytest.mark.parametrize(
    ("target", "gigabytes"),
    [("16Gi", 18), ("1Gi", 2), ("1G", 1), (10**9 + 1, 2), ("64Gi", 69)],
)
def test_maximum_migration_time_is_based_on_guest_memory_rounded_up_to_decimal_gigabytes(
    target, gigabytes
):
    assert transfer_s(target) == 150 * gigabytes


@pytest.mark.parametrize(
    ("version", "settings", "seconds"),
    [
        pytest.param("v1.3.1", {}, 800 * 18, id="longer default up to v1.3"),
        pytest.param("v1.4.0", {}, 150 * 18, id="default from v1.4 on"),
        pytest.param(
            "v1.9.0", {"completionTimeoutPerGiB": 60}, 60 * 18, id="time-out set in the CR"
        ),
        pytest.param("v1.9.0", {"completionTimeoutPerGiB": 0}, math.inf, id="no time-out"),
        pytest.param(
            "v1.9.0", {"allowWorkloadDisruption": True}, 2 * 2700, id="paused, and doubled"
        ),
        pytest.param(
            "v1.4.0", {"allowWorkloadDisruption": True}, 2700, id="no such field before v1.5"
        ),
        pytest.param("v1.5.0", {"allowWorkloadDisruption": True}, 2 * 2700, id="from v1.5 on"),
        pytest.param("v1.9.0", {"allowPostCopy": True}, 2 * 2700, id="post-copy"),
        pytest.param("v1.3.1", {"allowPostCopy": True}, 2 * 800 * 18, id="post-copy, v1.3"),
        pytest.param("v1.9.0", {"allowPostCopy": False}, 2700, id="disruption not allowed"),
    ],
)
def test_maximum_migration_time_depends_on_the_kubevirt_cr_and_version(version, settings, seconds):
    assert transfer_s(version=version, **settings) == seconds


@pytest.mark.parametrize(
    ("found", "settings", "seconds"),
    [
        pytest.param(policy(), {}, 2700, id="empty policy"),
        pytest.param(policy(completion_timeout_per_gib=10), {}, 180, id="time-out"),
        pytest.param(
            policy(completion_timeout_per_gib=0),
            {"completionTimeoutPerGiB": 60},
            math.inf,
            id="no time-out",
        ),
        pytest.param(policy(allow_workload_disruption=True), {}, 5400, id="disruption"),
        pytest.param(
            policy(allow_workload_disruption=False),
            {"allowWorkloadDisruption": True},
            2700,
            id="no disruption",
        ),
        pytest.param(policy(allow_post_copy=True), {}, 5400, id="post-copy"),
        pytest.param(
            policy(allow_post_copy=False),
            {"allowPostCopy": True},
            2700,
            id="no post-copy means no disruption",
        ),
        pytest.param(
            LiveMigrationPolicy(
                name="p", vmi_labels={"app": "web"}, completion_timeout_per_gib=10
            ),
            {},
            2700,
            id="policy for other VMs",
        ),
    ],
)
def test_migration_policy_overrides_the_time_limits_in_the_kubevirt_cr(found, settings, seconds):
    assert transfer_s(policies=[found], **settings) == seconds


def test_migration_policy_cannot_enable_an_option_that_the_kubevirt_version_lacks():
    found = policy(allow_workload_disruption=True)
    assert transfer_s(version="v1.4.0", policies=[found]) == 2700


def test_maximum_migration_time_includes_the_time_for_which_the_target_pod_is_pending():
    assert 900 < BEFORE_TRANSFER_S < 1000
