"""Tests how long the forecast assumes that changes take, and when they start."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import (
    NOW,
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

from reconciler.model.fields import UPDATE_METHODS, NameSet
from reconciler.model.live.live_migration import LiveMigrationPolicy
from reconciler.model.references import vm_ref
from reconciler.plan.behaviour.migration_policy import bandwidth
from reconciler.plan.forecast import slots
from reconciler.plan.forecast.slots import Held, Job, Slots

if TYPE_CHECKING:
    import random

GIB = 2**30


def fleet(*vms, migrations=(), others=(), kubevirt=None, **overrides):
    """Return a desired and a live state in which each VM should grow by 1 GiB."""
    refs = {name: vm_ref("db", name) for name, *_ in vms}
    lives = [make_vm(refs[name], guest=f"{size}Gi") for name, size, _ in vms]
    vmis = [
        make_vmi(refs[name], guest=f"{size}Gi", max_guest="1Ti", node=node)
        for name, size, node in vms
    ]
    live = make_live(
        *lives,
        vmis=(*vmis, *others),
        migrations=tuple(migrations),
        kubevirt=with_settings(kubevirt or make_kubevirt(), maxGuest=q("1Ti")),
        nodes=(),
        **overrides,
    )
    return make_desired(*(want(f"{size + 1}Gi", refs[name]) for name, size, _ in vms)), live


def forecast_of(desired, live, **policy):
    plan = plan_of(desired, live, **policy)
    assert {each.reason for each in plan.decisions if each.ref.kind == "VirtualMachine"} <= {
        "hotplug"
    }
    return plan.forecast


def finished(name: str, seconds: float, *, ref, ago_s: float = 3600.0, wait_s: float = 3.0):
    created = NOW - timedelta(seconds=ago_s)
    started = created + timedelta(seconds=wait_s)
    return make_migration(
        ref,
        "Succeeded",
        name,
        created_at=created,
        started_at=started,
        ended_at=started + timedelta(seconds=seconds),
        for_update=False,
    )


# The queue


@pytest.mark.parametrize(
    ("jobs", "places", "held", "ends"),
    [
        ("a5 a5 a5", (2, 2), (), [5, 5, 10]),
        ("a5 a5 b5", (2, 1), (), [5, 10, 5]),
        ("a5 a5 a5 b1 b1", (3, 1), (), [5, 10, 15, 1, 2]),
        ("a5 b5", (1, 1), (), [5, 10]),
        ("a5 b5", (2, 1), (("a", 3),), [8, 5]),
        ("a5 b5", (2, 2), (("c", 3), ("d", 4)), [8, 9]),
        ("a5", (1, 1), (("c", 3), ("c", 9)), [14]),
        ("?5 ?5 ?5", (3, 1), (), [5, 5, 5]),
    ],
)
def test_forecast_starts_a_change_when_the_cluster_and_node_migration_limits_allow_it(
    jobs, places, held, ends
):
    found = slots.ends(
        [Job(each[0].replace("?", ""), float(each[1:])) for each in jobs.split()],
        Slots(cluster=places[0], per_node=places[1]),
        [Held(node, until) for node, until in held],
    )
    assert found == ends


@pytest.mark.parametrize(
    ("jobs", "places", "ends"),
    [
        (("a5 g", "b5 g", "c5"), (3, 3), [5, 10, 5]),
        (("a5 g", "a5 g", "a5"), (3, 2), [5, 10, 5]),
        (("a5 g h", "b1 g", "c1 h", "d1"), (4, 4), [5, 6, 6, 1]),
        (("a5 g", "b5 g", "c5"), (1, 1), [5, 10, 15]),
    ],
)
def test_forecast_changes_vms_of_an_anti_affinity_group_one_at_a_time(jobs, places, ends):
    found = slots.ends(
        [Job(head[0], float(head[1:]), groups) for head, groups in map(grouped, jobs)],
        Slots(cluster=places[0], per_node=places[1]),
    )
    assert found == ends


def grouped(job: str) -> tuple[str, frozenset[tuple[str, str, str]]]:
    head, *names = job.split()
    return head, frozenset(("db", "app", name) for name in names)


def test_forecast_delays_a_change_while_another_vm_in_its_anti_affinity_group_is_changing():
    (group,) = grouped("a1 g")[1]
    held = [Held("b", 4.0, frozenset({group}))]
    places = Slots(cluster=2, per_node=2)
    assert slots.ends([Job("a", 5.0, frozenset({group}))], places, held) == [9.0]


LIMITED = st.builds(
    Job,
    st.sampled_from(["", "a", "b", "c"]),
    st.integers(1, 6).map(float),
    st.frozensets(st.sampled_from([("db", "app", name) for name in "wxyz"]), max_size=2),
)


@given(st.lists(LIMITED, max_size=25), st.integers(1, 6), st.integers(1, 3))
def test_forecast_end_times_equal_those_of_a_simple_simulation(jobs, cluster, per_node):
    running: list[tuple[float, Job]] = []
    expected, waiting, now = [0.0] * len(jobs), list(range(len(jobs))), 0.0
    while waiting:
        for n in tuple(waiting):
            job = jobs[n]
            same_node = sum(each.node == job.node for _, each in running)
            if len(running) >= cluster or (job.node and same_node >= per_node):
                continue
            if any(each.groups & job.groups for _, each in running):
                continue
            expected[n] = now + job.seconds
            running.append((expected[n], job))
            waiting.remove(n)
        now = min((end for end, _ in running), default=now)
        running = [each for each in running if each[0] > now]
    places = Slots(cluster=cluster, per_node=per_node)
    assert slots.ends(jobs, places) == expected


# Learned durations


def test_migration_time_estimate_uses_the_transfer_rate_of_finished_migrations():
    other = vm_ref("db", "other")
    desired, live = fleet(
        ("vm", 20, "node01"),
        others=(make_vmi(other, guest="10Gi", node="node02"),),
        migrations=(finished("m-1", 100, ref=other), finished("m-2", 104, ref=other)),
    )
    found = forecast_of(desired, live)
    assert found.earliest_s < 20 * 10 < found.latest_s
    assert found.latest_s < 2 * found.earliest_s
    assert any("as measured in 2 finished migrations" in each for each in found.assumptions)


def test_forecast_states_the_assumed_bandwidth_if_no_migration_has_finished():
    found = forecast_of(*fleet(("vm", 20, "node01")))
    assert any("10 to 25 Gbit/s" in each for each in found.assumptions)


def test_migration_time_estimate_ignores_a_single_slow_migration():
    other = vm_ref("db", "other")
    usual = [finished(f"m-{n}", 100, ref=other) for n in range(8)]
    sane = fleet(
        ("vm", 20, "node01"),
        others=(make_vmi(other, guest="10Gi", node="node02"),),
        migrations=usual,
    )
    odd = fleet(
        ("vm", 20, "node01"),
        others=(make_vmi(other, guest="10Gi", node="node02"),),
        migrations=[*usual, finished("m-9", 3000, ref=other)],
    )
    assert forecast_of(*sane).latest_s == forecast_of(*odd).latest_s


def test_observed_rate_of_a_hotplug_migration_is_based_on_the_memory_size_before_the_hotplug():
    ref = vm_ref("db", "other")
    grown = replace(make_vmi(ref, guest="80Gi", node="node02"), guest_at_boot=q("10Gi"))
    update = replace(finished("m-1", 100, ref=ref), for_update=True)
    desired, live = fleet(("vm", 20, "node01"), others=(grown,), migrations=(update,))
    found = forecast_of(desired, live)
    assert found.earliest_s < 20 * 10 < found.latest_s


def test_migration_time_estimate_ignores_migrations_under_an_earlier_bandwidth_limit():
    other = vm_ref("db", "other")
    _, live = fleet(
        ("vm", 20, "node01"),
        others=(make_vmi(other, guest="10Gi", node="node02"),),
        migrations=(finished("m-1", 120, ref=other),),
        kubevirt=with_settings(make_kubevirt(), bandwidthPerMigration=q("100Mi")),
    )
    changed = {
        each: value
        for each, value in with_settings(
            make_kubevirt(), bandwidthPerMigration=q("400Mi")
        ).settings.items()
        if each != UPDATE_METHODS
    }
    desired = make_desired(want("21Gi", vm_ref("db", "vm")), kubevirt=changed)
    before = forecast_of(make_desired(want("21Gi", vm_ref("db", "vm"))), live)
    after = forecast_of(desired, live)
    assert before.earliest_s < 20 * 12 < before.latest_s
    assert after.earliest_s < 20 * 1024 / 400 * 1.2 < after.latest_s < before.earliest_s
    assert not any("finished" in each for each in after.assumptions)


def test_forecast_never_assumes_a_higher_migration_rate_than_the_bandwidth_limit():
    other = vm_ref("db", "other")
    desired, live = fleet(
        ("vm", 20, "node01"),
        others=(make_vmi(other, guest="10Gi", node="node02"),),
        migrations=(finished("m-1", 5, ref=other),),
    )
    (vmi,) = (each for ref, each in live.vmis.items() if ref != other)
    slow = replace(
        live,
        vmis={**live.vmis, vmi.ref: replace(vmi, labels={"slow": "yes"})},
        migration_policies=(policy("p", "100Mi", "slow=yes"),),
    )
    assert forecast_of(desired, live).latest_s < 60
    found = forecast_of(desired, slow)
    assert found.earliest_s < 20 * 1024 / 100 + 15 < found.latest_s
    assert found.latest_s < 2 * found.earliest_s


# Migrations and changes that count towards the migration limits


def test_forecast_counts_a_migration_outside_the_plan_towards_the_limits_until_it_ends():
    other = vm_ref("db", "other")
    one_place = with_settings(make_kubevirt(), parallelMigrationsPerCluster=1)
    busy = replace(
        make_vmi(other, guest="20Gi", node="node02"),
        migration_uid="uid-m-1",
        migration_started_at=NOW,
    )
    free = forecast_of(*fleet(("vm", 1, "node01"), kubevirt=one_place))
    held = forecast_of(
        *fleet(
            ("vm", 1, "node01"),
            others=(busy,),
            migrations=(make_migration(other, "Running"),),
            kubevirt=one_place,
        )
    )
    near = forecast_of(
        *fleet(
            ("vm", 1, "node01"),
            others=(replace(busy, migration_started_at=NOW - timedelta(seconds=8)),),
            migrations=(make_migration(other, "Running"),),
            kubevirt=one_place,
        )
    )
    assert free.earliest_s < near.earliest_s < held.earliest_s
    assert free.latest_s < near.latest_s < held.latest_s
    assert any("1 other migration counts" in each for each in held.assumptions)


def test_forecast_counts_a_started_change_towards_the_limits_before_its_migration_starts():
    one_place = with_settings(make_kubevirt(), parallelMigrationsPerCluster=1)
    waiting = make_vmi(
        vm_ref("db", "other"), node="node02", conditions={"HotMemoryChange": condition("True")}
    )
    free = forecast_of(*fleet(("vm", 1, "node01"), kubevirt=one_place))
    held = forecast_of(*fleet(("vm", 1, "node01"), others=(waiting,), kubevirt=one_place))
    assert free.latest_s < held.earliest_s * 2


def test_forecast_uses_the_lower_of_kubevirts_and_the_users_concurrency_limit():
    vms = [(f"vm-{n}", 4, f"node0{n}") for n in range(5)]
    free, own = forecast_of(*fleet(*vms)), forecast_of(*fleet(*vms), max_concurrent=1)
    assert own.latest_s > 4 * free.latest_s
    assert forecast_of(*fleet(*vms), max_concurrent=99) == free


def test_forecast_includes_the_time_until_kubevirt_has_applied_its_changed_cr():
    desired, live = fleet(("vm", 1, "node01"))
    alone = forecast_of(desired, live)
    bare = with_settings(live.kubevirt, workloadUpdateMethods=None)
    both = make_desired(
        want("2Gi", vm_ref("db", "vm")), kubevirt={UPDATE_METHODS: NameSet.of(("LiveMigrate",))}
    )
    found = forecast_of(both, replace(live, kubevirt=bare))
    assert found.earliest_s > alone.earliest_s
    assert found.latest_s > alone.latest_s + 8
    assert any(
        "KubeVirt applies a changed KubeVirt CR within" in each for each in found.assumptions
    )


# Copied memory and peak requests


def test_forecast_peak_memory_includes_guest_growth_and_concurrent_target_pods():
    vms = (("a", 8, "node01"), ("b", 4, "node02"), ("c", 2, "node03"))
    found = forecast_of(
        *fleet(*vms, kubevirt=with_settings(make_kubevirt(), parallelMigrationsPerCluster=2))
    )
    assert (found.migrations, found.n_bytes_copied) == (3, 14 * GIB)
    # Each VM grows by 1 GiB, and the two largest have two pods at the same time.
    assert found.peak_extra_requests == {"db": (3 + 8 + 4) * GIB}
    assert [(each.ref.name, each.position) for each in found.vms] == [("a", 1), ("b", 2), ("c", 3)]


def test_forecast_peak_memory_of_the_cluster_counts_each_concurrent_target_pod_once():
    desired, live = fleet(
        *((name, 4, f"node0{n}") for n, name in enumerate("abc", 1)),
        kubevirt=with_settings(make_kubevirt(), parallelMigrationsPerCluster=2),
    )
    assert forecast_of(desired, live).peak_extra_total == (3 + 4 + 4) * GIB
    moved = {each.ref: vm_ref(f"ns-{each.ref.name}", each.ref.name) for each in live.vms.values()}
    apart = replace(
        live,
        vms={moved[ref]: replace(vm, ref=moved[ref]) for ref, vm in live.vms.items()},
        vmis={moved[ref]: replace(vmi, ref=moved[ref]) for ref, vmi in live.vmis.items()},
    )
    wanted = {moved[ref]: replace(vm, ref=moved[ref]) for ref, vm in desired.vms.items()}
    found = forecast_of(replace(desired, vms=wanted), apart)
    assert found.peak_extra_requests == {f"ns-{name}": 5 * GIB for name in "abc"}
    assert found.peak_extra_total == (3 + 4 + 4) * GIB


def test_plan_without_migrations_has_no_forecast():
    found = forecast_of(*fleet())
    assert (found.migrations, found.earliest_s, found.latest_s) == (0, 0.0, 0.0)
    assert (found.vms, found.assumptions, dict(found.peak_extra_requests)) == ((), (), {})


# Migration policies


def policy(name: str, limit: str | None, vmi: str = "", namespace: str = ""):
    def labels(text: str) -> dict[str, str]:
        return dict(pair.split("=") for pair in text.split())

    return LiveMigrationPolicy(
        name=name,
        bandwidth=q(limit) if limit else None,
        vmi_labels=labels(vmi),
        namespace_labels=labels(namespace),
    )


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ((), "64Mi"),
        ((policy("a", "1Mi", "app=pg"),), "1Mi"),
        ((policy("a", "1Mi", "app=web"),), "64Mi"),
        ((policy("a", "1Mi", "app=pg", "tier=web"),), "64Mi"),
        ((policy("a", "1Mi", "app=pg"), policy("b", "2Mi", "app=pg size=big")), "2Mi"),
        ((policy("a", "1Mi", "", "tier=db"), policy("b", "2Mi", "app=pg")), "2Mi"),
        ((policy("a", "1Mi", "", "tier=db zone=1"), policy("b", "2Mi", "app=pg")), "1Mi"),
        ((policy("b", "2Mi", "app=pg"), policy("a", "1Mi", "size=big")), "1Mi"),
        ((policy("a", None, "app=pg size=big"), policy("b", "2Mi", "app=pg")), "64Mi"),
        ((policy("a", "0", "app=pg"),), "0"),
        ((policy("a", "1Mi"),), "1Mi"),
    ],
)
def test_most_specific_migration_policy_sets_the_bandwidth(policies, expected):
    """Source: kubevirt v1.9.0 pkg/virt-controller/watch/migration/migrationpolicy.go:44-146."""
    vmi = make_vmi(labels={"app": "pg", "size": "big"})
    live = make_live(
        migration_policies=policies,
        namespace_labels={"db": {"tier": "db", "zone": "1"}, "x": {"tier": "web"}},
    )
    assert bandwidth(vmi, live, q("64Mi").n_bytes) == q(expected).n_bytes


def test_forecast_applies_the_bandwidth_of_a_migration_policy_only_to_vms_that_it_selects():
    desired, live = fleet(("a", 20, "node01"), ("b", 20, "node02"))
    vmis = dict(live.vmis)
    vmis[vm_ref("db", "b")] = replace(vmis[vm_ref("db", "b")], labels={"slow": "yes"})
    limited = replace(live, vmis=vmis, migration_policies=(policy("p", "10Mi", "slow=yes"),))
    free, slow = forecast_of(desired, live).vms, forecast_of(desired, limited).vms
    assert slow[0] == free[0]
    assert slow[1].earliest_s > 10 * free[1].latest_s


# Properties

machines = st.lists(
    st.tuples(st.integers(1, 64), st.sampled_from(["node01", "node02", "node03"])),
    min_size=1,
    max_size=14,
)
limits = st.tuples(st.integers(1, 8), st.integers(1, 4))
durations = st.lists(st.integers(1, 400), max_size=6)


def named(found):
    return [(f"vm-{n:02}", size, node) for n, (size, node) in enumerate(found)]


def limited(places: int, per_node: int):
    return with_settings(
        make_kubevirt(),
        parallelMigrationsPerCluster=places,
        parallelOutboundMigrationsPerNode=per_node,
    )


def past(seconds):
    ref = vm_ref("db", "other")
    return {
        "others": (make_vmi(ref, guest="16Gi", node="node02"),),
        "migrations": tuple(finished(f"m-{n}", each, ref=ref) for n, each in enumerate(seconds)),
    }


@settings(max_examples=60, deadline=None)
@given(machines, limits, durations, st.integers(0, 3))
def test_forecast_upper_bound_is_less_than_three_times_the_lower_bound(
    vms, limit, seconds, running
):
    before = past(seconds)
    for n in range(running):
        ref = vm_ref("db", f"running-{n}")
        before["others"] += (make_vmi(ref, guest="32Gi", node="node01"),)
        before["migrations"] += (make_migration(ref, "Running", f"running-{n}"),)
    found = forecast_of(*fleet(*named(vms), kubevirt=limited(*limit), **before))
    for each in (found, *found.vms):
        assert 0 < each.earliest_s <= each.latest_s < 3 * each.earliest_s


@settings(max_examples=40, deadline=None)
@given(machines, limits, durations, st.randoms(use_true_random=False))
def test_forecast_does_not_depend_on_the_order_of_its_inputs(
    vms, limit, seconds, dice: random.Random
):
    desired, live = fleet(*named(vms), kubevirt=limited(*limit), **past(seconds))

    def shuffled(mapping):
        return dict(dice.sample(list(mapping.items()), k=len(mapping)))

    other = replace(
        live,
        vms=shuffled(live.vms),
        vmis=shuffled(live.vmis),
        migrations={
            ref: tuple(dice.sample(group, k=len(group))) for ref, group in live.migrations.items()
        },
    )
    again = replace(desired, vms=shuffled(desired.vms))
    assert forecast_of(again, other) == forecast_of(desired, live)


@settings(max_examples=60, deadline=None)
@given(machines, limits, durations, st.data())
def test_forecast_never_ends_earlier_if_a_vm_is_added(vms, limit, seconds, data):
    """The test sets no limit per node, because an additional VM could then change the order."""
    places = limit[0]
    kubevirt = limited(places, places)
    every = named(vms)
    some = data.draw(st.lists(st.sampled_from(every), unique=True, min_size=1))
    more = forecast_of(*fleet(*every, kubevirt=kubevirt, **past(seconds)))
    fewer = forecast_of(*fleet(*sorted(some), kubevirt=kubevirt, **past(seconds)))
    assert fewer.earliest_s <= more.earliest_s + 1e-6
    assert fewer.latest_s <= more.latest_s + 1e-6
    assert fewer.n_bytes_copied <= more.n_bytes_copied
    assert fewer.peak_extra_requests["db"] <= more.peak_extra_requests["db"]


@settings(max_examples=60, deadline=None)
@given(machines, limits, st.integers(1, 4))
def test_forecast_delays_no_change_if_the_cluster_migration_limit_is_raised(vms, limit, more):
    places = limit[0]
    few = forecast_of(*fleet(*named(vms), kubevirt=limited(places, 8)))
    many = forecast_of(*fleet(*named(vms), kubevirt=limited(places + more, 12)))
    for before, after in zip((few, *few.vms), (many, *many.vms), strict=True):
        assert after.earliest_s <= before.earliest_s + 1e-6
        assert after.latest_s <= before.latest_s + 1e-6


jobs = st.lists(
    st.builds(Job, st.sampled_from("abc"), st.integers(1, 60).map(float)), min_size=1, max_size=20
)


@settings(max_examples=200, deadline=None)
@given(jobs, limits, st.integers(0, 3), st.integers(0, 3))
def test_forecast_grows_by_less_than_the_longest_change_if_migration_limits_are_raised(
    queue, limit, more, own
):
    few = slots.ends(queue, Slots(cluster=limit[0], per_node=limit[1]))
    many = slots.ends(queue, Slots(cluster=limit[0] + more, per_node=limit[1] + own))
    longest = max(job.seconds for job in queue)
    assert max(many) < max(few) + longest


@settings(max_examples=200, deadline=None)
@given(jobs, limits)
def test_forecast_starts_as_many_changes_at_a_time_as_the_limits_allow(queue, limit):
    places = Slots(cluster=limit[0], per_node=limit[1])
    ends = slots.ends(queue, places)
    spans = [(end - job.seconds, end, job.node) for job, end in zip(queue, ends, strict=True)]
    for start, _, node in spans:
        at_once = [each for each in spans if each[0] <= start < each[1]]
        assert len(at_once) <= places.cluster
        assert sum(each[2] == node for each in at_once) <= places.per_node
        before = [each for each in spans if each[0] < start <= each[1]]
        full = len(before) >= places.cluster
        own_full = sum(each[2] == node for each in before) >= places.per_node
        assert start == 0 or full or own_full
