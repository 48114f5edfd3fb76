"""``Changes``: changes Git and the cluster, and finds the first plan that shows each change."""

from __future__ import annotations

import json
import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.fleet import GIT_ENVIRONMENT
from soak.fleet import SoakFleet

from reconciler.simulator.apiserver.request.http_messages import User
from reconciler.simulator.simulator import Simulator

if TYPE_CHECKING:
    from bench.fleet import VM


OTHER = User("somebody", ("system:masters",))
LARGEST_GIB = 16


@dataclass(kw_only=True)
class Change:
    """One change to Git or the cluster, and the time of the first plan that shows it."""

    side: str
    at: float
    disturbed: bool
    """Whether a fault was active when the change was made."""
    planned_at: float | None = None
    corrected: bool = False
    """Whether a rollout restored the size of Git before a plan of the loop showed the change.

    A rollout decides again about its VMs each time that they change, between two such plans.
    """


@dataclass(kw_only=True)
class Changes:
    """All changes of the soak test; *plans* is the file to which ``serve_program`` writes."""

    fleet: SoakFleet
    simulator: Simulator
    work: Path
    """A clone, from which commits are pushed to the repository that ``serve`` reads."""
    plans: Path
    chance: random.Random
    made: list[Change] = field(default_factory=list)
    n_plans: int = 0
    plan_s: list[float] = field(default_factory=list)
    """The duration of each plan, in seconds."""
    wanted: dict[str, int] = field(default_factory=dict)
    """The memory size of each VM in Git, in GiB."""
    _commits: dict[str, int] = field(default_factory=dict)
    _waiting_commits: list[tuple[int, Change]] = field(default_factory=list)
    _waiting: dict[str, tuple[str, Change]] = field(default_factory=dict)
    _read: int = 0

    def __post_init__(self) -> None:
        self.wanted = {f"{vm.namespace}/{vm.name}": vm.wanted for vm in self.fleet.vms}
        self._paths = {}
        for path in sorted((self.work / "vms").rglob("*.yaml")):
            for part in path.read_text().split("---\n"):
                lines = part.splitlines()
                name = next(each for each in lines if each.startswith("  name: "))[8:]
                self._paths[name] = path

    def change_git(self, *, disturbed: bool) -> str:
        """Push a commit that changes one to three VMs, and return its hash."""
        chosen = self.chance.sample(self.fleet.changed_in_git, self.chance.randint(1, 3))
        if self.chance.random() < 0.2:
            chosen.append(self.chance.choice(self.fleet.migrating))
        for vm in chosen:
            self._write(vm)
        self._git("commit", "--quiet", "--all", "--message=change")
        commit = self._git("rev-parse", "HEAD")
        number = self._commits[commit] = len(self._commits)
        change = Change(side="Git", at=time.time(), disturbed=disturbed)
        self._git("push", "--quiet", "origin", "main")
        self.made.append(change)
        self._waiting_commits.append((number, change))
        return commit

    def _write(self, vm: VM) -> None:
        key = f"{vm.namespace}/{vm.name}"
        sizes = [each for each in range(1, LARGEST_GIB + 1) if each != self.wanted[key]]
        if not vm.stopped:
            # A running VM can grow up to four times its memory at its start, and not shrink below.
            low, high = vm.running, min(LARGEST_GIB, 4 * vm.running)
            sizes = [each for each in range(low, high + 1) if each != self.wanted[key]]
        size = self.chance.choice(sizes)
        path = self._paths[vm.name]
        parts = path.read_text().split("---\n")
        found = next(n for n, part in enumerate(parts) if f"\n  name: {vm.name}\n" in part)
        old = f"          guest: {self.wanted[key]}Gi\n"
        assert old in parts[found]
        parts[found] = parts[found].replace(old, f"          guest: {size}Gi\n")
        path.write_text("---\n".join(parts))
        self.wanted[key] = size

    def change_cluster(self, *, disturbed: bool) -> bool:
        """Change a VM that matches Git, as another client; return False if no VM matches."""
        some = self.chance.sample(self.fleet.changed_in_cluster, 5)
        vm = next((each for each in some if self._is_reverted(each)), None)
        if vm is None:
            return False
        key = f"{vm.namespace}/{vm.name}"
        sizes = [each for each in range(1, LARGEST_GIB + 1) if each != self.wanted[key]]
        size = f"{self.chance.choice(sizes)}Gi"
        change = Change(side="cluster", at=time.time(), disturbed=disturbed)
        body = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": size}}}}}}
        answer = self.simulator.request(
            "PATCH",
            f"/apis/kubevirt.io/v1/namespaces/{vm.namespace}/virtualmachines/{vm.name}",
            headers={"content-type": "application/merge-patch+json", "user-agent": "somebody"},
            body=json.dumps(body).encode(),
            user=OTHER,
        )
        if answer.status != 200:
            return False  # an injected fault
        self.made.append(change)
        self._waiting[key] = (size, change)
        return True

    def _is_reverted(self, vm: VM) -> bool:
        key = f"{vm.namespace}/{vm.name}"
        if key in self._waiting:
            return False
        path = f"/apis/kubevirt.io/v1/namespaces/{vm.namespace}/virtualmachines/{vm.name}"
        return (
            gib(json.loads(self.simulator.request("GET", path, user=OTHER).body))
            == self.wanted[key]
        )

    def read_plans(self) -> None:
        """Read new plans, and record which changes they show."""
        if not self.plans.exists():
            return
        with self.plans.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._planned(json.loads(line))

    def _planned(self, plan: dict[str, Any]) -> None:
        self.n_plans += 1
        self.plan_s.append(plan["took_s"])
        number = self._commits.get(plan["revision"], -1)
        for waiting in [each for each in self._waiting_commits if each[0] <= number]:
            waiting[1].planned_at = plan["at"]
            self._waiting_commits.remove(waiting)
        for key, size in plan["differs"].items():
            if key in self._waiting and self._waiting[key][0] == size:
                self._waiting.pop(key)[1].planned_at = plan["at"]

    def find_corrected(self) -> None:
        """Mark the changes that are not planned, and whose VM has the size of Git again."""
        live = self._live()
        for key in [each for each in self._waiting if live[each] == self.wanted[each]]:
            self._waiting.pop(key)[1].corrected = True

    @property
    def unseen(self) -> list[Change]:
        return [each for each in self.made if each.planned_at is None and not each.corrected]

    def different(self) -> list[str]:
        """Return the VMs whose memory size in the cluster differs from Git."""
        live = self._live()
        return [key for key, size in self.wanted.items() if live[key] != size]

    def _live(self) -> dict[str, int]:
        return {
            f"{each['metadata']['namespace']}/{each['metadata']['name']}": gib(each)
            for each in self.simulator.store.list("virtualmachines.kubevirt.io")
        }

    def _git(self, *arguments: str) -> str:
        command = ["git", "-c", "gc.auto=0", "-c", "maintenance.auto=false", *arguments]
        done = subprocess.run(
            command, cwd=self.work, env=GIT_ENVIRONMENT, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def gib(vm: dict[str, Any]) -> int:
    return int(vm["spec"]["template"]["spec"]["domain"]["memory"]["guest"].removesuffix("Gi"))
