"""Fixtures: a hand-written plan, run report and cluster with every effect and every result."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from support.builders import (
    decide,
    make_desired,
    make_kubevirt,
    make_live,
    make_vm,
    make_vmi,
    with_settings,
)
from support.html.browser import started_browser

from reconciler.model.alerts.alert_hold import AlertHold
from reconciler.model.desired.config import Canary, RestartConsent, Window, WindowKind
from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredState, DesiredVM
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.explanation import Explanation
from reconciler.model.fields import (
    FEATURE_GATES,
    GUEST_MEMORY,
    INSTANCETYPE_NAME,
    MAX_HOTPLUG_RATIO,
    ROLLOUT_STRATEGY,
    UPDATE_METHODS,
    NameSet,
    WaveName,
)
from reconciler.model.live.conditions import Condition
from reconciler.model.live.live_migration import LiveMigration, MigrationPhase
from reconciler.model.live.live_state import LiveKubeVirt, LiveState, LiveVM, LiveVMI
from reconciler.model.plan.plan import (
    Action,
    Barrier,
    Change,
    Decision,
    Effect,
    PatchOp,
    Plan,
    Reason,
    Verb,
    Wave,
)
from reconciler.model.plan.plan_forecast import Forecast, VMForecast
from reconciler.model.quantity import GIB, Duration, MemoryQuantity
from reconciler.model.references import Location, ObjectRef, Uid, kubevirt_ref, pointer, vm_ref
from reconciler.model.run.outcome import (
    Actuation,
    Convergence,
    ExitCode,
    MigrationSummary,
    Outcome,
    Result,
    RunReport,
    Verdict,
)
from reconciler.model.selector import Selector
from reconciler.plan.plan_policy import PlanPolicy

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
COMMIT = "8b1d2f70c3a94e5566778899aabbccddeeff0011"
CLUSTER = "6f1e0c52-8d0e-4b53-9d1c-2f9a3c1b7e10"
KUBEVIRT = kubevirt_ref("kubevirt", "kubevirt")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write what is rendered as the new goldens"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """A function that compares text with a golden file, or rewrites the golden file."""

    def compare(name: str, pieces) -> None:
        text = "".join(pieces)
        path = Path(__file__).parent / name
        if request.config.getoption("--update-goldens", default=False):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{name} differs; see --update-goldens"

    return compare


@pytest.fixture(scope="session")
def tab(tmp_path_factory):
    """A browser tab that all tests of HTML pages share, because a browser starts slowly."""
    with started_browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def browser(tab):
    """The shared browser tab, which is emptied after each test."""
    yield tab
    tab.visit("about:blank")


def digest(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def size(text: str | int) -> MemoryQuantity:
    return MemoryQuantity.parse(text)


def at(path: str, line: int, column: int = 18) -> Location:
    return Location(path=path, line=line, column=column)


def patch_of(ref: ObjectRef, *ops: PatchOp) -> tuple[PatchOp, ...]:
    return (PatchOp(op="test", path="/metadata/uid", value=f"uid-{ref.name}"), *ops)


def machine(
    name: str,
    effect: Effect,
    reason: Reason,
    message: str,
    *,
    namespace: str = "db",
    before: str | int | None = None,
    after: str | int | None = None,
    place: Location | None = None,
    applied: bool = False,
    hint: str = "",
    warnings: tuple[str, ...] = (),
    owner: str = "",
) -> Decision:
    ref = vm_ref(namespace, name)
    changes = ()
    actions = ()
    if after is not None:
        old = None if before is None else size(before)
        changes = (
            Change(
                field=GUEST_MEMORY, before=old, after=size(after), at=place, wave=WaveName.MEMORY
            ),
        )
    if applied:
        guest = pointer(GUEST_MEMORY)
        ops = (
            PatchOp(op="test", path=guest, value=before),
            PatchOp(op="replace", path=guest, value=after),
        )
        actions = (
            Action(
                ref=ref,
                uid=Uid(f"uid-{name}"),
                wave=WaveName.MEMORY,
                effect=effect,
                reason=reason,
                patch=patch_of(ref, *ops),
                digest=digest(name),
            ),
        )
    return Decision(
        ref=ref,
        uid=None if effect is Effect.CREATE else Uid(f"uid-{name}"),
        effect=effect,
        why=Explanation(reason=reason, message=message, hint=hint),
        at=place,
        changes=changes,
        warnings=warnings,
        owner=owner,
        actions=actions,
    )


def configuration() -> Decision:
    gates, methods, strategy = (
        Change(
            field=FEATURE_GATES,
            before=NameSet.of(("ExpandDisks",)),
            after=NameSet.of(("VMLiveUpdateFeatures",)),
            at=at("kubevirt.yaml", 9, 9),
            wave=WaveName.FEATURE_GATE,
        ),
        Change(
            field=UPDATE_METHODS,
            before=None,
            after=NameSet.of(("LiveMigrate",)),
            at=at("kubevirt.yaml", 13, 29),
            wave=WaveName.STRATEGY,
        ),
        Change(
            field=ROLLOUT_STRATEGY,
            before="Stage",
            after="LiveUpdate",
            at=at("kubevirt.yaml", 10, 24),
            wave=WaveName.STRATEGY,
        ),
    )

    def action(wave: WaveName, *ops: PatchOp) -> Action:
        return Action(
            ref=KUBEVIRT,
            uid=Uid("uid-kubevirt"),
            wave=wave,
            effect=Effect.CONFIG,
            reason=Reason.CONFIG_CHANGE,
            patch=patch_of(KUBEVIRT, *ops),
            digest=digest(wave),
        )

    return Decision(
        ref=KUBEVIRT,
        uid=Uid("uid-kubevirt"),
        effect=Effect.CONFIG,
        why=Explanation(
            reason=Reason.CONFIG_CHANGE,
            message="3 fields change; 2 VMs begin to migrate because LiveMigrate is on",
        ),
        at=at("kubevirt.yaml", 1, 1),
        changes=(gates, methods, strategy),
        warnings=("web/fe-9 has run an outdated launcher since 2026-02-11 and migrates at once",),
        owner="kubectl-client-side-apply",
        actions=(
            action(
                WaveName.FEATURE_GATE,
                PatchOp(
                    op="add", path=f"{pointer(FEATURE_GATES)}/-", value="VMLiveUpdateFeatures"
                ),
            ),
            action(
                WaveName.STRATEGY,
                PatchOp(op="test", path="/metadata/generation", value=4),
                PatchOp(
                    op="add",
                    path="/spec/workloadUpdateStrategy",
                    value={"workloadUpdateMethods": ["LiveMigrate"]},
                ),
                PatchOp(op="replace", path=pointer(ROLLOUT_STRATEGY), value="LiveUpdate"),
            ),
        ),
    )


def new_machine() -> Decision:
    bare = machine(
        "pg-9",
        Effect.CREATE,
        Reason.NEW,
        "is created with 4Gi from its complete manifest",
        after="4Gi",
        place=at("vms/pg-9.yaml", 11),
    )
    action = Action(
        ref=bare.ref,
        uid=None,
        wave=WaveName.MEMORY,
        effect=Effect.CREATE,
        reason=Reason.NEW,
        verb=Verb.CREATE,
        manifest={
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {"namespace": "db", "name": "pg-9"},
        },
        digest=digest("pg-9"),
    )
    return Decision(
        **{name: getattr(bare, name) for name in bare.__slots__} | {"actions": (action,)}
    )


def decisions() -> tuple[Decision, ...]:
    instancetype = Change(
        field=INSTANCETYPE_NAME,
        before="u1.medium",
        after="u1.large",
        at=at("vms/batch.yaml", 31, 11),
        wave=WaveName.MEMORY,
    )
    by_type = machine(
        "etl-2",
        Effect.BLOCKED,
        Reason.INSTANCETYPE_CHANGE,
        "takes its memory from instancetype u1.large, which v1.3.1 does not change live",
        namespace="batch",
        place=at("vms/batch.yaml", 31, 11),
    )
    return (
        configuration(),
        machine(
            "etl-1",
            Effect.WAIT,
            Reason.MIGRATION_IN_FLIGHT,
            "is being migrated by evacuation kubevirt-evacuation-x7k2p (Running)",
            namespace="batch",
            before="1Gi",
            after="2Gi",
            place=at("vms/batch.yaml", 14),
            hint="the next run takes it up once the migration has ended",
        ),
        replace(by_type, changes=(instancetype,)),
        machine("pg-0", Effect.LIVE, Reason.HOTPLUG,
            "the guest grows from 8Gi to 12Gi through a live migration; its limit is 32Gi",
            before="8Gi", after="12Gi", place=at("vms/db.yaml", 14), applied=True,
            owner="kubectl-edit"),
        machine("pg-1", Effect.LIVE, Reason.HOTUNPLUG,
            "the guest shrinks from 16Gi to 12Gi through a live migration; it booted with 8Gi",
            before=16 * GIB, after="12Gi", place=at("vms/db.yaml", 31), applied=True,
            warnings=("the guest may keep part of it: Linux gives back free blocks only",)),
        machine("pg-2", Effect.NONE, Reason.CONVERGED, "has 8Gi as desired",
            place=at("vms/db.yaml", 48)),
        machine("pg-3", Effect.COLD, Reason.NOT_RUNNING, "is not running and starts with 4Gi",
            before="2Gi", after="4Gi", place=at("vms/db.yaml", 65), applied=True),
        new_machine(),
        machine("fe-2", Effect.RESTART, Reason.RESTART_PENDING,
            "its spec has 6Gi since an earlier change, but the guest has 4Gi until it restarts",
            namespace="web", place=at("vms/web.yaml", 22)),
        machine("fe-3", Effect.RESTART, Reason.ABOVE_MAX_GUEST,
            "10Gi is more than the 8Gi that the running guest can reach",
            namespace="web", before="2Gi", after="10Gi", place=at("vms/web.yaml", 39),
            hint="restart it after the change, or ask for 8Gi (see https://example.org/limits)"),
        machine("fe-4", Effect.BLOCKED, Reason.NOT_FOUND,
            "is not in the cluster, and `create` is not allowed", namespace="web", after="2Gi",
            place=at("vms/web.yaml", 56), hint="set create: true in .reconciler.yaml"),
        machine("fe-5", Effect.NONE, Reason.STOPPED_AS_DESIRED, "is stopped; its spec has 2Gi",
            namespace="web", place=at("vms/web.yaml", 73)),
    )  # fmt: skip


def sealed(decisions: tuple[Decision, ...], **fields) -> Plan:
    actions = [action for each in decisions for action in each.actions]
    barriers = {
        WaveName.STRATEGY: Barrier(
            condition="KubeVirt is Deployed at the generation of wave 1", deadline_s=600
        ),
        WaveName.MEMORY: Barrier(
            condition="KubeVirt is Deployed and its components have read the change",
            deadline_s=600.0,
        ),
    }
    waves = tuple(
        Wave(
            name=wave,
            barrier=barriers.get(wave),
            actions=tuple(each for each in actions if each.wave is wave),
        )
        for wave in WaveName
        if any(each.wave is wave for each in actions)
    )
    defaults = {
        "revision": COMMIT,
        "dirty": False,
        "cluster": CLUSTER,
        "kubevirt": KUBEVIRT,
        "kubevirt_version": "v1.3.1",
        "observed_at": NOW,
        "decisions": decisions,
        "waves": waves,
        "forecast": Forecast(
            migrations=0, n_bytes_copied=0, peak_extra_requests={}, earliest_s=0, latest_s=0
        ),
        "digest": digest("plan"),
    }
    return Plan(**(defaults | fields))


@pytest.fixture
def plan() -> Plan:
    """A plan with every effect of a change, and with reported problems."""
    forecast = Forecast(
        migrations=2,
        n_bytes_copied=24 * GIB,
        peak_extra_requests={"db": 25 * GIB},
        peak_extra_total=25 * GIB,
        earliest_s=38.5,
        latest_s=410.0,
        vms=(
            VMForecast(ref=vm_ref("db", "pg-0"), position=1, earliest_s=19.25, latest_s=184),
            VMForecast(ref=vm_ref("db", "pg-1"), position=2, earliest_s=38.5, latest_s=410),
        ),
        assumptions=(
            "64Mi to 1Gi a second for each migration, guests dirty at most half of that",
            "no migrations of others begin meanwhile",
        ),
    )
    return sealed(
        decisions(),
        dirty=True,
        forecast=forecast,
        diagnostics=(
            Diagnostic(
                severity=Severity.NOTE,
                code="version-not-recorded",
                message="KubeVirt v1.3.1 no longer gets fixes",
            ),
            Diagnostic(
                severity=Severity.WARNING,
                code="max-guest-differs",
                message="maxGuest 64Gi in Git, 32Gi in the cluster; it is never written",
                at=at("vms/db.yaml", 15),
                ref=vm_ref("db", "pg-0"),
                context=("maxGuest of the running guest is 32Gi since its start",),
                hint="change it while the VM is stopped",
            ),
        ),
        skipped={"Namespace": 2, "ConfigMap": 1},
    )


@pytest.fixture
def converged_plan() -> Plan:
    """A plan in which no object needs a change."""
    unchanged = tuple(each for each in decisions() if each.effect is Effect.NONE)
    return sealed(unchanged, revision="working-tree")


@pytest.fixture
def paced_plan() -> Plan:
    """A plan with a firing alert, a canary, batches, a closed maintenance window and restarts."""
    sizes = {
        ("db", "pg-0"): ("4Gi", {"canary": "true", "app": "pg"}),
        ("db", "pg-1"): ("4Gi", {"app": "pg"}),
        ("db", "pg-2"): ("48Gi", {"app": "pg"}),
        ("web", "fe-0"): ("2Gi", {"stage": "test"}),
        ("web", "fe-1"): ("32Gi", {}),
    }
    refs = {vm_ref(*key): value for key, value in sizes.items()}
    live = make_live(
        *(make_vm(ref) for ref in refs),
        vmis=tuple(make_vmi(ref, max_guest="16Gi") for ref in refs),
        observed_at=NOW,
        kubevirt=with_settings(make_kubevirt(), maxGuest=size("16Gi")),
    )
    consents = {vm_ref("db", "pg-2"): RestartConsent.WINDOW}
    desired = make_desired(
        *(
            DesiredVM(ref=ref, guest=size(guest), labels=labels, restart=consents.get(ref))
            for ref, (guest, labels) in refs.items()
        ),
        kubevirt={MAX_HOTPLUG_RATIO: 8},
    )
    window = Window(kind=WindowKind.ALLOW, cron="0 22 * * 1-5", duration=Duration.parse("20m"))
    policy = PlanPolicy(
        restart=RestartConsent.WINDOW,
        settle_deadline_s=420.0,
        max_per_node=1,
        windows=(window,),
        batches=(Selector.parse("stage=test"),),
        anti_affinity=("app",),
        canary=Canary(selector=Selector.parse("canary=true"), soak=Duration.parse("30m")),
    )
    hold = AlertHold(
        since=NOW,
        alerts=('CephHealthError{severity="critical"}',),
        message='an alert is firing: CephHealthError{severity="critical"}',
        hint="new changes start when the alert has ended",
    )
    return decide(desired, live, policy, NOW, hold=hold)


@pytest.fixture
def run(plan: Plan) -> RunReport:
    """The report of a run in which every result occurs."""

    def outcome(decision: Decision, result: Result, actuation: Actuation, **fields) -> Outcome:
        action = decision.actions[0] if decision.actions else None
        why = {key: fields.pop(key) for key in ("reason", "message", "hint") if key in fields}
        defaults = {
            "action_id": action.id if action else "",
            "digest": action.digest if action else "",
            "patched_at": NOW if actuation is Actuation.SUCCEEDED else None,
        }
        return Outcome(
            ref=decision.ref,
            effect=decision.effect,
            actuation=actuation,
            result=result,
            why=replace(decision.why, **why),
            **(defaults | fields),
        )

    of = {each.ref.name: each for each in plan.decisions}
    migration = MigrationSummary(
        name="kubevirt-workload-update-q8z4c",
        uid=Uid("uid-m1"),
        phase="Succeeded",
        source_node="node01",
        target_node="node02",
    )
    failed = MigrationSummary(
        name="kubevirt-workload-update-v5n7d",
        uid=Uid("uid-m2"),
        phase="Failed",
        source_node="node02",
        failure_reason="target pod: 0/3 nodes are available: 3 Insufficient memory",
    )
    outcomes = (
        outcome(of["kubevirt"], Result.DONE, Actuation.SUCCEEDED, seconds=7.5),
        outcome(of["etl-1"], Result.HELD, Actuation.SKIPPED, guest_now=size("1Gi")),
        outcome(of["etl-2"], Result.HELD, Actuation.SKIPPED),
        outcome(of["pg-0"], Result.DONE, Actuation.SUCCEEDED, seconds=42.25, reason="converged",
            message="the guest has 12Gi", ended_at=NOW + timedelta(seconds=42, milliseconds=250),
            migration=migration, guest_before=size("8Gi"), guest_now=size(12 * GIB)),
        outcome(of["pg-1"], Result.FAILED, Actuation.SUCCEEDED, reason="target-unschedulable",
            message="no node has room for the target pod of 16.4Gi", failed_migrations=3,
            hint="free 16.4Gi on a node other than node02, or take the change back",
            migration=failed, guest_before=size("16Gi"), guest_now=size("16Gi")),
        outcome(of["pg-2"], Result.DONE, Actuation.NOT_NEEDED, guest_before=size("8Gi"),
            guest_now=size("8Gi")),
        outcome(of["pg-3"], Result.STALE, Actuation.SKIPPED, reason="stale",
            message="approved as cold, but it has been started: it would be live"),
        outcome(of["pg-9"], Result.NOT_STARTED, Actuation.PENDING, reason="deadline",
            message="the deadline came before its turn"),
        outcome(of["fe-2"], Result.HELD, Actuation.NOT_NEEDED),
        outcome(of["fe-5"], Result.WRITTEN, Actuation.SUCCEEDED, reason="no-wait",
            message="the size is written; the run did not wait for the guest because of "
            "--no-wait"),
        outcome(of["fe-3"], Result.RUNNING, Actuation.SUCCEEDED, reason="in-flight",
            message="migration is Running", guest_before=size("2Gi"), guest_now=size("2Gi")),
    )  # fmt: skip
    return RunReport(
        run_id="20260302-093000-4f1c",
        plan=plan,
        outcomes=outcomes,
        started_at=NOW,
        ended_at=NOW + timedelta(minutes=3, seconds=20, microseconds=4000),
        exit=ExitCode.STALE,
        message="1 approved action went stale",
    )


@pytest.fixture
def desired() -> DesiredState:
    """The desired state of five VMs, with a reported problem of each severity."""
    vms = (
        DesiredVM(ref=vm_ref("batch", "etl-2"), guest=None, instancetype="u1.large"),
        DesiredVM(ref=vm_ref("db", "pg-0"), guest=size("12Gi")),
        DesiredVM(ref=vm_ref("db", "pg-1"), guest=size("4Gi")),
        DesiredVM(ref=vm_ref("web", "fe-3"), guest=size("10Gi")),
        DesiredVM(ref=vm_ref("web", "fe-4"), guest=size("2Gi")),
    )
    return DesiredState(
        revision=COMMIT,
        kubevirt=DesiredKubeVirt(ref=KUBEVIRT, settings={ROLLOUT_STRATEGY: "LiveUpdate"}),
        vms={each.ref: each for each in vms},
        skipped={"Namespace": 2},
        diagnostics=(
            Diagnostic(
                severity=Severity.WARNING,
                code="no-place",
                message="no file matches the path legacy/",
            ),
            Diagnostic(
                severity=Severity.ERROR,
                code="guest-above-max",
                message="guest 16Gi exceeds maxGuest 8Gi",
                at=at("vms/web.yaml", 14),
                ref=vm_ref("web", "fe-1"),
                context=("maxGuest is set at vms/web.yaml:15:21",),
                hint="raise maxGuest, which needs a restart, or lower guest to 8Gi",
            ),
            Diagnostic(
                severity=Severity.ERROR,
                code="not-a-quantity",
                message="'2GB' is not a quantity; did you mean 2Gi, or 2G for the decimal size?",
                at=at("vms/db.yaml", 120),
            ),
        ),
    )


@pytest.fixture
def live() -> LiveState:
    """A cluster with one converged VM, one that migrates, and one that needs a restart."""
    true, false = (
        Condition(status="True"),
        Condition(status="False", reason="DisksNotLiveMigratable"),
    )

    def vm(namespace: str, name: str, guest: str | None, **fields) -> LiveVM:
        ref = vm_ref(namespace, name)
        quantity = None if guest is None else size(guest)
        return LiveVM(
            ref=ref, uid=Uid(name), generation=1, guest=quantity, max_guest=None, **fields
        )

    def vmi(namespace: str, name: str, now: str, top: str, **fields) -> LiveVMI:
        return LiveVMI(
            ref=vm_ref(namespace, name),
            uid=Uid(f"{name}-i"),
            phase="Running",
            guest_current=size(now),
            guest_requested=size(now),
            guest_at_boot=size("2Gi"),
            max_guest=size(top),
            **({"node": "node01"} | fields),
        )

    vms = (
        vm("batch", "etl-2", None, instancetype="u1.medium"),
        vm("db", "pg-0", "12Gi"),
        vm("db", "pg-1", "4Gi", printable_status="Stopped"),
        vm("infra", "dns", "1Gi"),
        vm("web", "fe-3", "10Gi", conditions={"RestartRequired": true}),
    )
    vmis = (
        vmi("batch", "etl-2", "4Gi", "16Gi", conditions={"LiveMigratable": false}),
        vmi("db", "pg-0", "8Gi", "32Gi", conditions={"HotMemoryChange": true}),
        vmi("infra", "dns", "1Gi", "4Gi"),
        vmi("web", "fe-3", "2Gi", "8Gi", node="node03"),
    )
    migration = LiveMigration(
        ref=ObjectRef(
            kind="VirtualMachineInstanceMigration",
            namespace="db",
            name="kubevirt-workload-update-q8z4c",
        ),
        uid=Uid("uid-m1"),
        vmi_name="pg-0",
        phase=MigrationPhase.RUNNING,
        source_node="node01",
        target_node="node02",
    )
    return LiveState(
        cluster_id=CLUSTER,
        observed_at=NOW,
        kubevirt=LiveKubeVirt(
            ref=KUBEVIRT,
            uid=Uid("uid-kubevirt"),
            generation=4,
            observed_generation=4,
            phase="Deployed",
            version="v1.9.0",
            target_version="v1.9.0",
            deployment_id="d",
            target_deployment_id="d",
            settings={},
            containers=frozenset(),
        ),
        vms={each.ref: each for each in vms},
        vmis={each.ref: each for each in vmis},
        migrations={vm_ref("db", "pg-0"): (migration,)},
    )


@pytest.fixture
def verdicts() -> dict[ObjectRef, Convergence]:
    """The convergence of a VM whose memory change is in progress."""
    return {
        vm_ref("db", "pg-0"): Convergence(
            verdict=Verdict.IN_PROGRESS,
            why=Explanation(reason="in-flight", message="migration is Running"),
        )
    }
