"""Builds the state of a ``serve`` process during a rollout, for any number of VMs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from support.builders import (
    condition,
    decide,
    make_desired,
    make_live,
    make_migration,
    make_vm,
    make_vmi,
    q,
)
from support.html.fleet_plan import NOW

from reconciler.model.desired.config import Mode
from reconciler.model.desired.desired_state import DesiredVM
from reconciler.model.explanation import Explanation
from reconciler.model.references import vm_ref
from reconciler.model.revision.commit_in_force import (
    CommitInForce,
    RefusalReason,
    RefusedCommit,
)
from reconciler.model.run.outcome import Actuation, ExitCode, Outcome, Result, RunReport
from reconciler.model.run.progress import Progress, Step
from reconciler.model.service.view import (
    ActiveRun,
    PlanRecord,
    Role,
    ServiceView,
    SourceView,
    VMChange,
)
from reconciler.plan.plan_policy import PlanPolicy

if TYPE_CHECKING:
    from reconciler.model.plan.plan import Plan
    from reconciler.model.references import ObjectRef

COMMIT = "8b1d2f70c3a94e5566778899aabbccddeeff0011"
REJECTED = "1f0e9d8c7b6a59483726150f0e9d8c7b6a594837"
NODES = 40


def service_view(count: int, *, per_namespace: int = 50, **overrides: Any) -> ServiceView:
    """Return the state of a ``serve`` leader that is changing *count* VMs on 40 nodes.

    Of each 20 VMs, two are changing, two are queued, two need a restart and one is stopped. The
    guests of the others already have the memory size that Git sets.
    """
    return replace(_view(count, per_namespace), **overrides)


@cache
def _view(count: int, per_namespace: int) -> ServiceView:
    refs = [vm_ref(f"team-{n // per_namespace:03}", f"pg-{n:05}") for n in range(count)]
    kinds = {ref: n % 20 for n, ref in enumerate(refs)}
    wanted = {0: "2Gi", 1: "2Gi", 2: "2Gi", 3: "3Gi", 4: "48Gi", 5: "2Gi", 6: "2Gi"}
    changing = [ref for ref, kind in kinds.items() if kind < 2]
    migrations = tuple(
        make_migration(
            ref,
            "Running" if kinds[ref] else "Scheduling",
            name=f"kubevirt-workload-update-{ref.name}",
            source_node=node_of(n),
            target_node=node_of(n + 1),
            created_at=NOW - timedelta(seconds=40),
            started_at=NOW - timedelta(seconds=30),
        )
        for n, ref in enumerate(refs)
        if ref in set(changing)
    )
    live = make_live(
        *(
            make_vm(
                ref,
                guest="2Gi" if ref in set(changing) else "1Gi",
                printable_status="Stopped" if kinds[ref] == 6 else "Running",
                running_wanted=kinds[ref] != 6,
            )
            for ref in refs
        ),
        vmis=tuple(
            vmi(ref, kinds[ref], node_of(n)) for n, ref in enumerate(refs) if kinds[ref] != 6
        ),
        migrations=migrations,
        observed_at=NOW,
    )
    desired = make_desired(
        *(DesiredVM(ref=ref, guest=q(wanted.get(kinds[ref], "1Gi"))) for ref in refs),
        revision=COMMIT,
    )
    plan = decide(desired, live, PlanPolicy(max_per_node=1), NOW)
    in_force = CommitInForce(
        revision="main",
        newest=REJECTED,
        commit=COMMIT,
        behind=1,
        signer="Ada <ada@example.org>",
        refused=(
            RefusedCommit(
                commit=REJECTED, reason=RefusalReason.UNSIGNED, message="it is not signed"
            ),
        ),
    )
    return ServiceView(
        instance="reconciler-7c9f-1",
        version="0.1.0",
        started_at=NOW - timedelta(hours=3),
        at=NOW,
        role=Role.LEADER,
        leader="reconciler-7c9f-1",
        mode=Mode.ENFORCE,
        source=SourceView(
            address="https://git.example.org/fleet.git",
            revision="main",
            in_force=in_force,
            fetched_at=NOW - timedelta(seconds=50),
            next_at=NOW + timedelta(seconds=70),
        ),
        live=live,
        plan=plan,
        planned_at=NOW,
        run=active_run(plan, changing[: max(len(changing) // 2, 1)]) if changing else None,
        runs=past_runs(plan),
        plans=past_plans(plan),
        changes={ref: past_changes() for ref in refs[:1]},
        restart_since={
            each.ref: NOW - timedelta(days=2)
            for each in plan.decisions
            if each.effect == "restart"
        },
        last_pass_at=NOW - timedelta(hours=1),
        last_success_at=NOW - timedelta(hours=1),
        history_since=NOW - timedelta(hours=3),
    )


def node_of(number: int) -> str:
    return f"node{number % NODES:02}"


def vmi(ref: ObjectRef, kind: int, node: str) -> Any:
    """Return a running VM instance, whose memory is changing if *kind* is 0 or 1."""
    found = make_vmi(ref, max_guest="16Gi", node=node)
    if kind < 2:
        conditions = {**found.conditions, "HotMemoryChange": condition("True")}
        found = replace(found, guest=q("2Gi"), guest_requested=q("2Gi"), conditions=conditions)
    if kind == 5:
        blocked = condition("False", "DisksNotLiveMigratable", "cannot migrate VMI: PVC not RWX")
        conditions = {"Ready": condition("True"), "LiveMigratable": blocked}
        found = replace(found, conditions=conditions)
    return found


def active_run(plan: Plan, changing: list[ObjectRef]) -> ActiveRun:
    """Return a rollout in progress, in which each VM has completed a different fraction."""
    steps = {
        ref: Progress(
            at=NOW,
            step=Step.PHASE,
            message="is migrated: Running",
            ref=ref,
            fraction=0.2 + 0.6 * n / max(len(changing), 1),
        )
        for n, ref in enumerate(changing)
    }
    return ActiveRun(
        run_id="20260302-0928-serve",
        plan=plan,
        started_at=NOW - timedelta(minutes=2),
        progress=steps,
        message="wave memory",
    )


def past_runs(plan: Plan) -> tuple[RunReport, ...]:
    found = []
    for n, code in enumerate((ExitCode.DONE, ExitCode.FAILED, ExitCode.BLOCKED)):
        started = NOW - timedelta(minutes=20 * (n + 1))
        outcomes = tuple(
            Outcome(
                ref=each.ref,
                effect=each.effect,
                actuation=Actuation.SUCCEEDED,
                result=Result.FAILED if code is ExitCode.FAILED else Result.DONE,
                why=Explanation(reason="converged", message="has 2Gi as desired"),
            )
            for each in plan.decisions[:5]
        )
        report = RunReport(
            run_id=f"20260302-09{n}0-serve",
            plan=plan,
            outcomes=outcomes,
            started_at=started,
            ended_at=started + timedelta(seconds=95),
            exit=code,
        )
        found.append(report)
    return tuple(found)


def past_plans(plan: Plan) -> tuple[PlanRecord, ...]:
    summary = {str(effect): n for effect, n in plan.summary.items()}
    return tuple(
        PlanRecord(
            at=NOW - timedelta(minutes=10 * n),
            revision=plan.revision,
            digest=plan.digest,
            summary=summary,
        )
        for n in range(3)
    )


def past_changes() -> tuple[VMChange, ...]:
    return (
        VMChange(
            run_id="20260302-0900-serve",
            revision=COMMIT,
            at=NOW - timedelta(hours=1),
            before=q("512Mi"),
            after=q("1Gi"),
            result="done",
            reason="converged",
            seconds=38.5,
        ),
    )
