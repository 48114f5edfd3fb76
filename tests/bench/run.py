"""Measures, on this machine and in one process, the rates that a plan of many VMs is made of.

A fleet is generated, the same one for the same seed, and each step is timed alone: reading
manifests with positions, parsing quantities, decoding a snapshot, deciding. The cluster and the
network are not in these figures. Usage: ``make bench ARGS="--vms 2000"``.
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from reconciler.model import codec
from reconciler.model.desired import DesiredState, DesiredVM
from reconciler.model.fields import GUEST_MEMORY, ROLLOUT_STRATEGY, UPDATE_METHODS, NameSet
from reconciler.model.live import Condition, LiveKubeVirt, LiveNode, LiveState, LiveVM, LiveVMI
from reconciler.model.plan import Effect
from reconciler.model.quantity import GIB, MemoryQuantity
from reconciler.model.refs import ObjectRef, Uid, kubevirt_ref, vm_ref
from reconciler.plan.decide import decide
from reconciler.plan.policy import PlanPolicy
from reconciler.source.documents import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHANGED = 0.05
"""The part of the fleet whose memory Git says otherwise than the cluster."""
SPELLINGS = ("2Gi", "4096Mi", "8G", "1073741824", "1.5Gi", "12e9")
MANIFEST = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app: {name}
    tier: db
spec:
  runStrategy: Always
  template:
    metadata:
      labels:
        kubevirt.io/vm: {name}
    spec:
      architecture: amd64
      evictionStrategy: LiveMigrate
      terminationGracePeriodSeconds: 180
      domain:
        cpu:
          cores: 2
          sockets: 1
          threads: 1
        machine:
          type: q35
        memory:
          guest: {guest}
        devices:
          disks:
            - name: root
              disk:
                bus: virtio
            - name: cloudinit
              disk:
                bus: virtio
          interfaces:
            - name: default
              masquerade: {{}}
              model: virtio
          rng: {{}}
      networks:
        - name: default
          pod: {{}}
      volumes:
        - name: root
          dataVolume:
            name: {name}-root
        - name: cloudinit
          cloudInitNoCloud:
            secretRef:
              name: {name}-cloudinit
"""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How long one step took for *n* things."""

    step: str
    thing: str
    n: int
    seconds: tuple[float, ...]

    def row(self) -> str:
        median = statistics.median(self.seconds)
        spread = f"{min(self.seconds) * 1e3:.1f}-{max(self.seconds) * 1e3:.1f}"
        return (
            f"{self.step:<44}{self.n:>8}{median * 1e3:>12.1f}{spread:>18}"
            f"{median / self.n * 1e6:>12.1f}{self.n / median:>14,.0f} {self.thing}/s"
        )


def measure(step: str, thing: str, n: int, work: Callable[[], object], repeat: int) -> Rate:
    """Time *work* after one run that is not counted."""
    work()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return Rate(step=step, thing=thing, n=n, seconds=tuple(seconds))


def sizes(n: int, seed: int) -> dict[ObjectRef, tuple[MemoryQuantity, MemoryQuantity]]:
    """Memory of *n* VMs: as it runs, and as Git has it."""
    chance = random.Random(seed)
    fleet = {}
    for index in range(n):
        running = chance.randint(1, 16) * GIB
        wanted = running + 2 * GIB if chance.random() < CHANGED else running
        ref = vm_ref(f"team-{index % 20:02}", f"vm-{index:05}")
        fleet[ref] = (MemoryQuantity.of(running), MemoryQuantity.of(wanted))
    return fleet


def live_vmi(ref: ObjectRef, guest: MemoryQuantity, index: int) -> LiveVMI:
    return LiveVMI(
        ref=ref,
        uid=Uid(f"vmi-{index}"),
        phase="Running",
        node=f"node-{index % 10}",
        guest=guest,
        max_guest=MemoryQuantity.of(4 * guest.n_bytes),
        guest_at_boot=guest,
        guest_requested=guest,
        guest_current=guest,
        conditions={"LiveMigratable": Condition(status="True"), "Ready": Condition(status="True")},
        created_at=NOW,
    )


def live_state(
    fleet: Mapping[ObjectRef, tuple[MemoryQuantity, MemoryQuantity]],
) -> LiveState:
    """A settled KubeVirt v1.9.0 whose VMs all run."""
    settings = {
        ROLLOUT_STRATEGY: "LiveUpdate",
        UPDATE_METHODS: NameSet.of(("LiveMigrate",)),
    }
    kubevirt = LiveKubeVirt(
        ref=kubevirt_ref("kubevirt", "kubevirt"),
        uid=Uid("kv"),
        generation=1,
        observed_generation=1,
        phase="Deployed",
        version="v1.9.0",
        target_version="v1.9.0",
        deployment_id="1",
        target_deployment_id="1",
        settings=settings,
        containers=frozenset({("spec",), ("spec", "configuration")}),
    )
    vms = {
        ref: LiveVM(ref=ref, uid=Uid(f"vm-{index}"), generation=1, guest=running, max_guest=None)
        for index, (ref, (running, _)) in enumerate(fleet.items())
    }
    vmis = {
        ref: live_vmi(ref, running, index)
        for index, (ref, (running, _)) in enumerate(fleet.items())
    }
    return LiveState(
        cluster_id="bench",
        observed_at=NOW,
        kubevirt=kubevirt,
        vms=vms,
        vmis=vmis,
        migrations={},
        nodes=tuple(LiveNode(name=f"node-{index}", schedulable=True) for index in range(10)),
    )


def desired_state(
    fleet: Mapping[ObjectRef, tuple[MemoryQuantity, MemoryQuantity]],
) -> DesiredState:
    return DesiredState(
        revision="bench",
        kubevirt=None,
        vms={ref: DesiredVM(ref=ref, guest=wanted) for ref, (_, wanted) in fleet.items()},
    )


def run(n_vms: int, n_documents: int, repeat: int, seed: int) -> list[Rate]:
    """Measure every step.

    Raises:
        SystemExit: A step did not do what it was timed for.
    """
    fleet = sizes(n_vms, seed)
    texts = [
        MANIFEST.format(name=ref.name, namespace=ref.namespace, guest=wanted)
        for ref, (_, wanted) in list(fleet.items())[:n_documents]
    ]
    spellings = [SPELLINGS[index % len(SPELLINGS)] for index in range(10 * n_vms)]
    desired, live = desired_state(fleet), live_state(fleet)
    document = codec.snapshot(live)

    def plan() -> dict[Effect, int]:
        return decide(desired, live, PlanPolicy(), NOW).summary

    n_changed = sum(running != wanted for running, wanted in fleet.values())
    if plan() != {Effect.NONE: n_vms - n_changed, Effect.LIVE: n_changed}:
        raise SystemExit(f"the plan of the generated fleet is not the expected one: {plan()}")
    if parse(texts[0]).roots[0].find(GUEST_MEMORY) is None:
        raise SystemExit("the generated manifest was not read")
    if codec.from_snapshot(document) != live:
        raise SystemExit("the generated snapshot does not come back as it was")

    round_trip, safe = YAML(typ="rt"), YAML(typ="safe")
    n_read = len(texts)
    return [
        measure(
            "quantities: parse",
            "values",
            len(spellings),
            lambda: [MemoryQuantity.parse(each) for each in spellings],
            repeat,
        ),
        measure(
            "manifests: source.documents, with positions",
            "documents",
            n_read,
            lambda: [parse(each) for each in texts],
            repeat,
        ),
        measure(
            "  compare: ruamel.yaml round trip",
            "documents",
            n_read,
            lambda: [round_trip.load(each) for each in texts],
            repeat,
        ),
        measure(
            "  compare: ruamel.yaml safe, no positions",
            "documents",
            n_read,
            lambda: [safe.load(each) for each in texts],
            repeat,
        ),
        measure("snapshot: encode", "VMs", n_vms, lambda: codec.snapshot(live), repeat),
        measure("snapshot: decode", "VMs", n_vms, lambda: codec.from_snapshot(document), repeat),
        measure("plan: decide", "VMs", n_vms, plan, repeat),
    ]


def main() -> None:
    """Measure and print one row a step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--vms", type=int, default=1000, help="size of the fleet (default 1000)")
    parser.add_argument("--documents", type=int, default=100, help="manifests (default 100)")
    parser.add_argument("--repeat", type=int, default=5, help="runs a step (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the generated fleet (default 1)")
    options = parser.parse_args()
    rates = run(options.vms, options.documents, options.repeat, options.seed)
    head = (
        f"{options.vms} VMs, {CHANGED:.0%} changed, seed {options.seed}; "
        f"median of {options.repeat} runs; "
        f"Python {platform.python_version()} on {platform.machine()}"
    )
    columns = f"{'step':<44}{'n':>8}{'median ms':>12}{'min-max ms':>18}{'us each':>12}{'rate':>14}"
    sys.stdout.write("\n".join([head, "", columns, *(rate.row() for rate in rates), ""]))


if __name__ == "__main__":
    main()
