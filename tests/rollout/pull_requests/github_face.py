"""``GitHubFace``: runs the workflows of examples/workflows/github locally."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rollout.pull_requests.faces import EXAMPLES, Project, Ran
from support.forges.hosted_repository import BRANCH, MERGE_REF
from support.tools.installed import tool

if TYPE_CHECKING:
    from support.actions_runner.runner import Result, Runner

MAIN = "refs/heads/main"
GH = """#!{python}
import os, subprocess, sys, urllib.request
api, path, jq, expression = sys.argv[1:]
assert (api, jq) == ("api", "--jq")
headers = {{"Authorization": "Bearer " + os.environ["GH_TOKEN"]}}
request = urllib.request.Request(os.environ["GITHUB_API_URL"] + "/" + path, headers=headers)
body = urllib.request.urlopen(request).read()
sys.exit(subprocess.run(["{jq}", "-r", expression], input=body).returncode)
"""
"""A script that replaces the GitHub CLI ``gh``, which the CI jobs use for one request."""


class GitHubFace:
    """Runs CI jobs as GitHub does for a pull request from a fork, which gets no token."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._plan: tuple[Runner, Result] | None = None

    def snapshot(self) -> Ran:
        runner = self._runner(MAIN, "schedule", {})
        runner.secrets = {"KUBECONFIG": self.project.kubeconfig}
        ran = _ran(runner, runner.job(EXAMPLES / "github/snapshot.yml", "snapshot"))
        self.project.forge.snapshot_runs.insert(0, str(runner.github["run_id"]))
        return ran

    def plan(self) -> Ran:
        base = {"ref": "main", "sha": self.project.repository.commit("main")}
        event = {"pull_request": {"number": 7, "base": base}, "number": 7}
        runner = self._runner(MERGE_REF, "pull_request", event)
        planned = _ran(runner, runner.job(EXAMPLES / "github/plan.yml", "plan"))
        assert planned.passed, planned.log
        about = {
            "event": "pull_request",
            "conclusion": "success",
            "id": runner.github["run_id"],
            "html_url": "https://github.example.com/team/vms/actions/runs/1",
            "head_sha": self.project.forge.pulls[0].head,
            "head_branch": BRANCH,
            "head_repository": {"full_name": "team/vms", "owner": {"login": "team"}},
        }
        runner = self._runner(MAIN, "workflow_run", {"workflow_run": about})
        return _ran(runner, runner.job(EXAMPLES / "github/comment.yml", "comment"))

    def approve(self) -> Ran:
        runner = self._runner(MAIN, "push", {})
        runner.secrets = {"KUBECONFIG": self.project.kubeconfig}
        self._plan = runner, runner.job(EXAMPLES / "github/apply.yml", "plan")
        return _ran(*self._plan)

    def apply(self) -> Ran:
        assert self._plan is not None
        runner = self._runner(MAIN, "push", {}, run_id=self._plan[0].github["run_id"])
        runner.secrets = {"KUBECONFIG": self.project.kubeconfig}
        needs = {"plan": self._plan[1]}
        return _ran(runner, runner.job(EXAMPLES / "github/apply.yml", "apply", needs))

    def _runner(self, ref: str, event_name: str, event: dict, **github: object) -> Runner:
        found = self.project.runner(ref, event_name, event, **github)
        program = found.temp.parent / "bin" / "gh"
        program.write_text(GH.format(python=sys.executable, jq=tool("jq")))
        program.chmod(0o755)
        return found


def _ran(runner: Runner, result: Result) -> Ran:
    return Ran(result.outcome == "success", runner.log + runner.summary)
