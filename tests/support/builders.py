"""Builds the objects of a healthy v1.9.0 cluster; a test sets only the fields that it tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reconciler.model import fields
from reconciler.model.desired.config import Window, WindowKind
from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredState, DesiredVM
from reconciler.model.fields import NameSet
from reconciler.model.live.conditions import Condition
from reconciler.model.live.live_migration import LiveMigration, MigrationPhase
from reconciler.model.live.live_state import LiveKubeVirt, LiveNode, LiveState, LiveVM, LiveVMI
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.references import Location, ObjectRef, Uid, kubevirt_ref, vm_ref
from reconciler.plan.plan_policy import PlanPolicy
from reconciler.plan.planner import Planner
from reconciler.report.findings import finding_lines
from reconciler.report.terminal_layout import Paint

if TYPE_CHECKING:
    from reconciler.model.alerts.alert_hold import AlertHold
    from reconciler.model.diagnostic import Diagnostic
    from reconciler.model.plan.plan import Plan

PLAIN = Paint(enabled=False)
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
VM = vm_ref("db", "pg-0")
KUBEVIRT = kubevirt_ref("kubevirt", "kubevirt")


def text_of(diagnostic: Diagnostic) -> str:
    return "\n".join(finding_lines((diagnostic,), PLAIN))


def q(text: str | int) -> MemoryQuantity:
    return MemoryQuantity.parse(text)


def condition(status: str, reason: str = "", message: str = "") -> Condition:
    return Condition(status=status, reason=reason, message=message)


def make_vm(ref: ObjectRef = VM, guest: str | None = "1Gi", **overrides: Any) -> LiveVM:
    base = LiveVM(
        ref=ref,
        uid=Uid(f"uid-{ref.name}"),
        generation=1,
        guest=q(guest) if guest else None,
        max_guest=None,
        conditions={"Ready": condition("True")},
        printable_status="Running",
    )
    return replace(base, **overrides)


def make_vmi(
    ref: ObjectRef = VM, guest: str = "1Gi", max_guest: str | None = "4Gi", **overrides: Any
) -> LiveVMI:
    size = q(guest)
    base = LiveVMI(
        ref=ref,
        uid=Uid(f"vmi-{ref.name}"),
        phase="Running",
        node="node01",
        guest=size,
        max_guest=q(max_guest) if max_guest else None,
        guest_at_boot=size,
        guest_requested=size,
        guest_current=size,
        conditions={"Ready": condition("True"), "LiveMigratable": condition("True")},
    )
    return replace(base, **overrides)


def make_migration(
    ref: ObjectRef = VM, phase: str = "Running", name: str = "m-1", **overrides: Any
) -> LiveMigration:
    base = LiveMigration(
        ref=ObjectRef(kind="VirtualMachineInstanceMigration", namespace=ref.namespace, name=name),
        uid=Uid(f"uid-{name}"),
        vmi_name=ref.name,
        phase=MigrationPhase(phase),
        created_at=NOW,
        started_at=NOW,
        target_node="node02",
        for_update=True,
    )
    return replace(base, **overrides)


def make_kubevirt(version: str = "v1.9.0", **overrides: Any) -> LiveKubeVirt:
    """Build a deployed KubeVirt CR that uses LiveUpdate by default and lists LiveMigrate."""
    settings = {fields.UPDATE_METHODS: NameSet.of(("LiveMigrate",))}
    base = LiveKubeVirt(
        ref=KUBEVIRT,
        uid=Uid("uid-kubevirt"),
        generation=1,
        observed_generation=1,
        phase="Deployed",
        version=version,
        target_version=version,
        deployment_id="d",
        target_deployment_id="d",
        settings=settings,
        containers=frozenset({("spec",), fields.WORKLOAD_UPDATE}),
        spellings={fields.UPDATE_METHODS: ["LiveMigrate"]},
    )
    return replace(base, **overrides)


def with_settings(kubevirt: LiveKubeVirt, **settings: Any) -> LiveKubeVirt:
    """Return *kubevirt* with changed settings, for example ``vmRolloutStrategy="LiveUpdate"``."""
    by_name = {each.path[-1]: each.path for each in fields.KUBEVIRT_FIELDS}
    merged = dict(kubevirt.settings)
    spellings = dict(kubevirt.spellings)
    containers = set(kubevirt.containers)
    for name, value in settings.items():
        path = by_name[name]
        if value is None:
            merged.pop(path, None)
            spellings.pop(path, None)
            continue
        merged[path] = value
        spellings[path] = list(value.raw) if isinstance(value, NameSet) else str(value)
        containers |= {path[:length] for length in range(1, len(path))}
    return replace(
        kubevirt, settings=merged, spellings=spellings, containers=frozenset(containers)
    )


def make_live(
    *vms: LiveVM,
    vmis: tuple[LiveVMI, ...] = (),
    migrations: tuple[LiveMigration, ...] = (),
    kubevirt: LiveKubeVirt | None = None,
    **overrides: Any,
) -> LiveState:
    by_vm: dict[ObjectRef, tuple[LiveMigration, ...]] = {}
    for each in migrations:
        ref = vm_ref(each.ref.namespace, each.vmi_name)
        by_vm[ref] = (*by_vm.get(ref, ()), each)
    base = LiveState(
        cluster_id="cluster",
        observed_at=NOW,
        kubevirt=kubevirt or make_kubevirt(),
        vms={each.ref: each for each in vms},
        vmis={each.ref: each for each in vmis},
        migrations=by_vm,
        nodes=tuple(
            LiveNode(name=name, schedulable=True, allocatable=q("64Gi"))
            for name in ("node01", "node02", "node03")
        ),
    )
    return replace(base, **overrides)


def make_desired(
    *vms: DesiredVM, kubevirt: dict[tuple[str, ...], Any] | None = None, **overrides: Any
) -> DesiredState:
    provenance = {
        each.ref: {
            fields.GUEST_MEMORY: Location(path=f"vms/{each.ref.name}.yaml", line=12, column=18)
        }
        for each in vms
    }
    base = DesiredState(
        revision="0123abc",
        kubevirt=DesiredKubeVirt(ref=KUBEVIRT, settings=kubevirt) if kubevirt else None,
        vms={each.ref: each for each in vms},
        provenance=provenance,
    )
    return replace(base, **overrides)


def want(guest: str | None, ref: ObjectRef = VM, **overrides: Any) -> DesiredVM:
    return replace(DesiredVM(ref=ref, guest=q(guest) if guest else None), **overrides)


ALWAYS = Window(kind=WindowKind.ALLOW, cron="0 0 * * *", duration=Duration.parse("48h"))
"""A maintenance window that is always open."""


def decide(
    desired: DesiredState,
    live: LiveState,
    policy: PlanPolicy,
    now: datetime,
    planner: Planner | None = None,
    hold: AlertHold | None = None,
) -> Plan:
    """Return the plan that *planner* makes; the default is a new planner."""
    planner = planner or Planner()
    planner.update(desired, live, policy, now, hold=hold)
    return planner.plan()


def plan_of(desired: DesiredState, live: LiveState, **policy: Any) -> Any:
    return decide(desired, live, PlanPolicy(**policy), NOW)


def effect_of(desired: DesiredState, live: LiveState, **policy: Any) -> tuple[str, str]:
    """Return the planned effect on the plan's only object, and the reason for it."""
    decisions = plan_of(desired, live, **policy).decisions
    chosen = [each for each in decisions if each.ref.kind == "VirtualMachine"] or decisions
    assert len(chosen) == 1
    return chosen[0].effect.value, chosen[0].reason.value
