"""Tests that the forecast starts no change before the quotas of its namespace allow it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    condition,
    make_desired,
    make_kubevirt,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    plan_of,
    q,
    want,
    with_settings,
)
from support.capacity_builders import OVERHEAD, capacity, launcher, node

from reconciler.model.live.capacity import AwareQuotas, Quota
from reconciler.model.quantity import GIB
from reconciler.model.references import vm_ref

SIZES = {"a": 8, "b": 8, "c": 8}
USED = sum(SIZES.values()) * GIB + 3 * OVERHEAD
TARGET = 9 * GIB + 2 * OVERHEAD
"""More than a target pod of 9 GiB requests, and less than two of them."""


def forecast(quotas=(), *, aware=(), parallel=5, sizes=SIZES, started=None, homes=()):
    """Return the forecast for VMs on different nodes that all grow by 1 GiB.

    *started* is the migration of the first VM, whose change has already begun. *homes* are the
    namespaces of the VMs, if they are not all in the namespace db.
    """
    homes = homes or ["db"] * len(sizes)
    refs = {name: vm_ref(home, name) for name, home in zip(sizes, homes, strict=True)}
    vmis = [
        make_vmi(refs[name], guest=f"{size}Gi", max_guest="64Gi", node=f"node-{name}")
        for name, size in sizes.items()
    ]
    pods = {vmi.uid: (launcher(vmi.node, guest=vmi.guest.n_bytes),) for vmi in vmis if vmi.guest}
    found = replace(
        capacity(quotas=quotas, launchers=pods),
        aware=AwareQuotas(by_namespace=dict.fromkeys(homes, aware) if aware else {}),
    )
    settings = {"maxGuest": q("64Gi"), "parallelMigrationsPerCluster": parallel}
    vms = [make_vm(refs[name], guest=f"{size}Gi") for name, size in sizes.items()]
    if started is not None:
        grown = q(f"{sizes['a'] + 1}Gi")
        changing = {**vmis[0].conditions, "HotMemoryChange": condition("True")}
        vms[0] = replace(vms[0], guest=grown)
        vmis[0] = replace(vmis[0], guest=grown, conditions=changing)
    live = make_live(
        *vms,
        vmis=vmis,
        migrations=(started,) if started is not None else (),
        kubevirt=with_settings(make_kubevirt(), **settings),
        nodes=tuple(node(f"node-{name}") for name in (*sizes, "spare")),
        capacity=found,
    )
    desired = make_desired(*(want(f"{size + 1}Gi", refs[name]) for name, size in sizes.items()))
    plan = plan_of(desired, live)
    assert plan.summary["live"] == len(sizes) - (started is not None)
    return plan.forecast


def times(found):
    return [(each.ref.name, each.earliest_s, each.latest_s) for each in found.vms]


def quota(hard, used=USED):
    return Quota(name="team", hard={"requests.memory": hard}, used={"requests.memory": used})


@pytest.mark.parametrize(("room", "parallel"), [(1, 1), (2, 2), (3, 3), (9, 5)])
def test_forecast_runs_as_many_migrations_at_a_time_as_a_quota_allows(room, parallel):
    # The old pods go, so that each ended change leaves room for one more.
    limited = forecast([quota(USED + room * TARGET)])
    assert times(limited) == times(forecast(parallel=parallel))


def test_forecast_starts_a_change_when_the_end_of_a_source_pod_releases_enough_quota():
    sizes = {"a": 4, "b": 32, "c": 4}
    used = 40 * GIB + 3 * OVERHEAD
    # Two target pods fit, and 2 GiB are left: c fits when the old pod of a is gone, before b ends.
    found = forecast([quota(used + 40 * GIB + 2 * OVERHEAD, used)], sizes=sizes)
    assert times(found) == times(forecast(sizes=sizes, parallel=2))
    assert times(found)[2][1] < times(found)[1][1]


def test_started_change_without_a_target_pod_reserves_its_quota_in_the_forecast():
    waiting = make_migration(vm_ref("db", "a"), "Pending", target_node="", started_at=None)
    found = [
        forecast([quota(USED + room * TARGET)], started=waiting).vms[0].earliest_s
        for room in (3, 1)
    ]
    assert found[0] < found[1]


def test_forecast_delays_a_change_that_would_exceed_an_application_aware_quota():
    key = "requests.memory/vmi"
    team = Quota(name="team", hard={key: 26 * GIB}, used={key: 24 * GIB})
    # The growth of two VMs fits. The third waits for a larger quota: it is shown last.
    first, second, third = times(forecast(aware=(team,)))
    assert first[1:] == second[1:] == times(forecast())[0][1:]
    assert third[1] > second[1]


@pytest.mark.parametrize(("cluster_wide", "waits"), [(True, True), (False, False)])
def test_forecast_delays_a_change_while_other_namespaces_use_up_a_cluster_wide_quota(
    cluster_wide, waits
):
    key = "requests.memory/vmi"
    team = Quota(
        name="team", hard={key: 26 * GIB}, used={key: 24 * GIB}, cluster_wide=cluster_wide
    )
    homes = ["front", "middle", "back"]
    first, second, third = (each.latest_s for each in forecast(aware=(team,), homes=homes).vms)
    assert len({first, second}) == 1
    assert (third > second) is waits


def test_change_that_the_quota_never_allows_does_not_delay_smaller_changes_in_the_forecast():
    sizes = {"a": 8, "b": 16, "c": 8}
    used = 32 * GIB + 3 * OVERHEAD
    found = times(forecast([quota(used + 2 * TARGET, used)], sizes=sizes))
    assert found[0][1:] == found[2][1:]
    assert found[1][1] > found[0][1]


def test_forecast_says_that_it_counts_quotas_but_not_the_memory_of_nodes():
    about = "a change waits until the current quotas"
    assert any(each.startswith(about) for each in forecast([quota(64 * GIB)]).assumptions)
    assert not any(each.startswith(about) for each in forecast().assumptions)
