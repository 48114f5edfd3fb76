"""Tests the requests for migration policies, and clusters without this kind."""

from __future__ import annotations

import pytest

from reconciler.cluster.read.migration_policy_reader import (
    NAMESPACES,
    POLICIES,
    MigrationPolicies,
    list_migration_policies,
)
from reconciler.model.live.live_migration import LiveMigrationPolicy
from reconciler.model.quantity import MemoryQuantity


def raw(name: str, **spec: object) -> dict:
    return {"metadata": {"name": name}, "spec": spec}


def test_migration_policies_are_sorted_by_name_without_listing_namespaces(server, client, page):
    one = raw(
        "b",
        bandwidthPerMigration="64Mi",
        selectors={"virtualMachineInstanceSelector": {"app": "pg"}},
    )
    server.on(POLICIES, page(one, raw("a", selectors={}), raw("never", allowPostCopy=True)))
    assert list_migration_policies(client) == MigrationPolicies(
        values=(
            LiveMigrationPolicy(name="a"),
            LiveMigrationPolicy(
                name="b", bandwidth=MemoryQuantity.parse("64Mi"), vmi_labels={"app": "pg"}
            ),
        )
    )
    assert [request.path for request in server.requests] == [POLICIES]


def test_migration_policy_limits_that_are_not_set_stay_unset(server, client, page):
    settings = {
        "completionTimeoutPerGiB": 0,
        "allowPostCopy": False,
        "allowWorkloadDisruption": True,
        "allowAutoConverge": True,
    }
    server.on(POLICIES, page(raw("a", selectors={}, **settings), raw("b", selectors={})))
    assert list_migration_policies(client).values == (
        LiveMigrationPolicy(
            name="a",
            completion_timeout_per_gib=0,
            allow_post_copy=False,
            allow_workload_disruption=True,
        ),
        LiveMigrationPolicy(name="b"),
    )


def test_namespaces_are_listed_if_a_migration_policy_selects_their_labels(server, client, page):
    server.on(POLICIES, page(raw("a", selectors={"namespaceSelector": {"tier": "db"}})))
    labelled = {"metadata": {"name": "db", "labels": {"tier": "db"}}}
    server.on(NAMESPACES, page(labelled, {"metadata": {"name": "web"}}))
    found = list_migration_policies(client)
    assert [dict(each.namespace_labels) for each in found.values] == [{"tier": "db"}]
    assert found.namespace_labels == {"db": {"tier": "db"}, "web": {}}


def test_missing_crd_of_migration_policies_is_not_reported(server, client):
    assert list_migration_policies(client) == MigrationPolicies()


def test_missing_permission_for_migration_policies_is_reported_as_a_note(server, client, failure):
    server.on(POLICIES, failure(403, "forbidden", "Forbidden"))
    (note,) = list_migration_policies(client).diagnostics
    assert (note.severity, note.code) == ("note", "migration-policies-unreadable")
    assert "because a permission is missing" in note.message


@pytest.mark.parametrize("bandwidth", ["fast", [1]])
def test_unreadable_migration_policy_does_not_prevent_reading_other_policies(
    server, client, page, bandwidth
):
    odd = raw("a", selectors={}, bandwidthPerMigration=bandwidth)
    server.on(POLICIES, page(odd, raw("b", selectors={})))
    found = list_migration_policies(client)
    assert found.values == (LiveMigrationPolicy(name="b"),)
    (finding,) = found.diagnostics
    assert (finding.code, finding.ref.name) == ("unreadable-object", "a")
    assert "cannot be read, so the forecast does not use it" in finding.message
