"""Fixtures for workflow tests: a cluster with two VMs, a repository, and job runners."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.actions_runner.machine import machine
from support.served import Git, Served
from support.simulated import vm_yaml

if TYPE_CHECKING:
    from support.actions_runner.runner import Result, Runner

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "workflows"
VMS = [{"name": name, "namespace": "team-a", "guest": "1Gi"} for name in ("db-1", "db-2")]
UNCHANGED = vm_yaml("team-a", "db-1", "1Gi") + vm_yaml("team-a", "db-2", "1Gi")
GROWN = vm_yaml("team-a", "db-1", "2Gi") + vm_yaml("team-a", "db-2", "2Gi")


@dataclass
class Project:
    """A repository on a Git host, a simulated cluster, and a directory for CI jobs."""

    git: Git
    served: Served
    folder: Path

    @property
    def kubeconfig(self) -> str:
        return self.served.kubeconfig.read_text()

    def runner(self, **github: object) -> Runner:
        """Return a new CI machine that has checked out the branch ``main``."""
        return machine(self.folder, self.git.path, **github)

    def job(
        self, file: str, name: str, runner: Runner, needs: dict[str, Result] | None = None
    ) -> Result:
        """Run a job of an example workflow, for example ``github/plan.yml``."""
        return runner.job(EXAMPLES / file, name, needs)

    def guests(self) -> list[str]:
        """Return the current memory of each guest."""
        vmis = [self.served.vmi("team-a", each["name"]) for each in VMS]
        return [each["status"]["memory"]["guestCurrent"] for each in vmis]


@pytest.fixture
def project(git, serve, tmp_path):
    """A project whose last commit, a merged pull request, grows both VMs."""
    served = serve("hotplug", vms=VMS)
    git.commit({"vms.yaml": UNCHANGED})
    git.commit({"vms.yaml": GROWN})
    return Project(git, served, tmp_path)
