"""Tests the sentences about how a change to the KubeVirt CR affects VMs."""

from __future__ import annotations

from support.builders import (
    condition,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    plan_of,
    q,
    with_settings,
)

from reconciler.model import fields
from reconciler.model.fields import NameSet
from reconciler.model.live.live_state import Constraints
from reconciler.model.references import vm_ref


def warnings(settings, kubevirt, *vmis):
    vms = [make_vm(ref=each.ref) for each in vmis]
    live = make_live(*vms, vmis=vmis, kubevirt=kubevirt)
    (decision,) = plan_of(make_desired(kubevirt=settings), live).decisions
    assert decision.effect.value == "config"
    return " / ".join(decision.warnings)


def running(name: str, guest: str = "1Gi", **overrides):
    return make_vmi(ref=vm_ref("db", name), guest=guest, **overrides)


def test_warning_about_the_update_method_live_migrate_counts_vms_that_migrate_immediately():
    without = with_settings(make_kubevirt(outdated_workloads=3), workloadUpdateMethods=None)
    stuck = running("a", conditions={"HotMemoryChange": condition("True")})
    found = warnings({fields.UPDATE_METHODS: NameSet.of(("LiveMigrate",))}, without, stuck)
    assert "3 VMs start to migrate immediately" in found
    assert "1 because of a waiting memory change, 2 because of an outdated launcher" in found


def test_warning_about_the_live_update_strategy_lists_vms_that_need_a_restart():
    stage = with_settings(make_kubevirt(), vmRolloutStrategy="Stage")
    vmis = [running(name, max_guest=None) for name in "abcde"]
    found = warnings({fields.ROLLOUT_STRATEGY: "LiveUpdate"}, stage, *vmis)
    assert "5 running VMs booted earlier and must restart once" in found
    assert "db/a, db/b, db/c and 2 more" in found


def test_warning_about_the_stage_strategy_says_that_live_updates_are_disabled():
    found = warnings({fields.ROLLOUT_STRATEGY: "Stage"}, make_kubevirt(), running("a"))
    assert "LiveUpdate is switched off" in found


def test_max_guest_warning_lists_vms_that_gain_or_lose_memory_hotplug():
    kubevirt = with_settings(make_kubevirt(), maxGuest=q("4Gi"))
    vmis = (running("small", "1Gi"), running("middle", "3Gi"), running("large", "8Gi"))
    lower = warnings({fields.MAX_GUEST: q("2Gi")}, kubevirt, *vmis)
    assert "off for db/middle" in lower
    assert "on for" not in lower
    higher = warnings({fields.MAX_GUEST: q("16Gi")}, kubevirt, *vmis)
    assert "on for db/large" in higher


# v1.9.0 pkg/liveupdate/memory/memory.go:53-107, check 8; a VM's own maxGuest has precedence
# (pkg/defaults/defaults.go:115-135).
def test_misaligned_cluster_wide_max_guest_disables_hotplug_for_vms_without_max_guest():
    pages = Constraints(hugepages="1Gi")
    vmis = (running("a"), running("own"), running("huge", constraints=pages))
    vms = [make_vm(ref=each.ref) for each in vmis]
    vms[1] = make_vm(ref=vmis[1].ref, max_guest=q("8Gi"))
    live = make_live(*vms, vmis=vmis)

    def told(size):
        settings = {fields.MAX_GUEST: q(size)}
        (decision,) = plan_of(make_desired(kubevirt=settings), live).decisions
        return " / ".join(decision.warnings)

    assert told("5000M") == (
        "maxGuest 5000M applies to a VM from its next start; memory hotplug is then off for "
        "db/a, db/huge (5000M is not a multiple of the memory block size 2Mi; use 4768Mi or "
        "4770Mi instead)"
    )
    assert "off for db/huge" in told("4610Mi")
    assert told("5Gi") == ""


def test_kubevirt_cr_change_without_an_effect_on_vms_causes_no_warning():
    assert warnings({fields.PARALLEL_MIGRATIONS: 7}, make_kubevirt(), running("a")) == ""
