"""``Pipeline``: runs the jobs of a GitLab CI file, and rejects keys that it does not support.

Sources: docs.gitlab.com, "CI/CD YAML syntax reference", and "Types of shells supported by
GitLab Runner": bash runs all lines of ``before_script`` and ``script``, and stops at an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from support.gitlab_runner.rules import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

GLOBAL = {"stages", "variables", "default", "workflow", "include", "image", "before_script"}
JOB = {
    *("stage", "image", "script", "before_script", "after_script", "variables", "artifacts"),
    *("rules", "needs", "dependencies", "environment", "resource_group", "interruptible"),
    *("timeout", "allow_failure", "extends", "cache", "retry", "tags", "id_tokens", "secrets"),
}
ARTIFACTS = {"paths", "when", "expire_in", "reports", "name", "expose_as", "access", "public"}
_SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail")


@dataclass
class JobResult:
    """The result of a GitLab CI job."""

    name: str
    code: int
    log: str
    allowed: bool
    """Whether ``allow_failure`` turns the failure of this job into a warning."""
    artifacts: dict[str, Path] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.code == 0 or self.allowed


@dataclass
class Pipeline:
    """A GitLab CI pipeline whose jobs run in the order of their stages, each in a new clone."""

    file: Path
    repository: Path
    """The bare repository that each job clones."""
    folder: Path
    variables: Mapping[str, str]
    """The predefined variables of the pipeline, and the variables from the project settings."""
    commands: Path
    """A directory of programs that precedes the directories of PATH."""
    manual: frozenset[str] = frozenset()
    """The manual jobs that a user starts."""
    results: dict[str, JobResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.document = YAML(typ="safe").load(self.file)
        names = [name for name in self.document if name not in GLOBAL]
        self.jobs = {name: self._extended(name) for name in names if not name.startswith(".")}

    def selected(self) -> list[str]:
        """Return the jobs that the rules add to this pipeline, ordered by stage."""
        if self._rule(self.document.get("workflow", {})) is None:
            return []
        stages = self.document.get("stages", ["build", "test", "deploy"])
        found = [name for name, job in self.jobs.items() if self._rule(job) is not None]
        return sorted(found, key=lambda name: stages.index(self.jobs[name].get("stage", "test")))

    def run(self) -> dict[str, JobResult]:
        """Run the selected jobs; a failure skips later jobs, and ``manual`` lists the manual jobs
        to start.

        A second call runs only the jobs that have not run yet, for example after a user started
        one.
        """
        for name in self.selected():
            if name in self.results:
                continue
            when = (self._rule(self.jobs[name]) or {}).get("when", "on_success")
            failed = any(not each.passed for each in self.results.values())
            needs = [_name(each) for each in self.jobs[name].get("needs", [])]
            ready = all(each in self.results for each in needs)
            if (when == "manual" and name not in self.manual) or not ready:
                continue
            if not failed or when == "always":
                self.results[name] = self._job(name)
        return self.results

    def _job(self, name: str) -> JobResult:
        job = self.jobs[name]
        folder = self.folder / re.sub(r"\W", "-", name)
        subprocess.run(["git", "clone", "--quiet", self.repository, folder], check=True)
        ref = self.variables.get("CI_MERGE_REQUEST_REF_PATH", self.variables["CI_COMMIT_SHA"])
        for command in (
            ("fetch", "--quiet", "origin", ref),
            ("checkout", "--quiet", "FETCH_HEAD"),
        ):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
        for each in self.results.values():
            for path, source in each.artifacts.items():
                _copied(source, folder / path)
        variables = self._variables(job, folder, name)
        lines = [*self._lines(job, "before_script"), *self._lines(job, "script")]
        done = _shell(lines, folder, variables)
        after = _shell(self._lines(job, "after_script"), folder, variables)
        kept = job.get("artifacts", {})
        unknown = kept.keys() - ARTIFACTS
        assert not unknown, f"{name}: unsupported keys of artifacts {unknown}"
        when = kept.get("when", "on_success")
        wanted = when == "always" or (when == "on_failure") == (done.returncode != 0)
        return JobResult(
            name=name,
            code=done.returncode,
            log=done.stdout + after.stdout,
            allowed=_allowed(job.get("allow_failure", False), done.returncode),
            artifacts=dict(self._artifacts(kept, folder, name, variables)) if wanted else {},
        )

    def _artifacts(
        self, kept: Mapping[str, Any], folder: Path, name: str, variables: Mapping[str, str]
    ) -> Iterator[tuple[str, Path]]:
        reports = kept.get("reports", {}).values()
        texts = [[each] if isinstance(each, str) else each for each in reports]
        for text in chain(kept.get("paths", ()), *texts):
            path = _expanded(text, variables).rstrip("/")
            if (folder / path).exists():
                target = self.folder / "artifacts" / name / path
                _copied(folder / path, target)
                yield path, target

    def _rule(self, job: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the first matching rule of a GitLab CI job, or None if none matches."""
        if "rules" not in job:
            return {}
        for rule in job["rules"]:
            assert rule.keys() <= {"if", "when", "allow_failure", "variables"}, rule
            if "if" not in rule or holds(rule["if"], self.variables):
                return None if rule.get("when") == "never" else rule
        return None

    def _extended(self, name: str) -> dict[str, Any]:
        job = self.document[name]
        bases = job.get("extends", [])
        found: dict[str, Any] = {}
        for base in [bases] if isinstance(bases, str) else bases:
            found = _merged(found, self._extended(base))
        unknown = job.keys() - JOB
        assert not unknown, f"{name}: unsupported keys {unknown}"
        return _merged(found, job)

    def _lines(self, job: Mapping[str, Any], key: str) -> list[str]:
        default = self.document.get("default", {}).get(key, self.document.get(key, []))
        lines = job.get(key, default if key == "before_script" else [])
        return [lines] if isinstance(lines, str) else list(lines)

    def _variables(self, job: Mapping[str, Any], folder: Path, name: str) -> dict[str, str]:
        found = {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_PROJECT_DIR": str(folder),
            "CI_JOB_NAME": name,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PATH": f"{self.commands}:{os.environ['PATH']}",
            **self.variables,
        }
        for source in (self.document.get("variables", {}), job.get("variables", {})):
            for key, value in source.items():
                text = value["value"] if isinstance(value, dict) else str(value)
                if key not in self.variables:
                    found[key] = _expanded(text, found)
        return found


def _shell(
    lines: list[str], folder: Path, variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    script = folder.with_suffix(".sh")
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return subprocess.run(
        [*_SHELL, str(script)],
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _allowed(allowed: object, code: int) -> bool:
    if isinstance(allowed, dict):
        codes = allowed["exit_codes"]
        return code in ([codes] if isinstance(codes, int) else codes)
    return bool(allowed)


def _merged(base: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for key, value in job.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = _merged(found[key], value) if both else value
    return found


def _copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda match: variables.get(match[1], ""), text)


def _name(need: object) -> str:
    return str(need["job"]) if isinstance(need, dict) else str(need)
