"""A rollout makes changes and restarts in the order of the plan."""

from __future__ import annotations

from support.builders import ALWAYS
from support.simulated import Rig, simulator, vm_yaml

from reconciler.model.desired.config import Canary, RestartConsent
from reconciler.model.plan.plan import Verb
from reconciler.model.quantity import Duration
from reconciler.model.run.outcome import ExitCode
from reconciler.model.selector import Selector
from reconciler.plan.plan_policy import PlanPolicy

PRIORITY = "memory.reconciler.dev/priority"
CANARY = Canary(selector=Selector.parse("canary=true"), soak=Duration.parse("10s"))


def rig(world: str, names: str) -> Rig:
    vms = [{"name": name, "namespace": "default", "guest": "1Gi"} for name in names]
    return Rig(simulator(world, vms=vms, nodes=6))


def written(run: Rig, verb: Verb = Verb.PATCH) -> list[str]:
    """Return the VMs that the rollout patched or restarted, in order."""
    if verb is Verb.PATCH:
        return [path.rsplit("/", 1)[1] for path in run.patches()]
    return [
        each.path.split("/")[-2]
        for each in run.sim.request_log
        if each.method == "PUT" and each.path.endswith("/restart")
    ]


def planned(report, verb: Verb = Verb.PATCH) -> list[str]:
    return [
        action.ref.name
        for wave in report.plan.waves
        for action in wave.actions
        if action.verb is verb
    ]


def test_vm_changes_start_in_the_order_of_the_plan():
    run = rig("hotplug", "abcdef")
    text = "".join(
        vm_yaml("default", name, "2Gi", labels=labels, annotations=annotations)
        for name, labels, annotations in (
            ("a", {"stage": "prod"}, {}),
            ("b", {"stage": "test"}, {}),
            ("c", {}, {}),
            ("d", {"stage": "test"}, {PRIORITY: "5"}),
            ("e", {"canary": "true"}, {}),
            ("f", {}, {PRIORITY: "9"}),
        )
    )
    stages = tuple(Selector.parse(f"stage={each}") for each in ("test", "prod"))
    choices = PlanPolicy(canary=CANARY, batches=stages)
    report = run.apply(text, choices=choices, max_concurrent=1)
    assert report.exit is ExitCode.DONE
    assert planned(report) == ["e", "d", "b", "a", "f", "c"]
    assert written(run) == planned(report)
    assert [each.ref.name for each in report.plan.forecast.vms] == planned(report)


def test_patches_and_restarts_happen_in_the_order_of_the_plan():
    run = rig("above-max", "abc")
    text = "".join(
        vm_yaml("default", name, size, labels=labels)
        for name, size, labels in (
            ("a", "5Gi", {}),
            ("b", "2Gi", {}),
            ("c", "5Gi", {"canary": "true"}),
        )
    )
    choices = PlanPolicy(canary=CANARY, restart=RestartConsent.WINDOW, windows=(ALWAYS,))
    report = run.apply(text, choices=choices, max_concurrent=1)
    assert report.exit is ExitCode.DONE
    assert planned(report) == written(run) == ["c", "a", "b"]
    assert planned(report, Verb.RESTART) == written(run, Verb.RESTART) == ["c", "a"]
