"""Compares the forecast of a plan with the actual rollout for generated clusters without faults.

The clusters differ in the number and size of the VMs, the nodes, KubeVirt's limits and the
user's limits; the bandwidth and its source (the CR's limit, migration policies, finished
migrations, or unknown); migrations by other clients in progress; changes to the KubeVirt CR
before the memory; and the user's pacing: limits per node, batches, canaries that soak, and
anti-affinity groups.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from support.builders import PlanPolicy
from support.simulated import PolledInformer, Rig, vm_yaml

from reconciler.model.desired.config import Canary
from reconciler.model.quantity import Duration
from reconciler.model.run.outcome import ExitCode
from reconciler.model.selector import Selector
from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

MI, GI = 2**20, 2**30
SIZES = (1, 2, 4, 8, 16, 32, 64)
FAMILIES = ("assumed", "limited", "policies", "learned", "shared")
PACED = ("per-node", "batches", "canary", "apart")
FLEETS = 3
"""The number of clusters per family, with the random seeds 0 to this number minus 1."""
INSIDE = 0.95
RATIO = 3.0
LONGEST_S = 60.0
"""The approximate maximum rollout time in simulated seconds; slower clusters get fewer VMs."""
CONFIG = """\
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  configuration: {vmRolloutStrategy: LiveUpdate}
  workloadUpdateStrategy: {workloadUpdateMethods: [LiveMigrate]}
"""


def policy(name: str, limit: str, **labels: str) -> dict:
    return {
        "apiVersion": "migrations.kubevirt.io/v1alpha1",
        "kind": "MigrationPolicy",
        "metadata": {"name": name},
        "spec": {
            "bandwidthPerMigration": limit,
            "selectors": {
                "namespaceSelector": {"stage": "production"},
                "virtualMachineInstanceSelector": labels,
            },
        },
    }


POLICIES = [
    policy("all", "600Mi"),
    policy("databases", "150Mi", role="database"),
    policy("fast-databases", "1000Mi", role="database", disk="fast"),
]
POLICED = (
    ({}, 600),
    ({"disk": "fast"}, 600),
    ({"role": "database"}, 150),
    ({"role": "database", "disk": "fast"}, 1000),
)
"""VM labels, and the migration bandwidth in Mi/s that the migration policies for them allow."""


class QuickInformer(PolledInformer):
    """An informer that polls every two simulated seconds, because the tests have many runs."""

    def wait(self, timeout_s: float):
        self._clock.sleep(2.0 * timeout_s)
        return self.read()


@dataclass(frozen=True)
class Fleet:
    """A simulated cluster, and the desired state of its VMs."""

    name: str
    document: dict
    sizes: dict[str, int]
    """The VM sizes in GiB by VM name; each VM is to grow by a quarter, and by at least 1 GiB."""
    history: tuple[str, ...] = ()
    """The VMs that were changed before the rollout."""
    config: bool = False
    choices: PlanPolicy = field(default_factory=PlanPolicy)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    """The labels in Git, by VM name."""

    @property
    def desired(self) -> str:
        vms = (
            vm_yaml(
                "fleet", name, f"{size + max(1, size // 4)}Gi", labels=self.labels.get(name, {})
            )
            for name, size in self.sizes.items()
        )
        return (CONFIG if self.config else "") + "".join(vms)


def paced(family: str, dice: random.Random, names: list[str]) -> tuple[dict, dict]:
    """Return the pacing options of a test family, and the VM labels that they select."""
    if family == "per-node":
        return {"max_per_node": 1}, {}
    if family == "batches":
        stages = ("test", "staging", "production", "other")
        selectors = tuple(Selector.parse(f"stage={each}") for each in stages[: dice.randint(1, 3)])
        return {"batches": selectors}, {name: {"stage": dice.choice(stages)} for name in names}
    if family == "canary":
        first = dice.sample(names, k=dice.randint(1, max(1, len(names) // 4)))
        canary = Canary(
            selector=Selector.parse("canary=true"),
            soak=Duration.parse(dice.choice(("30s", "2m", "10m"))),
        )
        return {"canary": canary}, {name: {"canary": "true"} for name in first}
    if family == "apart":
        apps = max(1, len(names) // dice.randint(2, 5))
        return {"anti_affinity": ("app",)}, {
            name: {"app": f"app-{dice.randrange(apps)}"} for name in names if dice.random() < 0.8
        }
    return {}, {}


def fleet(family: str, seed: int) -> Fleet:
    dice = random.Random(f"{family}-{seed}")
    limit, network = 0, dice.randint(1200, 2900)
    if family in ("limited", "policies"):
        limit = dice.choice((200, 400, 800))
    elif family == "learned":
        network = dice.choice((150, 300, 700, 2000, 5000))
    places, outbound = dice.choice((1, 2, 3, 5, 8)), dice.choice((1, 2, 3))
    max_concurrent = dice.choice((None, None, 2, 4))
    if family == "per-node":
        places, outbound, max_concurrent = 8, 3, None
    count, largest = dice.randint(3, 40), dice.randint(2, len(SIZES))
    at_once = min(places, max_concurrent or places)
    sizes: dict[str, int] = {}
    labels: dict[str, dict[str, str]] = {}
    spent_s = 0.0
    for n in range(count):
        size = dice.choice(SIZES[:largest])
        own, allowed = {}, limit
        if family == "policies":
            own, allowed = dice.choice(POLICED)
        spent_s += (8 + size * 1024 / min(network, allowed or network)) / at_once
        if len(sizes) >= 3 and spent_s > LONGEST_S:
            break
        sizes[f"vm-{n:02}"] = size
        labels[f"vm-{n:02}"] = own
    spec: dict = {
        "configuration": {
            "liveUpdateConfiguration": {"maxGuest": "128Gi"},
            "migrations": {
                "parallelMigrationsPerCluster": places,
                "parallelOutboundMigrationsPerNode": outbound,
            },
        },
        "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
    }
    if limit:
        spec["configuration"]["migrations"]["bandwidthPerMigration"] = f"{limit}Mi"
    config = family in ("assumed", "limited") and dice.random() < 0.4
    if config:
        spec.pop("workloadUpdateStrategy")
    others = dice.randint(1, 4) if family == "shared" else 0
    chosen, of_git = paced(family, dice, list(sizes))
    names = [*sizes, *(f"other-{n}" for n in range(others))]
    document = {
        "apiVersion": "simulator/v1alpha1",
        "kind": "World",
        "name": f"{family}-{seed}",
        "kubevirt": {"version": "v1.9.0", "spec": spec},
        "nodes": dice.randint(2, 3 if family == "per-node" else 8),
        "nodeMemory": "16Ti",
        "bandwidth": f"{network}Mi",
        "namespaces": [{"name": "fleet", "labels": {"stage": "production"}}],
        "objects": POLICIES if family == "policies" else [],
        "seed": seed,
        "vms": [
            {
                "name": name,
                "namespace": "fleet",
                "guest": f"{sizes.get(name) or dice.choice(SIZES[:largest])}Gi",
                "vmiLabels": labels.get(name, {}),
            }
            for name in names
        ],
        "migrations": [{"vmi": f"other-{n}", "namespace": "fleet"} for n in range(others)],
    }
    some = dice.sample(sorted(sizes), k=min(len(sizes), 4)) if family == "learned" else ()
    return Fleet(
        name=f"{family}-{seed}",
        document=document,
        sizes=sizes,
        history=tuple(some),
        config=config,
        choices=PlanPolicy(max_concurrent=max_concurrent, **chosen),
        labels=of_git,
    )


@dataclass
class Compared:
    """The forecast and the actual rollout of one simulated cluster."""

    name: str
    inside: int
    vms: int
    plan_inside: bool
    ratio: float
    plan: tuple[float, float, float]
    """The earliest forecast end, the actual end and the latest forecast end of the rollout."""
    position: float = 0.0
    """Average position of the actual ends in the forecast range: 0 earliest, 1 latest."""


def compare(chosen: Fleet) -> Compared:
    rig = Rig(Simulator(worlds.parse(chosen.document), clock=SimClock(scale=None)))
    rig.informer = QuickInformer(rig.client, rig.clock)
    if chosen.history:
        largest = max(chosen.sizes, key=chosen.sizes.__getitem__)
        earlier = {*chosen.history, largest}
        before = "".join(
            vm_yaml("fleet", name, f"{chosen.sizes[name] * 1024 + 128}Mi")
            for name in sorted(earlier)
        )
        assert rig.apply(before).exit is ExitCode.DONE
    if chosen.document["migrations"]:
        rig.clock.sleep(3.0)
    report = rig.apply(chosen.desired, choices=chosen.choices)
    assert report.exit is ExitCode.DONE, [each.why.message for each in report.outcomes]
    forecast = report.plan.forecast
    assert forecast.migrations == len(chosen.sizes)
    ends = {
        each.ref: (each.ended_at - report.started_at).total_seconds() for each in report.outcomes
    }
    last = max(ends.values())
    places = [
        (ends[vm.ref] - vm.earliest_s) / (vm.latest_s - vm.earliest_s) for vm in forecast.vms
    ]
    ratios = [vm.latest_s / vm.earliest_s for vm in (*forecast.vms, forecast)]
    return Compared(
        name=chosen.name,
        inside=sum(0 <= place <= 1 for place in places),
        vms=len(places),
        plan_inside=forecast.earliest_s <= last <= forecast.latest_s,
        ratio=max(ratios),
        plan=(forecast.earliest_s, last, forecast.latest_s),
        position=sum(places) / len(places),
    )


def figures_text(found: list[Compared]) -> str:
    """Return the forecast figures of all clusters as a printable string."""
    lines = [
        f"{each.name:12} {each.inside}/{each.vms} VMs inside, plan {each.plan[0]:.0f} <= "
        f"{each.plan[1]:.0f} <= {each.plan[2]:.0f} s, ratio {each.ratio:.2f}, "
        f"at {each.position:.2f}"
        for each in found
    ]
    inside, vms = sum(each.inside for each in found), sum(each.vms for each in found)
    plans = sum(each.plan_inside for each in found)
    lines.append(f"{inside}/{vms} VMs = {inside / vms:.1%}, {plans}/{len(found)} plans inside")
    return "\n".join(lines)


@pytest.mark.parametrize("family", [*FAMILIES, *PACED])
def test_forecast_range_contains_the_actual_end_of_a_run_without_faults(family):
    found = [compare(fleet(family, seed)) for seed in range(FLEETS)]
    print(figures_text(found))  # noqa: T201 - the figures are asked for
    assert sum(each.inside for each in found) >= INSIDE * sum(each.vms for each in found)
    assert sum(each.plan_inside for each in found) >= INSIDE * len(found)
    assert max(each.ratio for each in found) < RATIO
