"""``Runner``: runs composite actions and the jobs of workflows, step by step.

Unknown keys, expressions and actions are errors, so that a test never passes because the runner
ignored a part of a file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from support.actions_runner.expressions import (
    STATUS_FUNCTIONS,
    evaluated,
    interpolated,
    truthy,
)
from support.actions_runner.file_commands import FileCommandError, assignments
from support.actions_runner.known_actions import KNOWN_ACTIONS, ActionError, Surroundings
from support.actions_runner.syntax import (
    ACTION,
    INPUT,
    JOB,
    STEP,
    UnsupportedError,
    loaded,
    only,
    scalar,
)
from support.actions_runner.workflow_commands import Command, executed

ROOT = Path(__file__).resolve().parents[3]
OWN_ACTION = re.compile(
    r"(?:(?:https://github\.com/)?OWNER/kubevirt-memory-reconciler|\.)"
    r"/(\.github/actions/[a-z]+)(?:@.+)?"
)
"""Matches a ``uses`` value that names an action of this repository."""
MIRROR = "https://data.forgejo.org/"
"""The URL prefix of Forgejo's mirror of the GitHub Actions."""
_SHELLS = {"bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"), "": ("bash", "-e")}
"""The command line for each ``shell`` value that a workflow step can set."""


@dataclass
class Result:
    """The result and the outputs of a job, an action or a step."""

    outcome: str = "success"
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """Runs workflow jobs one after another; the test sets the values that GitHub provides."""

    workspace: Path
    """The working directory of the steps."""
    temp: Path
    github: dict[str, object]
    """The ``github`` context, from which the variables ``GITHUB_*`` are set."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    has_program: bool = False
    """Whether ``reconciler`` is already on PATH, so that the actions do not install it."""
    env: dict[str, str] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    """The directories that precede those of PATH, in order of precedence."""
    log: str = ""
    """The output that the steps printed."""
    summary: str = ""
    """The job summaries that the steps wrote, in Markdown."""
    commands: list[Command] = field(default_factory=list)
    """The workflow commands that the runner executed, such as annotations."""
    environments: list[dict[str, str]] = field(default_factory=list)
    """The environment variables of each step that ran a script."""

    def __post_init__(self) -> None:
        self.temp.mkdir(parents=True, exist_ok=True)
        self.surroundings = Surroundings(
            self.workspace, self.temp.parent / "artifacts", str(self.github.get("run_id", "1"))
        )

    def action(self, folder: Path | str, inputs: Mapping[str, str]) -> Result:
        """Run the composite action in *folder*, relative to the root of this repository."""
        folder = ROOT / folder
        document = loaded(folder / "action.yml")
        only(document, ACTION, folder)
        runs = document["runs"]
        only(runs, {"using", "steps"}, folder)
        if runs["using"] != "composite":
            raise UnsupportedError(f"{folder}: not a composite action")
        declared = document.get("inputs", {})
        if unknown := inputs.keys() - declared.keys():
            raise UnsupportedError(f"{folder} has no input {sorted(unknown)}")
        given = {}
        for name, about in declared.items():
            only(about, INPUT, name)
            if about.get("required") and name not in inputs:
                raise UnsupportedError(f"{folder} needs the input {name}")
            given[name] = inputs.get(
                name, interpolated(about.get("default", ""), self._contexts(), {})
            )
        scope = _Scope(
            self, {"inputs": given}, {"GITHUB_ACTION_PATH": str(folder)}, in_action=True
        )
        scope.run(runs["steps"])
        outputs = {}
        for name, about in document.get("outputs", {}).items():
            only(about, {"description", "value"}, name)
            outputs[name] = interpolated(about["value"], scope.contexts(), {})
        return Result("failure" if scope.failed else "success", outputs)

    def job(self, workflow: Path, name: str, needs: Mapping[str, Result] | None = None) -> Result:
        """Run the job *name* of *workflow*; *needs* contains the results of required jobs."""
        document = loaded(workflow)
        job = document["jobs"][name]
        only(job, JOB, name)
        wanted = job.get("needs", [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        results = {each: (needs or {})[each] for each in wanted}
        known = {key: {"outputs": r.outputs, "result": r.outcome} for key, r in results.items()}
        event = self.github.get("event")
        own = {"needs": known, "secrets": self.secrets}
        own["inputs"] = event.get("inputs", {}) if isinstance(event, Mapping) else {}
        scope = _Scope(self, own, {}, in_action=False)
        scope.failed = any(each.outcome != "success" for each in results.values())
        if not scope.holds(job.get("if", "success()")):
            return Result("skipped")
        scope.failed = False
        self.env |= {
            key: interpolated(scalar(value), scope.contexts(), {})
            for key, value in (document.get("env", {}) | job.get("env", {})).items()
        }
        scope.run(job["steps"])
        outputs = {
            key: interpolated(value, scope.contexts(), {})
            for key, value in job.get("outputs", {}).items()
        }
        return Result("failure" if scope.failed else "success", outputs)

    def _contexts(self) -> dict[str, object]:
        return {
            "github": {**self.github, "workspace": str(self.workspace)},
            "runner": {"temp": str(self.temp), "os": "Linux"},
            "vars": self.variables,
        }

    def uses(self, name: str, inputs: Mapping[str, str]) -> Result:
        """Run an action of this repository, or the replacement of a third-party action."""
        if match := OWN_ACTION.fullmatch(name):
            if self.has_program and match[1].endswith("/install"):
                return Result()
            return self.action(match[1], {**inputs, "sha256": ""} if self.has_program else inputs)
        action, _, _version = name.removeprefix(MIRROR).partition("@")
        if action not in KNOWN_ACTIONS:
            raise UnsupportedError(f"unknown action {name}")
        known = KNOWN_ACTIONS[action]
        if unknown := inputs.keys() - known.inputs:
            raise UnsupportedError(f"{action} has no input {sorted(unknown)}")
        self.surroundings.calls.append((action, inputs))
        try:
            return Result("success", known.run(self.surroundings, inputs))
        except ActionError as error:
            self.log += f"{action}: {error}\n"
            return Result("failure")

    def script(self, script: str, shell: str, env: Mapping[str, str], folder: Path) -> Result:
        """Run *script*, and parse the files to which it wrote outputs and variables."""
        if shell not in _SHELLS:
            raise UnsupportedError(f"unknown shell {shell}")
        files = Path(mkdtemp(prefix="_runner_file_commands-", dir=self.temp))
        names = ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY")
        paths = {name: files / name.lower() for name in names}
        for each in paths.values():
            each.touch()
        source = files / "script.sh"
        source.write_text(script, encoding="utf-8")
        event = self.temp / "event.json"
        event.write_text(json.dumps(self.github.get("event", {})), encoding="utf-8")
        variables = {
            **self._variables(),
            **self.env,
            **env,
            **{f"GITHUB_{name}": str(path) for name, path in paths.items()},
        }
        self.environments.append(variables)
        done = subprocess.run(
            [*_SHELLS[shell], str(source)],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        printed = done.stdout.decode()
        self.log += printed
        self.commands += executed(printed)
        self.summary += paths["STEP_SUMMARY"].read_text(encoding="utf-8")
        self.path[:0] = reversed(paths["PATH"].read_text(encoding="utf-8").split())
        try:
            self.env |= assignments(paths["ENV"])
            outputs = assignments(paths["OUTPUT"])
        except FileCommandError as error:
            self.log += f"{error}\n"
            return Result("failure")
        return Result("success" if done.returncode == 0 else "failure", outputs)

    def _variables(self) -> dict[str, str]:
        names = ("api_url", "event_name", "ref", "ref_name", "repository", "run_id")
        names += ("server_url", "sha")
        given = {f"GITHUB_{n.upper()}": str(self.github[n]) for n in names if n in self.github}
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(self.temp / "event.json"),
            "GITHUB_WORKSPACE": str(self.workspace),
            "HOME": str(self.temp),
            "LANG": "C.UTF-8",
            "PATH": ":".join((*self.path, os.environ["PATH"])),
            "RUNNER_TEMP": str(self.temp),
            **given,
        }


@dataclass
class _Scope:
    """The steps and contexts of one job or of one composite action."""

    runner: Runner
    own: Mapping[str, object]
    """The contexts that exist only in this job or action, such as ``inputs``."""
    env: dict[str, str]
    in_action: bool
    steps: dict[str, dict[str, object]] = field(default_factory=dict)
    failed: bool = False

    def contexts(self) -> dict[str, object]:
        env = {**self.runner.env, **self.env}
        return {**self.runner._contexts(), **self.own, "steps": self.steps, "env": env}

    def holds(self, condition: object) -> bool:
        text = str(condition).strip()
        if text.startswith("${{") and text.endswith("}}"):
            text = text[3:-2]
        if isinstance(condition, bool):
            text = str(condition).lower()
        if not STATUS_FUNCTIONS.search(text):
            text = f"success() && ({text})"
        functions = {
            "always": lambda: True,
            "success": lambda: not self.failed,
            "failure": lambda: self.failed,
            "cancelled": lambda: False,
        }
        return truthy(evaluated(text, self.contexts(), functions))

    def run(self, steps: Sequence[Mapping[str, object]]) -> None:
        for step in steps:
            only(step, STEP, step.get("name", step))
            if ("run" in step) == ("uses" in step):
                raise UnsupportedError(f"a step needs either run or uses: {step}")
            if self.in_action and "run" in step and "shell" not in step:
                raise UnsupportedError(f"a step of a composite action needs a shell: {step}")
            result = (
                self.one(step) if self.holds(step.get("if", "success()")) else Result("skipped")
            )
            tolerated = step.get("continue-on-error", False)
            if tolerated not in (True, False):
                raise UnsupportedError("continue-on-error must be true or false")
            failed = result.outcome == "failure"
            self.failed = self.failed or (failed and not tolerated)
            if "id" in step:
                conclusion = "success" if failed and tolerated else result.outcome
                self.steps[str(step["id"])] = {
                    "outputs": result.outputs,
                    "outcome": result.outcome,
                    "conclusion": conclusion,
                }

    def one(self, step: Mapping[str, object]) -> Result:
        def texts(values: object) -> dict[str, str]:
            if not isinstance(values, Mapping):
                raise UnsupportedError(f"expected a mapping, not {values!r}")
            return {
                key: interpolated(scalar(value), self.contexts(), {})
                for key, value in values.items()
            }

        if "uses" in step:
            if step.keys() & {"shell", "working-directory"}:
                raise UnsupportedError(f"a step with uses has no shell: {step}")
            added = texts(step.get("env", {}))
            before, self.runner.env = self.runner.env, {**self.runner.env, **added}
            try:
                return self.runner.uses(str(step["uses"]), texts(step.get("with", {})))
            finally:
                kept = {k: v for k, v in self.runner.env.items() if k not in added}
                self.runner.env = {**before, **kept}
        if "with" in step:
            raise UnsupportedError(f"a step with run has no inputs: {step}")
        folder = self.runner.workspace / interpolated(
            str(step.get("working-directory", ".")), self.contexts(), {}
        )
        script = interpolated(str(step["run"]), self.contexts(), {})
        env = {**self.env, **texts(step.get("env", {}))}
        return self.runner.script(script, str(step.get("shell", "")), env, folder)
