"""Tests which MigrationPolicy applies to a migration, and which settings it changes.

Source: KubeVirt v1.9.0 pkg/virt-controller/watch/migration/migrationpolicy.go:44-146,
staging/src/kubevirt.io/api/migrations/v1alpha1/types.go:43-64.
"""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from support.kubevirt_world import JSON, LIVE, patch, simulate

from reconciler.simulator.kubevirt.cluster_config import read_config
from reconciler.simulator.kubevirt.migration import migration_policy
from reconciler.simulator.kubevirt.versions import behaviour
from reconciler.simulator.store.history import Key
from reconciler.simulator.worlds.field_reader import WorldError

POLICIES = "/apis/migrations.kubevirt.io/v1alpha1/migrationpolicies"


def policy(name, vmi=None, namespace=None, **spec):
    """Returns a MigrationPolicy; a selector that is None is omitted."""
    found = {"virtualMachineInstanceSelector": vmi, "namespaceSelector": namespace}
    selectors = {key: labels for key, labels in found.items() if labels is not None}
    return {
        "apiVersion": "migrations.kubevirt.io/v1alpha1",
        "kind": "MigrationPolicy",
        "metadata": {"name": name},
        "spec": {"selectors": selectors, **spec},
    }


def labelled(**labels):
    return {"metadata": {"labels": labels}}


BLUE, BIG = {"colour": "blue"}, {"size": "big"}
PROD, EAST = {"stage": "production"}, {"region": "east"}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param([], None, id="none"),
        pytest.param([policy("a", BLUE)], "a", id="a label of the VMI"),
        pytest.param([policy("a", namespace=PROD)], "a", id="a label of the namespace"),
        pytest.param([policy("a", {"colour": "red"})], None, id="another value"),
        pytest.param([policy("a", {"age": "old"})], None, id="a label that is not there"),
        pytest.param([policy("a", {**BLUE, "age": "old"})], None, id="one of two labels"),
        pytest.param([policy("a", BLUE, {"stage": "test"})], None, id="one of two selectors"),
        pytest.param(
            [policy("a", BLUE), policy("b", BLUE | BIG)], "b", id="more labels before the name"
        ),
        pytest.param(
            [policy("a", BLUE), policy("b", namespace=PROD | EAST)], "b", id="labels of both count"
        ),
        pytest.param(
            [policy("a", namespace=PROD), policy("b", BLUE)], "b", id="the VMI's among as many"
        ),
        pytest.param([policy("b", BLUE), policy("a", BIG)], "a", id="then the first by name"),
        pytest.param([policy("a"), policy("b", BLUE)], "b", id="empty selectors select all, last"),
        pytest.param([policy("a")], "a", id="empty selectors select all"),
        pytest.param([{"metadata": {"name": "a"}, "spec": {}}], None, id="without selectors"),
    ],
)
def test_migration_policy_with_the_most_matching_labels_applies(policies, expected):
    for given in (policies, policies[::-1]):
        found = migration_policy.applied(
            given, labelled(colour="blue", size="big"), labelled(stage="production", region="east")
        )
        assert (found and found["metadata"]["name"]) == expected


def resolved(version="v1.9.0", migrations=None, **spec):
    known = behaviour(version)
    cr = {"spec": {"configuration": {"migrations": migrations or {}}}}
    base = read_config(cr, known).migrations
    return base, migration_policy.settings(base, policy("a", **spec), known)


def test_migration_policy_overrides_only_the_settings_that_it_contains():
    given = {"bandwidthPerMigration": "1Gi", "parallelMigrationsPerCluster": 7}
    base, found = resolved(
        migrations=given,
        allowAutoConverge=True,
        bandwidthPerMigration="64Mi",
        completionTimeoutPerGiB=30,
        maxDowntimeMs=300,
    )
    assert found == {
        **base,
        "allowAutoConverge": True,
        "bandwidthPerMigration": "64Mi",
        "completionTimeoutPerGiB": 30,
        "maxDowntimeMs": 300,
    }
    assert found["parallelMigrationsPerCluster"] == 7


def test_migration_policy_cannot_change_the_limits_of_the_cluster():
    base, found = resolved(parallelMigrationsPerCluster=1, progressTimeout=1)
    assert found == base


@pytest.mark.parametrize(
    ("spec", "disruption"),
    [
        ({}, False),
        ({"allowPostCopy": True}, True),
        ({"allowPostCopy": True, "allowWorkloadDisruption": False}, False),
        ({"allowWorkloadDisruption": True}, True),
    ],
)
def test_allow_workload_disruption_defaults_to_allow_post_copy_of_the_policy(spec, disruption):
    """Source: v1.9.0 pkg/virt-config/virt-config.go:175-187; the rule also applies to a policy."""
    assert resolved(**spec)[1]["allowWorkloadDisruption"] is disruption


@pytest.mark.parametrize(
    ("version", "absent"),
    [("v1.4.0", {"allowWorkloadDisruption", "maxDowntimeMs"}), ("v1.8.0", {"maxDowntimeMs"})],
)
def test_older_kubevirt_versions_ignore_newer_migration_policy_settings(version, absent):
    found = resolved(version, allowPostCopy=True, allowWorkloadDisruption=True, maxDowntimeMs=1)[1]
    assert absent & set(found) == set()


def simulated(*, objects=(), migrations=None, labels=None, **vm):
    return simulate(
        {"name": "vm", "namespace": "shop", "vmiLabels": BLUE, **vm},
        spec={**LIVE, "configuration": {"migrations": migrations or {}}},
        namespaces=["empty", {"name": "shop", "labels": labels or PROD}],
        objects=list(objects),
    )


def grown(sim, guest="2Gi", seconds=900):
    """Changes the memory size of the VM, waits, and returns the migrationState of its VMI."""
    path = "/apis/kubevirt.io/v1/namespaces/shop/virtualmachines/vm"
    body = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": guest}}}}}}
    assert patch(sim, path, body).status == 200
    sim.engine.run_until(seconds)
    key = Key("virtualmachineinstances.kubevirt.io", "shop", "vm")
    return sim.store.get(key)["status"]["migrationState"]


def took(state):
    begin, end = (datetime.fromisoformat(state[f"{each}Timestamp"]) for each in ("start", "end"))
    return (end - begin).total_seconds()


def test_migration_state_shows_the_policy_and_the_resulting_settings():
    state = grown(simulated(objects=[policy("slow", BLUE, PROD, bandwidthPerMigration="32Mi")]))
    assert state["migrationPolicyName"] == "slow"
    assert state["migrationConfiguration"]["bandwidthPerMigration"] == "32Mi"
    assert state["migrationConfiguration"]["parallelMigrationsPerCluster"] == 5
    assert 32 <= took(state) <= 36


def test_migration_state_without_a_policy_shows_the_settings_of_the_kubevirt_cr():
    state = grown(simulated(migrations={"bandwidthPerMigration": "64Mi"}))
    assert "migrationPolicyName" not in state
    assert state["migrationConfiguration"]["bandwidthPerMigration"] == "64Mi"
    assert 16 <= took(state) <= 20


def test_migration_policy_can_allow_more_bandwidth_than_the_kubevirt_cr():
    fast = policy("fast", BLUE, bandwidthPerMigration="1Gi")
    state = grown(simulated(objects=[fast], migrations={"bandwidthPerMigration": "1Mi"}))
    assert state["completed"]
    assert took(state) <= 5


def test_migration_policy_applies_from_its_creation_until_its_deletion():
    sim = simulated()
    made = policy("slow", BLUE, bandwidthPerMigration="32Mi")
    assert (
        sim.request("POST", POLICIES, headers=JSON, body=json.dumps(made).encode()).status == 201
    )
    assert grown(sim)["migrationPolicyName"] == "slow"
    assert sim.request("DELETE", f"{POLICIES}/slow").status == 200
    assert "migrationPolicyName" not in grown(sim, "3Gi", 1800)


@pytest.mark.parametrize(
    ("transfer", "spec", "ends"),
    [
        # 2Gi are 3 GB when rounded up, so 10 s per GB are 30 s.
        ("25s", {}, None),
        ("40s", {}, "Live migration has been aborted"),
        ("40s", {"allowWorkloadDisruption": True}, None),
        ("80s", {"allowWorkloadDisruption": True}, "Live migration has been aborted"),
        ("80s", {"allowPostCopy": True}, None),
    ],
)
def test_completion_timeout_per_gib_of_a_migration_policy_is_multiplied_by_decimal_gigabytes(
    transfer, spec, ends
):
    """Source: v1.9.0 pkg/virt-launcher/virtwrap/live-migration-source.go:450,743-814."""
    short = policy("short", BLUE, completionTimeoutPerGiB=10, **spec)
    sim = simulated(objects=[short], faults={"transfer": transfer})
    grown(sim, seconds=150)
    done = sim.store.list("virtualmachineinstancemigrations.kubevirt.io")
    states = [each["status"].get("migrationState", {}) for each in done]
    ended = [state.get("failureReason") for state in states if state.get("completed")]
    assert set(ended) == {ends}


def test_labels_in_a_scenario_are_set_on_the_created_objects():
    sim = simulated(labels={"stage": "test"})
    shown = sim.store.get(Key("namespaces", "", "shop"))["metadata"]["labels"]
    assert shown == {"kubernetes.io/metadata.name": "shop", "stage": "test"}
    assert sim.store.get(Key("namespaces", "", "empty")) is not None
    vm = sim.store.get(Key("virtualmachines.kubevirt.io", "shop", "vm"))
    assert vm["spec"]["template"]["metadata"]["labels"] == BLUE
    assert "labels" not in vm["metadata"]


@pytest.mark.parametrize(
    ("world", "path"),
    [
        ({"objects": [policy("a") | {"spec": {}}]}, "objects[0].spec.selectors"),
        ({"objects": [policy("a", bandwidth="1Gi")]}, "objects[0].spec.bandwidth"),
        (
            {"objects": [policy("a", bandwidthPerMigration="fast")]},
            "objects[0].spec.bandwidthPerMigration",
        ),
        ({"labels": {"stage": 1}}, "namespaces[1].labels.stage"),
        ({"vmiLabels": {"colour": True}}, "vms[0].vmiLabels.colour"),
    ],
)
def test_invalid_migration_policy_in_a_scenario_is_rejected_with_its_path(world, path):
    with pytest.raises(WorldError) as caught:
        simulated(**world)
    assert [problem.path for problem in caught.value.problems] == [path]
