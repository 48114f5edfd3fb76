"""Several rollouts at the same time, each for its own shard of the namespaces."""

from __future__ import annotations

from support.simulated import Rig, simulator, vm_yaml

from reconciler.model.plan.plan import Effect
from reconciler.model.run.outcome import ExitCode, Result
from reconciler.model.shard import Shard
from reconciler.plan.plan_policy import PlanPolicy

KUBEVIRT = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  configuration: {vmRolloutStrategy: LiveUpdate}
  workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}
"""
NAMESPACES = ["team-a", "team-b", "team-c", "team-d"]


def rig(world: str = "hotplug") -> Rig:
    vms = [{"name": "vm", "namespace": name, "guest": "1Gi"} for name in NAMESPACES]
    return Rig(simulator(world, vms=vms, namespaces=NAMESPACES, nodes=6))


def shards(total: int) -> list[PlanPolicy]:
    return [PlanPolicy(shard=Shard(index=index, total=total)) for index in range(total)]


TEXT = "".join(vm_yaml(name, "vm", "2Gi") for name in NAMESPACES)


def names(report) -> list[str]:
    return sorted(each.ref.namespace for each in report.outcomes)


def test_all_shards_together_change_each_vm_once():
    run = rig()
    reports = [run.apply(TEXT, choices=choices) for choices in shards(2)]
    assert [each.exit for each in reports] == [ExitCode.DONE] * 2
    assert sorted(name for each in reports for name in names(each)) == NAMESPACES
    assert len(run.patches()) == len(NAMESPACES)
    assert all(names(each) for each in reports)


def test_kubevirt_cr_is_written_by_the_first_shard_while_the_other_shards_wait():
    run = rig("stage")
    first, second = shards(2)
    waiting = run.apply(KUBEVIRT + TEXT, choices=second, deadline_s=30)
    assert run.patches() == []
    results = {each.ref.kind: (each.result, each.reason) for each in waiting.outcomes}
    assert results["KubeVirt"] == (Result.HELD, "kubevirt-not-settled")
    plan = run.plan(KUBEVIRT + TEXT, shard=first.shard)
    assert Effect.CONFIG in plan.summary
    run.apply(KUBEVIRT, choices=first)
    assert run.apply(KUBEVIRT + TEXT, choices=second).exit is not ExitCode.FAILED
    assert len([path for path in run.patches() if "/kubevirts/" in path]) == 1


def test_each_shard_stays_within_its_share_of_the_concurrency_limit():
    """With two shards, KubeVirt's limit of five migrations is divided into three and two."""
    for choices, most in zip(shards(2), (3, 2), strict=True):
        name = next(each for each in NAMESPACES if choices.shard.holds(each))
        vms = [{"name": f"vm-{n}", "namespace": name, "guest": "1Gi"} for n in range(6)]
        run = Rig(simulator("hotplug", vms=vms, namespaces=[name], nodes=12))
        text = "".join(vm_yaml(name, f"vm-{n}", "2Gi") for n in range(6))
        seen, original = 0, run.informer.wait

        def counting(timeout_s, original=original):
            nonlocal seen
            live = original(timeout_s)
            flying = sum("HotMemoryChange" in each.conditions for each in live.vmis.values())
            seen = max(seen, flying)
            return live

        run.informer.wait = counting
        assert run.apply(text, choices=choices).exit is ExitCode.DONE
        assert seen == most


def test_plan_of_a_shard_contains_only_its_own_vms():
    run = rig()
    for choices in shards(4):
        plan = run.plan(TEXT, shard=choices.shard)
        own = [name for name in NAMESPACES if choices.shard.holds(name)]
        assert [each.ref.namespace for each in plan.decisions] == own
