"""``GitLabFace``: runs the pipelines of examples/workflows/gitlab/.gitlab-ci.yml locally."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout.pull_requests.faces import EXAMPLES, Project, Ran
from support.forges.fake_forge import TOKEN
from support.forges.hosted_repository import BRANCH, HEAD_REF
from support.gitlab_runner.pipeline import Pipeline

if TYPE_CHECKING:
    from support.gitlab_runner.pipeline import JobResult

FILE = EXAMPLES / "gitlab/.gitlab-ci.yml"


class GitLabFace:
    """Runs pipelines as GitLab does; a user starts the manual job ``apply``."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._merged: Pipeline | None = None

    def snapshot(self) -> Ran:
        given = {"MEMORY_TASK": "snapshot", "CI_COMMIT_BRANCH": "main"}
        return _ran(self._pipeline("main", "schedule", **given).run(), "snapshot")

    def plan(self) -> Ran:
        given = {
            "CI_MERGE_REQUEST_IID": "7",
            "CI_MERGE_REQUEST_PROJECT_ID": "team/vms",
            "CI_MERGE_REQUEST_PROJECT_URL": str(self.project.repository.bare.with_suffix("")),
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": self.project.repository.commit("main"),
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": BRANCH,
        }
        pipeline = self._pipeline(HEAD_REF, "merge_request_event", **given)
        assert pipeline.selected() == ["plan", "comment"]
        return _ran(pipeline.run(), "comment")

    def approve(self) -> Ran:
        self._merged = self._pipeline("main", "push", CI_COMMIT_BRANCH="main")
        return _ran(self._merged.run(), "plan-merged")

    def apply(self) -> Ran:
        assert self._merged is not None
        self._merged.manual = frozenset({"apply"})
        return _ran(self._merged.run(), "apply")

    def _pipeline(self, ref: str, source: str, **given: str) -> Pipeline:
        number = next(self.project.numbers)
        # The machine provides the command reconciler.
        machine = self.project.runner(ref, source, {})
        variables = {
            "CI_PIPELINE_SOURCE": source,
            "CI_COMMIT_SHA": self.project.repository.commit(ref),
            "CI_DEFAULT_BRANCH": "main",
            "CI_PROJECT_ID": "team/vms",
            "CI_API_V4_URL": self.project.forge.url,
            "CI_PIPELINE_URL": f"https://gitlab.example.com/team/vms/-/pipelines/{number}",
            "RECONCILER_FORGE_TOKEN": TOKEN,
            **given,
        }
        if source != "merge_request_event":  # only protected branches receive this variable
            variables["KUBECONFIG"] = str(self.project.cluster.kubeconfig)
        folder = self.project.folder / f"pipeline-{number}"
        folder.mkdir()
        commands = machine.temp.parent / "bin"
        return Pipeline(FILE, self.project.repository.bare, folder, variables, commands)


def _ran(results: dict[str, JobResult], name: str) -> Ran:
    log = "".join(each.log for each in results.values())
    return Ran(name in results and results[name].code == 0, log)
