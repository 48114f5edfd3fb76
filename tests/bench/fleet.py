"""Generates a fleet of VMs from a seed: manifests for Git and a matching simulated cluster."""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

CHANGED = 0.05
"""The fraction of VMs whose memory in Git differs from the cluster."""
MULTI = 0.1
"""The fraction of VMs that share a file with other VMs."""
GIB = 1 << 30
VMS_A_NAMESPACE = 50
VMS_A_NODE = 100
MOST_RUNNING = 5
"""The number of parallel migrations, which is KubeVirt's default limit for a cluster."""
WHEN = "2026-01-01T00:00:00Z"
API_VERSION = "kubevirt.io/v1"
MANIFEST = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/part-of: {namespace}
    tier: {tier}
spec:
  runStrategy: Always
  template:
    metadata:
      labels:
        kubevirt.io/vm: {name}
        tier: {tier}
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
      networks:
        - name: default
          pod: {{}}
      volumes:
        - name: root
          containerDisk:
            image: registry.example/{namespace}/images/{tier}-server:24.04-minimal-{digest}
            imagePullPolicy: IfNotPresent
        - name: cloudinit
          cloudInitNoCloud:
            userData: "#cloud-config\\nhostname: {name}.{namespace}.example\\n\
ssh_authorized_keys: [ssh-ed25519 {digest}{digest}]\\npackage_update: true\\n"
"""
KUBEVIRT = """\
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata:
  name: kubevirt
  namespace: kubevirt
spec:
  configuration:
    vmRolloutStrategy: LiveUpdate
  workloadUpdateStrategy:
    workloadUpdateMethods: [LiveMigrate]
"""
CONFIG = """\
apiVersion: reconciler/v1alpha1
kind: Config
paths: [kubevirt.yaml, vms]
rollout:
  failureBudget: 50
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VM:
    """A generated VM, whose memory sizes are in GiB."""

    namespace: str
    name: str
    tier: str
    digest: str
    running: int
    wanted: int
    stopped: bool = False
    migrating: bool = False
    """Whether the VM has a manually created migration that does not end."""

    @property
    def changed(self) -> bool:
        return self.running != self.wanted

    def manifest(self) -> str:
        return MANIFEST.format(
            name=self.name,
            namespace=self.namespace,
            tier=self.tier,
            digest=self.digest,
            guest=f"{self.wanted}Gi",
        )

    def spec(self) -> dict[str, Any]:
        """Return the VM's spec in the cluster, whose memory size can differ from the manifest."""
        text = f"#cloud-config\nhostname: {self.name}.{self.namespace}.example\n"
        key = f"ssh_authorized_keys: [ssh-ed25519 {self.digest}{self.digest}]\n"
        image = f"registry.example/{self.namespace}/images/{self.tier}-server:24.04-minimal-"
        disks = [{"name": name, "disk": {"bus": "virtio"}} for name in ("root", "cloudinit")]
        nic = {"name": "default", "masquerade": {}, "model": "virtio"}
        return {
            "runStrategy": "Halted" if self.stopped else "Always",
            "template": {
                "metadata": {"labels": {"kubevirt.io/vm": self.name, "tier": self.tier}},
                "spec": {
                    "architecture": "amd64",
                    "evictionStrategy": "LiveMigrate",
                    "terminationGracePeriodSeconds": 180,
                    "domain": {
                        "cpu": {"cores": 2, "sockets": 1, "threads": 1},
                        "machine": {"type": "q35"},
                        "memory": {"guest": f"{self.running}Gi"},
                        "devices": {"disks": disks, "interfaces": [nic]},
                    },
                    "networks": [{"name": "default", "pod": {}}],
                    "volumes": [
                        {
                            "name": "root",
                            "containerDisk": {
                                "image": image + self.digest,
                                "imagePullPolicy": "IfNotPresent",
                            },
                        },
                        {
                            "name": "cloudinit",
                            "cloudInitNoCloud": {"userData": f"{text}{key}package_update: true\n"},
                        },
                    ],
                },
            },
        }


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A fleet of *n_vms* VMs, which are the same for the same seed.

    Args:
        n_finished: The number of finished migrations; None means one for every fifth VM.
        stopped: Whether changed VMs are stopped, so that no patch waits for a migration.
        settled: Whether Git has the same memory sizes as the cluster.
    """

    n_vms: int
    seed: int = 1
    n_finished: int | None = None
    stopped: bool = False
    settled: bool = False

    @cached_property
    def vms(self) -> tuple[VM, ...]:
        chance = random.Random(self.seed)
        changed = set(chance.sample(range(self.n_vms), round(self.n_vms * CHANGED)))
        still = [index for index in range(self.n_vms) if index not in changed]
        migrating = set(chance.sample(still, min(MOST_RUNNING, self.n_vms // 100)))
        n_namespaces = max(self.n_vms // VMS_A_NAMESPACE, 1)
        made = []
        for index in range(self.n_vms):
            running = chance.randint(1, 8)
            made.append(
                VM(
                    namespace=f"team-{index % n_namespaces:04}",
                    name=f"vm-{index:06}",
                    tier=chance.choice(("db", "web", "batch")),
                    digest=f"{chance.getrandbits(64):016x}",
                    running=running,
                    wanted=running + chance.randint(1, 2) if index in changed else running,
                    stopped=self.stopped and index in changed,
                    migrating=index in migrating,
                )
            )
        if self.settled:
            made = [replace(vm, wanted=vm.running) for vm in made]
        return tuple(made)

    @property
    def changed(self) -> tuple[VM, ...]:
        return tuple(vm for vm in self.vms if vm.changed)

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the path and content of each file in Git; most have one VM, some up to eight."""
        chance = random.Random(f"files/{self.seed}")
        yield ".reconciler.yaml", CONFIG
        yield "kubevirt.yaml", KUBEVIRT
        rest = list(self.vms)
        while rest:
            together = rest[: chance.randint(2, 8) if chance.random() < MULTI / 4 else 1]
            del rest[: len(together)]
            first = together[0]
            yield (
                f"vms/{first.namespace}/{first.name}.yaml",
                "---\n".join(vm.manifest() for vm in together),
            )

    def commit(self, folder: Path) -> None:
        """Write the fleet's manifests into a new repository at *folder*, in one commit."""
        for name, text in self.files():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for arguments in (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", "--all"),
            ("commit", "--quiet", "--message=fleet"),
            ("gc", "--quiet"),  # a clone is also packed
        ):
            subprocess.run(
                ["git", "-c", "gc.auto=0", *arguments], cwd=folder, env=GIT_ENVIRONMENT, check=True
            )

    def world(self) -> dict[str, Any]:
        """Build the scenario of the fleet's simulated cluster, in the scenario file format."""
        return {
            "apiVersion": "simulator/v1alpha1",
            "kind": "World",
            "name": "bench",
            "seed": self.seed,
            "kubevirt": {
                "spec": {
                    "configuration": {"vmRolloutStrategy": "LiveUpdate"},
                    "workloadUpdateStrategy": {"workloadUpdateMethods": ["LiveMigrate"]},
                }
            },
            "nodes": max(self.n_vms // VMS_A_NODE, 3),
            "nodeMemory": "2Ti",
            "vms": [
                {
                    "name": vm.name,
                    "namespace": vm.namespace,
                    "labels": {
                        "app.kubernetes.io/name": vm.name,
                        "app.kubernetes.io/part-of": vm.namespace,
                        "tier": vm.tier,
                    },
                    "spec": vm.spec(),
                    "running": not vm.stopped,
                    **({"faults": {"transfer": "100h"}} if vm.migrating else {}),
                }
                for vm in self.vms
            ],
            "migrations": [
                {"name": f"by-hand-{vm.name}", "namespace": vm.namespace, "vmi": vm.name}
                for vm in self.vms
                if vm.migrating
            ],
        }

    def finished(self, at: datetime) -> Iterator[dict[str, Any]]:
        """Yield finished migrations with given start times, which the YAML file cannot contain."""
        settled = [vm for vm in self.vms if not vm.migrating and not vm.stopped]
        wanted = self.n_vms // 5 if self.n_finished is None else self.n_finished
        for number in range(wanted):
            yield _finished(settled[number % len(settled)], number, at)


GIT_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{role}_NAME": "Bench" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "bench@example.com" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_DATE": WHEN for role in ("AUTHOR", "COMMITTER")},
}


def _finished(vm: VM, number: int, at: datetime) -> dict[str, Any]:
    phases = ("Pending", "Scheduling", "Scheduled", "PreparingTarget", "Running", "Succeeded")
    stamps = [f"{at + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}" for second in range(6)]
    return {
        "apiVersion": API_VERSION,
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {
            "name": f"kubevirt-workload-update-{number:06}",
            "namespace": vm.namespace,
            "labels": {"kubevirt.io/vmi-name": vm.name},
            "annotations": {"kubevirt.io/workloadUpdateMigration": ""},
        },
        "spec": {"vmiName": vm.name},
        "status": {
            "phase": "Succeeded",
            "phaseTransitionTimestamps": [
                {"phase": phase, "phaseTransitionTimestamp": stamp}
                for phase, stamp in zip(phases, stamps, strict=True)
            ],
            "migrationState": {
                "completed": True,
                "startTimestamp": stamps[4],
                "endTimestamp": stamps[5],
                "migrationUid": f"00000000-0000-4000-8000-{number:012}",
                "mode": "PreCopy",
                "sourceNode": "node01",
                "targetNode": "node02",
            },
        },
    }
