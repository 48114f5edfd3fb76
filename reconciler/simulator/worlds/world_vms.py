"""Reads the VMs, the faults of VMs and the instancetypes that a scenario defines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.simulator.kubevirt import guest_profile
from reconciler.simulator.kubevirt.vm_faults import ALWAYS, VMFaults
from reconciler.simulator.worlds.world_model import (
    DEFAULT_GUEST,
    BackupSpec,
    InstancetypeSpec,
    VMSpec,
)

if TYPE_CHECKING:
    from reconciler.simulator.worlds.field_reader import Fields

EVICTION_STRATEGIES: Final = ("None", "LiveMigrate", "LiveMigrateIfPossible", "External")


def read_vm(entry: Fields) -> VMSpec:
    """Reads a VM that a scenario defines."""
    spec, instancetype = entry.mapping("spec"), entry.text("instancetype")
    guest = entry.memory("guest")
    vm = VMSpec(
        path=entry.path,
        name=entry.text("name"),
        namespace=entry.text("namespace", "default"),
        guest=DEFAULT_GUEST if guest is None and not spec and not instancetype else guest,
        max_guest=entry.memory("maxGuest"),
        booted_with=entry.memory("bootedWith"),
        hotplugged=entry.boolean("hotplugged"),
        booted_under=entry.text("bootedUnder", choices=("Stage", "LiveUpdate")),
        guest_current=entry.memory("guestCurrent"),
        last_plug_refused=entry.boolean("lastPlugRefused"),
        running=entry.boolean("running", default=True),
        node=entry.text("node"),
        launcher=entry.text("launcher"),
        architecture=entry.text("architecture", "amd64"),
        eviction_strategy=entry.text("evictionStrategy", choices=EVICTION_STRATEGIES),
        live_update_features=entry.mapping("liveUpdateFeatures")
        if entry.raw("liveUpdateFeatures") is not None
        else None,
        instancetype=instancetype,
        pool=entry.text("pool"),
        controller=entry.text("controller"),
        labels=entry.mapping("labels"),
        annotations=entry.mapping("annotations"),
        vmi_labels=entry.labels("vmiLabels"),
        backup=_backup(entry.nested("backup")) if entry.raw("backup") is not None else None,
        domain=entry.mapping("domain"),
        placement=entry.mapping("placement"),
        spec=spec,
        manager=entry.text("manager", "kubectl-create"),
        profile=_profile(entry),
        faults=read_faults(entry.nested("faults")),
    )
    entry.finish()
    return vm


def _profile(entry: Fields) -> guest_profile.GuestProfile:
    given = entry.mapping("os")
    kernel = entry.text("kernel")
    os = {**guest_profile.ALPINE, **({"kernelRelease": kernel} if kernel else {})}
    return guest_profile.GuestProfile(
        os=given or os,
        agent=entry.boolean("agent", default=True),
        migratable=entry.boolean("migratable", default=True),
        paused=entry.boolean("paused"),
    )


def _backup(entry: Fields) -> BackupSpec:
    made = BackupSpec(name=entry.text("name"), ends_s=entry.seconds("ends"))
    if not made.name:
        entry.problem("name", "a backup needs a name")
    entry.finish()
    return made


def read_faults(entry: Fields) -> VMFaults:
    """Reads the faults that a scenario injects into a VM."""
    faults = VMFaults(
        migration_fails=entry.times("migrationFails", ALWAYS),
        plug_refused=entry.times("plugRefused", ALWAYS),
        target_unschedulable=entry.times("targetUnschedulable", ALWAYS),
        guest_silent=entry.boolean("guestSilent"),
        guest_keeps=entry.memory("guestKeeps"),
        transfer_s=entry.seconds("transfer"),
    )
    entry.finish()
    return faults


def read_instancetype(entry: Fields) -> InstancetypeSpec:
    """Reads an instancetype that a scenario defines."""
    made = InstancetypeSpec(
        name=entry.text("name"),
        namespace=entry.text("namespace"),
        guest=entry.memory("guest") or DEFAULT_GUEST,
        cpu=entry.integer("cpu", 1),
        max_guest=entry.memory("maxGuest"),
        overcommit_percent=entry.integer("overcommitPercent"),
    )
    entry.finish()
    return made
