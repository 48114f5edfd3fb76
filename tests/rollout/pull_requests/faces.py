"""``Face``: runs the example CI workflows of one Git host (GitHub, GitLab or Forgejo) locally."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from support.actions_runner.machine import machine
from support.forges.fake_forge import TOKEN
from support.forges.hosted_repository import HostedRepository
from support.served import Served

if TYPE_CHECKING:
    from support.actions_runner.runner import Runner

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "workflows"


@dataclass
class Ran:
    """The result of a CI job."""

    passed: bool
    log: str
    """The output of a CI job, and its job summary."""


@dataclass
class Project:
    """A repository on a local Git host, a simulated cluster, and a directory for the CI jobs."""

    repository: HostedRepository
    cluster: Served
    folder: Path
    numbers: count = field(default_factory=lambda: count(1))

    @property
    def forge(self):
        return self.repository.forge

    @property
    def kubeconfig(self) -> str:
        return self.cluster.kubeconfig.read_text()

    def runner(self, ref: str, event_name: str, event: dict, **github: object) -> Runner:
        """Return a CI machine that has checked out *ref*; all machines share their artifacts."""
        number = next(self.numbers)
        folder = self.folder / f"job-{number}"
        folder.mkdir()
        shared = self.folder / "artifacts"
        shared.mkdir(exist_ok=True)
        (folder / "artifacts").symlink_to(shared)
        commit = self.repository.commit(ref)
        default = {"repository": {"default_branch": "main", "full_name": "team/vms"}}
        context = {
            "ref": ref,
            "ref_name": ref.removeprefix("refs/heads/"),
            "sha": commit,
            "run_id": str(number),
            "api_url": self.forge.url,
            "token": TOKEN,
            "event_name": event_name,
            "event": default | event,
        }
        found = machine(folder, self.repository.bare, **(context | github))
        for command in (("fetch", "--quiet", "origin", ref), ("checkout", "--quiet", commit)):
            self.repository.author("-C", str(found.workspace), *command)
        return found


class Face(Protocol):
    """The example CI jobs of one Git host."""

    def snapshot(self) -> Ran:
        """Run the scheduled CI job that publishes a cluster snapshot file."""
        ...

    def plan(self) -> Ran:
        """Run the CI jobs that plan the pull request and post the comment."""
        ...

    def approve(self) -> Ran:
        """Plan the default branch after the merge, and approve this plan as a user would."""
        ...

    def apply(self) -> Ran:
        """Run the CI job that applies the approved plan."""
        ...
