"""Tests which settings of the KubeVirt CR differ between Git and the cluster."""

from __future__ import annotations

import pytest
from support.builders import make_desired, make_kubevirt, with_settings

from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.fields import (
    FEATURE_GATES,
    KUBEVIRT_FIELDS,
    MAX_GUEST,
    ROLLOUT_STRATEGY,
    UPDATE_METHODS,
    NameSet,
    WaveName,
)
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.plan.kubevirt.drift import kubevirt_drift

PATHS = {each.path[-1]: each.path for each in KUBEVIRT_FIELDS}
NONE = make_kubevirt(settings={}, spellings={})


def names(*each: str) -> NameSet:
    return NameSet.of(each)


def drift(desired: dict, live: dict):
    """Return the changes from live to desired settings, by the last key of each field path."""
    settings = {PATHS[key]: value for key, value in desired.items()}
    in_git = DesiredKubeVirt(ref=NONE.ref, settings=settings)
    return kubevirt_drift(make_desired(), in_git, with_settings(NONE, **live))


EQUAL = [
    pytest.param(
        {"maxGuest": MemoryQuantity.parse("1024Mi")},
        {"maxGuest": MemoryQuantity.parse("1Gi")},
        id="notation of a quantity",
    ),
    pytest.param(
        {"batchEvictionInterval": Duration.parse("1m")},
        {"batchEvictionInterval": Duration.parse("60s")},
        id="notation of a duration",
    ),
    pytest.param(
        {"workloadUpdateMethods": names("LiveMigrate", "Evict")},
        {"workloadUpdateMethods": names("Evict", "LiveMigrate", "Evict")},
        id="order and repetition of names",
    ),
    pytest.param({"workloadUpdateMethods": names()}, {}, id="empty list, unset in the CR"),
    pytest.param({"featureGates": names()}, {}, id="no gates, unset in the CR"),
    pytest.param({"featureGates": names()}, {"featureGates": names("A")}, id="no gates"),
    pytest.param({"featureGates": names("A")}, {"featureGates": names("B", "A")}, id="gate"),
    pytest.param({}, {"vmRolloutStrategy": "Stage"}, id="not in Git"),
    pytest.param({"allowPostCopy": False}, {"allowPostCopy": False}, id="boolean"),
]
"""Pairs of settings in Git and in the cluster that have the same meaning."""


@pytest.mark.parametrize(("desired", "live"), EQUAL)
def test_kubevirt_cr_that_matches_git_needs_no_change(desired, live):
    assert drift(desired, live) == ()


@pytest.mark.parametrize(("desired", "live"), EQUAL)
def test_kubevirt_cr_plan_contains_only_settings_that_change(desired, live):
    (change,) = drift({**desired, "maxCpuSockets": 8}, {**live, "maxCpuSockets": 4})
    assert change.field == PATHS["maxCpuSockets"]


@pytest.mark.parametrize(
    ("key", "desired", "live"),
    [
        ("vmRolloutStrategy", "LiveUpdate", "Stage"),
        ("vmRolloutStrategy", "LiveUpdate", None),
        ("maxGuest", MemoryQuantity.parse("8Gi"), MemoryQuantity.parse("4Gi")),
        ("workloadUpdateMethods", names("LiveMigrate"), names("LiveMigrate", "Evict")),
        ("workloadUpdateMethods", names(), names("Evict")),
        ("allowPostCopy", False, True),
        ("parallelMigrationsPerCluster", 1, 5),
    ],
)
def test_kubevirt_cr_change_contains_the_old_and_the_new_value(key, desired, live):
    (change,) = drift({key: desired}, {} if live is None else {key: live})
    assert (change.field, change.before, change.after) == (PATHS[key], live, desired)


def test_missing_feature_gates_are_appended_to_the_existing_list_without_duplicates():
    (change,) = drift({"featureGates": names("C", "A", "C")}, {"featureGates": names("B", "A")})
    assert isinstance(change.after, NameSet)
    assert change.after.raw == ("B", "A", "C")


def test_kubevirt_cr_changes_are_planned_in_a_fixed_order_of_fields():
    desired = {
        "maxGuest": MemoryQuantity.parse("8Gi"),
        "vmRolloutStrategy": "LiveUpdate",
        "workloadUpdateMethods": names("LiveMigrate"),
        "featureGates": names("A"),
    }
    assert [(each.field, each.wave) for each in drift(desired, {})] == [
        (FEATURE_GATES, WaveName.FEATURE_GATE),
        (UPDATE_METHODS, WaveName.STRATEGY),
        (ROLLOUT_STRATEGY, WaveName.STRATEGY),
        (MAX_GUEST, WaveName.STRATEGY),
    ]
