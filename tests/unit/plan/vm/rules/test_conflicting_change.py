"""Tests VMs whose memory change in progress has a different size than Git."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    NOW,
    condition,
    effect_of,
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

from reconciler.model.fields import NameSet
from reconciler.model.live.capacity import Capacity, Launcher, NodeUse, Quota, ResourceUse
from reconciler.model.live.live_state import Constraints, LiveNode
from reconciler.model.references import Uid, vm_ref
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner

CHANGING = {"LiveMigratable": condition("True"), "HotMemoryChange": condition("True")}
NO_METHODS = with_settings(make_kubevirt(), workloadUpdateMethods=NameSet.of(()))
EVICT = with_settings(make_kubevirt(), workloadUpdateMethods=NameSet.of(("Evict",)))
ONE_NODE = {"nodes": (LiveNode(name="node01", schedulable=True),)}
INTEL, AMD = ({f"cpu-vendor.node.kubevirt.io/{name}": "true"} for name in ("Intel", "AMD"))
TWO_VENDORS = {
    "nodes": (
        LiveNode(name="node01", schedulable=True, labels=INTEL),
        LiveNode(name="node02", schedulable=True, labels=AMD),
    )
}
STUCK = ("blocked", "hotplug-stuck")
HAZARD = ("blocked", "evict-hazard")
ABOVE = ("restart", "above-max-guest")
WAITS = ("wait", "hotplug-in-flight")


def changing(*, migrations=(), conditions=CHANGING, max_guest="4Gi", **more):
    """Return a VM with 1536Mi whose change to 2Gi is in progress."""
    vmi = make_vmi(guest="1536Mi", max_guest=max_guest, conditions=conditions)
    return make_live(
        make_vm(guest="2Gi"), vmis=(replace(vmi, guest=q("2Gi")),), migrations=migrations, **more
    )


def refused_by_quota(**more):
    rejected = {"migrationRejectedByResourceQuota": condition("True")}
    pending = {"started_at": None, "target_node": "", "conditions": rejected}
    return make_migration(phase="Pending", **{**pending, **more})


PENDING = make_migration(phase="Scheduling", started_at=None, target_node="")
RUNNING = make_migration(phase="Running")
OTHER_VM = vm_ref("db", "other")


# kubevirt v1.9.0 pkg/virt-controller/watch/vm/vm.go:3473-3509 in its order: migratability,
# maxGuest, a change in flight, and only then the size. Recorded: slow-then-second-change.
@pytest.mark.parametrize(
    ("live", "guest", "expected"),
    [
        pytest.param(changing(), "3Gi", WAITS, id="change will end"),
        pytest.param(changing(), "8Gi", ABOVE, id="change will end, size above maxGuest"),
        pytest.param(
            changing(migrations=(RUNNING,)), "8Gi", ABOVE, id="VM migrates, size above maxGuest"
        ),
        pytest.param(changing(kubevirt=NO_METHODS), "3Gi", STUCK, id="no update methods"),
        pytest.param(
            changing(kubevirt=NO_METHODS),
            "8Gi",
            STUCK,
            id="no update methods, size above maxGuest",
        ),
        pytest.param(
            changing(kubevirt=NO_METHODS),
            "1Gi",
            STUCK,
            id="no update methods, size below the boot size",
        ),
        pytest.param(
            changing(kubevirt=NO_METHODS),
            "2000000000",
            STUCK,
            id="no update methods, misaligned size",
        ),
        pytest.param(
            changing(kubevirt=NO_METHODS, migrations=(RUNNING,)),
            "8Gi",
            ABOVE,
            id="migration created by hand, size above maxGuest",
        ),
        pytest.param(
            changing(kubevirt=NO_METHODS, migrations=(RUNNING,)),
            "3Gi",
            ("blocked", "no-live-migrate"),
            id="migration created by hand, next change would be stuck",
        ),
        pytest.param(changing(kubevirt=EVICT), "8Gi", HAZARD, id="Evict kills the VM"),
        pytest.param(
            changing(kubevirt=EVICT, migrations=(RUNNING,)),
            "8Gi",
            ABOVE,
            id="Evict does not kill a migrating VM",
        ),
        pytest.param(changing(**ONE_NODE), "3Gi", STUCK, id="no other node"),
        pytest.param(changing(**ONE_NODE), "8Gi", STUCK, id="no other node, size above maxGuest"),
        pytest.param(
            changing(**ONE_NODE, migrations=(PENDING,)),
            "8Gi",
            STUCK,
            id="no other node, migration without a target node",
        ),
        pytest.param(
            changing(**ONE_NODE, migrations=(RUNNING,)),
            "8Gi",
            ABOVE,
            id="no other node, migration with a target node",
        ),
        pytest.param(changing(**TWO_VENDORS), "8Gi", STUCK, id="no node with the CPU vendor"),
        pytest.param(
            changing(**TWO_VENDORS, kubevirt=make_kubevirt("v1.8.0")),
            "3Gi",
            WAITS,
            id="v1.8 ignores the CPU vendor",
        ),
        pytest.param(
            changing(migrations=(refused_by_quota(),)),
            "8Gi",
            STUCK,
            id="quota rejects the target pod",
        ),
        pytest.param(
            changing(migrations=(refused_by_quota(), make_migration(OTHER_VM, name="m-2"))),
            "3Gi",
            WAITS,
            id="quota that another migration will release",
        ),
        pytest.param(
            changing(migrations=(refused_by_quota(), refused_by_quota(ref=OTHER_VM, name="m-2"))),
            "3Gi",
            STUCK,
            id="quota that rejects two migrations",
        ),
        pytest.param(
            changing(
                migrations=(refused_by_quota(), make_migration(vm_ref("web", "a"), name="m-2"))
            ),
            "3Gi",
            STUCK,
            id="quota, migration in another namespace",
        ),
        pytest.param(
            changing(
                kubevirt=NO_METHODS,
                conditions={**CHANGING, "LiveMigratable": condition("False")},
            ),
            "3Gi",
            ("restart", "not-migratable"),
            id="unmigratable VM",
        ),
        pytest.param(
            changing(kubevirt=NO_METHODS, max_guest=None),
            "3Gi",
            ("restart", "booted-before-live-update"),
            id="no maxGuest",
        ),
    ],
)
def test_memory_change_is_blocked_while_an_earlier_memory_change_cannot_complete(
    live, guest, expected
):
    assert effect_of(make_desired(want(guest)), live) == expected


FAILED = {"phase": "Failed", "started_at": None, "target_node": ""}


def failed(n, *, begun=False, reason=""):
    more = {"started_at": NOW, "target_node": "node02"} if begun else {}
    return tuple(
        make_migration(name=f"m-{i}", **{**FAILED, **more}, failure_reason=reason)
        for i in range(n)
    )


# Recorded migration-fails and target-unschedulable: KubeVirt retries without end. If Git sets the
# size in flight, the reasons are migration-failing and target-unschedulable.
@pytest.mark.parametrize(
    ("migrations", "expected", "said"),
    [
        (failed(2), WAITS, ""),
        (failed(3), STUCK, "3 migrations failed: the target pod could not be scheduled"),
        ((*failed(3), PENDING), STUCK, "the target pod could not be scheduled"),
        (failed(3, begun=True, reason="connection lost"), STUCK, "connection lost"),
        ((*failed(3, begun=True), RUNNING), STUCK, "3 migrations failed"),
        ((*failed(3), make_migration(name="m-9", phase="Succeeded")), WAITS, ""),
    ],
)
def test_memory_change_is_reported_as_stuck_after_repeated_migration_failures(
    migrations, expected, said
):
    live = changing(migrations=migrations)
    assert effect_of(make_desired(want("3Gi")), live) == expected
    assert said in decided("3Gi", live).why.message


def test_memory_change_is_reported_as_stuck_if_its_migrations_do_not_change_the_memory():
    # v1.9.0 migration-target.go:1187-1231: the hotplug fails a size check; KubeVirt migrates again
    done = tuple(make_migration(name=f"m-{i}", phase="Succeeded") for i in range(2))
    live = changing(migrations=done)
    since = {ref: replace(vm, guest_changed_at=NOW) for ref, vm in live.vms.items()}
    decision = decided("3Gi", replace(live, vms=since))
    assert (decision.effect.value, decision.reason.value) == STUCK
    assert "2 migrations have succeeded since the size was written" in decision.why.message
    assert "not 2Gi" in decision.why.message


def crowded(requested, *, moving="0"):
    """Return two nodes with 4Gi each; pods on the second node request *requested* memory."""
    nodes = tuple(
        LiveNode(name=name, schedulable=True, allocatable=q("4Gi"))
        for name in ("node01", "node02")
    )
    used = NodeUse(
        requested=ResourceUse(memory=q(requested).n_bytes),
        moving=ResourceUse(memory=q(moving).n_bytes),
    )
    capacity = Capacity(observed_at=NOW, nodes={"node02": used})
    return {"nodes": nodes, "capacity": capacity}


# The pod for 2Gi requests 2Gi plus overhead and console log: 2350Mi.
@pytest.mark.parametrize(
    ("context", "migrations", "expected"),
    [
        (crowded("1Gi"), (), WAITS),
        (crowded("2Gi"), (), STUCK),
        (crowded("2Gi"), (PENDING,), STUCK),
        (crowded("2Gi"), (RUNNING,), WAITS),
        (crowded("2Gi", moving="1Gi"), (), WAITS),
    ],
)
def test_memory_change_is_reported_as_stuck_if_its_target_pod_fits_on_no_node(
    context, migrations, expected
):
    live = changing(migrations=migrations, **context)
    assert effect_of(make_desired(want("1792Mi")), live) == expected
    if expected == STUCK:
        assert "no other node has this amount of memory free; node02 has the most: 2048Mi" in (
            decided("1792Mi", live).why.message
        )


@pytest.mark.parametrize(("taken", "expected"), [("1536Mi", WAITS), ("2Gi", STUCK)])
def test_capacity_check_of_a_change_in_progress_uses_the_increased_memory_requests(
    taken, expected
):
    live = changing(**crowded(taken))
    asked = Constraints(requests=q("2Gi"))
    grown = {ref: replace(vmi, constraints=asked) for ref, vmi in live.vmis.items()}
    assert effect_of(make_desired(want("1792Mi")), replace(live, vmis=grown)) == expected


MIB = 1024**2
PHASES = ("", "Pending", "Scheduling")
UNASKED, ASKED, SCHEDULING = (
    make_migration(phase=phase, started_at=None, target_node="") for phase in PHASES
)
OTHERS = make_migration(OTHER_VM, name="m-2", phase="Running")


def under_quota(hard, *, used=1838, moving=0, resource="requests.memory", pods=1, **known):
    """Return a memory quota of *hard* MiB, of which the VM's pod uses *used* MiB."""
    quota = Quota(
        name="team",
        hard={resource: hard * MIB},
        used={resource: used * MIB},
        moving={resource: moving * MIB} if moving else {},
    )
    pod = Launcher(namespace="db", node="node01", requests=ResourceUse(memory=used * MIB))
    launchers = {Uid("vmi-pg-0"): (pod,) * pods}
    capacity = Capacity(observed_at=NOW, quotas={"db": (quota,)}, launchers=launchers, **known)
    return {"capacity": capacity}


# Recorded v1.9.0 quota-holds-one-pod: the quota rejects the pod again and again. The target pod
# for 2Gi requests 2350Mi.
@pytest.mark.parametrize(
    ("context", "migrations", "expected"),
    [
        pytest.param(under_quota(3072), (), STUCK, id="no migration yet"),
        pytest.param(under_quota(3072), (UNASKED,), STUCK, id="migration without a phase"),
        pytest.param(under_quota(3072), (ASKED,), STUCK, id="pending migration"),
        pytest.param(under_quota(4187), (), STUCK, id="one MiB too little"),
        pytest.param(under_quota(4188), (), ABOVE, id="just enough"),
        pytest.param(under_quota(3072), (SCHEDULING,), ABOVE, id="target pod accepted"),
        pytest.param(under_quota(3072, pods=2), (ASKED,), ABOVE, id="target pod exists"),
        pytest.param(under_quota(3072), (RUNNING,), ABOVE, id="VM migrates"),
        pytest.param(
            under_quota(3072, used=4180, moving=4180), (), ABOVE, id="quota that will be released"
        ),
        pytest.param(under_quota(3072), (OTHERS,), ABOVE, id="another VM migrates"),
        pytest.param(
            under_quota(3072, resource="limits.memory"),
            (),
            ABOVE,
            id="quota of limits, VM without limits",
        ),
        pytest.param(under_quota(3072, pods_known=False), (), ABOVE, id="pods not known"),
        pytest.param(under_quota(3072, quotas_known=False), (), ABOVE, id="quotas not known"),
    ],
)
def test_memory_change_is_reported_as_stuck_if_its_target_pod_exceeds_a_quota(
    context, migrations, expected
):
    live = changing(migrations=migrations, **context)
    assert effect_of(make_desired(want("8Gi")), live) == expected
    plain = STUCK if expected == STUCK else WAITS
    assert effect_of(make_desired(want("3Gi")), live) == plain
    if expected == STUCK:
        assert "rejects the target pod" in decided("8Gi", live).why.message


# KubeVirt, or a webhook, adds the device of an SR-IOV network to the launcher pod, not to the VM.
@pytest.mark.parametrize(("free", "expected"), [(1, ABOVE), (0, STUCK)])
def test_change_is_stuck_if_no_other_node_has_the_devices_of_the_current_pod(free, expected):
    device = "openshift.io/sriovnic"
    requests = ResourceUse(memory=1838 * MIB, others={device: 1})
    pod = Launcher(namespace="db", node="node01", requests=requests)
    nodes = tuple(
        LiveNode(name=name, schedulable=True, allocatable=q("64Gi"), others=others)
        for name, others in (("node01", {device: 4}), ("node02", {device: free}))
    )
    found = Capacity(observed_at=NOW, launchers={Uid("vmi-pg-0"): (pod,)})
    live = changing(migrations=(PENDING,), nodes=nodes, capacity=found)
    assert effect_of(make_desired(want("8Gi")), live) == expected


@pytest.mark.parametrize(
    ("live", "guest", "asks"),
    [
        (changing(), "3Gi", True),
        (changing(), "8Gi", True),
        (make_live(make_vm(), vmis=(make_vmi(),)), "2Gi", True),
        (make_live(make_vm(), vmis=(make_vmi(),)), "8Gi", False),
        (changing(kubevirt=NO_METHODS), "8Gi", False),
    ],
)
def test_planner_reads_pods_and_quotas_if_a_vm_waits_for_a_change_in_progress(live, guest, asks):
    planner = Planner()
    planner.update(make_desired(want(guest)), live, PlanPolicy(), NOW)
    assert planner.needs_capacity() is asks


def test_message_about_a_waiting_vm_contains_the_backup_that_delays_the_change():
    live = changing()
    held = {ref: replace(vmi, backup="nightly") for ref, vmi in live.vmis.items()}
    message = decided("3Gi", replace(live, vmis=held)).why.message
    assert "its migration waits for the running backup nightly" in message
    assert "backup" not in decided("3Gi", live).why.message


def test_memory_change_is_not_reported_as_stuck_if_git_adds_live_migrate():
    methods = {("spec", "workloadUpdateStrategy", "workloadUpdateMethods"): "LiveMigrate"}
    found = {path: NameSet.of((name,)) for path, name in methods.items()}
    desired = make_desired(want("3Gi"), kubevirt=found)
    assert effect_of(desired, changing(kubevirt=NO_METHODS)) == WAITS


def decided(guest, live):
    (decision,) = plan_of(make_desired(want(guest)), live).decisions
    return decision


def test_message_about_a_stuck_change_says_that_the_new_size_exceeds_max_guest():
    decision = decided("8Gi", changing(kubevirt=NO_METHODS))
    assert decision.why.message == (
        "an earlier change to 2Gi cannot complete (workloadUpdateMethods does not list "
        "LiveMigrate); until this change ends, KubeVirt rejects 8Gi; in addition, 8Gi is above "
        "maxGuest 4Gi, which was fixed when the VM booted"
    )
    assert decision.why.hint.startswith("add LiveMigrate")
    assert decided("3Gi", changing(kubevirt=NO_METHODS)).why.message.endswith(
        "KubeVirt rejects 3Gi"
    )


def test_message_about_a_waiting_vm_says_that_kubevirt_checks_the_new_size_later():
    assert decided("8Gi", changing()).why.message.endswith(
        "; KubeVirt checks this size after the unfinished change to 2Gi has ended"
    )
    at_rest = make_live(make_vm(), vmis=(make_vmi(),))
    assert "unfinished" not in decided("8Gi", at_rest).why.message


OTHER_EDIT = "a non-live-updatable field was changed in the template spec"
BACK = ("live", "back-to-running-value")


# kubevirt v1.9.0 vm.go:3469-3471 returns for equal sizes before it checks the VM;
# :3050-3053 (another edit) and :3466 (a plug that failed) are evaluated earlier still.
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, BACK, id="no migration is needed"),
        pytest.param(
            {"conditions": {"LiveMigratable": condition("False")}}, BACK, id="not migratable"
        ),
        pytest.param({"conditions": {}}, BACK, id="not yet known to be migratable"),
        pytest.param({"max_guest": None}, BACK, id="booted under Stage"),
        pytest.param({"guest": "512Mi"}, BACK, id="too small for hotplug"),
        pytest.param({"guest": "1000001Ki"}, BACK, id="misaligned"),
        pytest.param(
            {"conditions": {"HotMemoryChange": condition("False")}},
            ("restart", "plug-failed-before"),
            id="after a rejected hotplug",
        ),
    ],
)
@pytest.mark.parametrize("context", [{}, {"kubevirt": NO_METHODS}, ONE_NODE])
def test_change_back_to_the_running_guests_memory_size_takes_effect_live(
    changes, expected, context
):
    vmi = make_vmi(**changes)
    live = make_live(make_vm(guest="3Gi"), vmis=(vmi,), **context)
    assert effect_of(make_desired(want(str(vmi.guest))), live) == expected


@pytest.mark.parametrize(
    ("version", "message", "expected"),
    [
        ("v1.9.0", OTHER_EDIT, ("restart", "other-edit-pending")),
        ("v1.9.0", "memory updated in template spec", BACK),
        # recorded v1.6.3 above-max-then-revert
        ("v1.6.3", "memory updated in template spec", ("restart", "restart-required-sticky")),
    ],
)
def test_memory_change_that_needs_a_restart_is_not_reported_as_stuck(version, message, expected):
    waiting = {"RestartRequired": condition("True", "", message)}
    live = make_live(
        make_vm(guest="3Gi", conditions=waiting),
        vmis=(make_vmi(),),
        kubevirt=with_settings(make_kubevirt(version), vmRolloutStrategy="LiveUpdate"),
    )
    assert effect_of(make_desired(want("1Gi")), live) == expected


# kubevirt v1.9.0 vm.go:2989-3061: KubeVirt compares with the template that the VM started with.
@pytest.mark.parametrize(
    ("at_boot", "version", "expected"),
    [
        ("1Gi", "v1.9.0", BACK),
        ("512Mi", "v1.9.0", ("restart", "strategy-stage")),
        ("1Gi", "v1.6.3", ("restart", "restart-required-sticky")),
    ],
)
def test_change_back_to_the_running_size_under_stage_is_live_only_if_it_is_also_the_boot_size(
    at_boot, version, expected
):
    live = make_live(
        make_vm(guest="3Gi", conditions={"RestartRequired": condition("True", "", OTHER_EDIT)}),
        vmis=(make_vmi(guest_at_boot=q(at_boot)),),
        kubevirt=with_settings(make_kubevirt(version), vmRolloutStrategy="Stage"),
    )
    assert effect_of(make_desired(want("1Gi")), live) == expected
