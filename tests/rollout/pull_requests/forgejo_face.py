"""``ForgejoFace``: runs the workflows of examples/workflows/forgejo locally."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rollout.pull_requests.faces import EXAMPLES, Project, Ran
from support.forges.fake_forge import TOKEN
from support.forges.hosted_repository import HEAD_REF

if TYPE_CHECKING:
    from support.actions_runner.runner import Runner

MAIN = "refs/heads/main"


class ForgejoFace:
    """Runs CI jobs as Forgejo does; a user approves a plan by its digest."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._digest = ""

    def snapshot(self) -> Ran:
        return self._job("snapshot", MAIN, "schedule", {})

    def plan(self) -> Ran:
        head = {"repo": {"full_name": "team/vms"}, "sha": self.project.forge.pulls[0].head}
        base = {"ref": "main", "sha": self.project.repository.commit("main")}
        event = {"pull_request": {"number": 7, "head": head, "base": base}, "number": 7}
        # Unlike GitHub, Forgejo checks out the last commit of the pull request.
        return self._job("plan", HEAD_REF, "pull_request", event)

    def approve(self) -> Ran:
        ran = self._job("drift", MAIN, "schedule", {})
        [self._digest] = re.findall(r"^digest=(.+)$", ran.log, re.MULTILINE)
        return Ran(not ran.passed, ran.log)  # the job fails, because changes are pending

    def apply(self) -> Ran:
        event = {"inputs": {"digest": self._digest}}
        return self._job("apply", MAIN, "workflow_dispatch", event)

    def _job(self, name: str, ref: str, event_name: str, event: dict) -> Ran:
        runner: Runner = self.project.runner(ref, event_name, event)
        runner.env["FORGEJO_ACTIONS"] = "true"
        runner.secrets = {
            "KUBECONFIG": self.project.kubeconfig,
            "KUBECONFIG_APPLY": self.project.kubeconfig,
            "SNAPSHOT_TOKEN": "snapshot-token",
            "RECONCILER_FORGE_TOKEN": TOKEN,
        }
        result = runner.job(EXAMPLES / f"forgejo/{name}.yml", name)
        return Ran(result.outcome == "success", runner.log + runner.summary)
