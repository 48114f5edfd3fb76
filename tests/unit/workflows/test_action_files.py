"""Tests the composite GitHub Actions: inputs only as variables, pinned actions, safe output."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.actions_runner.machine import machine

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / ".github" / "actions"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="this is not a checkout")
FILES = sorted(FOLDER.glob("*/action.yml"))
SCRIPTS = sorted(FOLDER.rglob("*.sh"))
every_action = pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
HOSTILE = (
    "::set-output name=code::0\n\r\n  ::add-mask::e\n##[error]x\n::stop-commands::x\n::x::\n"
    "```\n``````\n</details>\n# title\n<!-- reconciler -->\n\xe4 ::warning::end"
)
PROGRAM = (
    '#!/bin/sh\n[ "$1" = comment ] && exit 0\n'
    f"printf '%s' '{HOSTILE}' | tee /dev/stderr\nexit ${{CODE-0}}\n"
)
APPROVED = {"expect-digest": f"sha256:{'0' * 64}"}
RUNS = [("plan", {}), ("apply", APPROVED)]


def load(path: Path) -> dict:
    return YAML(typ="safe").load(path)


def test_tests_of_github_actions_cover_every_action_and_script():
    assert {path.parent.name for path in FILES} == {"install", "plan", "apply"}
    assert {path.name for path in SCRIPTS} == {"common.sh", "install.sh", "plan.sh", "apply.sh"}


@every_action
def test_github_action_script_contains_no_interpolated_expression(path):
    runs = [step["run"] for step in load(path)["runs"]["steps"] if "run" in step]
    assert runs
    assert all("${{" not in each for each in runs)


@every_action
def test_each_input_of_a_github_action_is_used(path):
    text = path.read_text(encoding="utf-8").partition("\nruns:")[2]
    for name in load(path)["inputs"]:
        assert re.search(rf"\binputs\.{name}\b(?!-)", text), name


@every_action
def test_github_action_uses_only_actions_that_are_pinned_by_commit(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        if "uses:" in line:
            assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


@every_action
def test_default_version_in_a_github_action_equals_the_version_of_the_package(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert load(path)["inputs"]["version"]["default"] == project["version"]
    assert project["name"] in (FOLDER / "install" / "install.sh").read_text(encoding="utf-8")


def test_github_action_inputs_with_the_same_name_have_the_same_definition_in_all_actions():
    plan, apply, install = (
        load(FOLDER / n / "action.yml")["inputs"] for n in ("plan", "apply", "install")
    )
    for name in ("version", "wheel", "python-version"):
        assert plan[name] == apply[name] == install[name]
    for name in ("sha256", "repository", "kubeconfig", "comment", "token", "fail-on-blocked"):
        assert plan[name] == apply[name]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_github_action_script_is_valid_bash(path):
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize("code", ["0", "1"])
@pytest.mark.parametrize(("name", "inputs"), RUNS)
def test_github_runner_executes_no_workflow_command_from_the_output_of_the_program(
    tmp_path, name, inputs, code
):
    runner = machine(tmp_path, empty_repository(tmp_path), program=PROGRAM)
    runner.env["CODE"] = code
    result = runner.action(f".github/actions/{name}", {"cluster-name": "east"} | inputs)
    assert result.outputs["exit-code"] == code
    assert result.outcome == ("success" if code == "0" else "failure")
    assert [each.name for each in runner.commands] == ["stop-commands", "resume"]
    assert runner.log.count("::warning::end") == 2


@pytest.mark.parametrize(("name", "inputs"), RUNS)
def test_token_that_re_enables_github_workflow_commands_is_random(tmp_path, name, inputs):
    repository, tokens = empty_repository(tmp_path), set()
    for _ in range(2):
        runner = machine(tmp_path, repository, program=PROGRAM)
        runner.action(f".github/actions/{name}", {"cluster-name": "east"} | inputs)
        tokens.add(runner.commands[0].message)
    assert len(tokens) == 2
    assert all(re.fullmatch(r"[0-9a-f-]{36}", each) for each in tokens)


@pytest.mark.parametrize(("name", "inputs"), RUNS)
def test_github_action_input_with_shell_syntax_is_not_executed(tmp_path, name, inputs):
    evil = '"; touch evil; $(touch evil) `touch evil` ${{ x }} \n touch evil #'
    program = f'#!/bin/sh\nprintf "%s" "$RECONCILER_CLUSTER_NAME" > "{tmp_path}/given"\n'
    runner = machine(tmp_path, empty_repository(tmp_path), program=program)
    declared = load(FOLDER / name / "action.yml")["inputs"]
    free = {
        "cluster-name",
        "repository",
        "revision",
        "kubeconfig",
        "docs-url",
        "token",
        "deadline",
    }
    given = dict.fromkeys(free & declared.keys(), evil)
    result = runner.action(f".github/actions/{name}", {"comment": "true"} | inputs | given)
    assert result.outcome == "success", runner.log
    assert (tmp_path / "given").read_text() == evil
    assert not list(tmp_path.rglob("evil"))


def test_interrupted_github_apply_action_stops_the_program_and_waits_for_its_report(tmp_path):
    """GitHub's runner sends SIGINT to the process of a step when a user cancels the job."""
    stopped = (
        '#!/bin/sh\n[ "$1" = comment ] && exit 0\n'
        "trap 'echo ended > \"$RUNNER_TEMP/ended\"; exit 130' TERM\n"
        'echo started >&2\nwhile :; do read -r line < "$RUNNER_TEMP/never"; done\n'
    )
    runner = machine(tmp_path, empty_repository(tmp_path), program=stopped)
    os.mkfifo(runner.temp / "never")
    files = {each: tmp_path / each for each in ("output", "summary")}
    step = next(
        each for each in load(FOLDER / "apply/action.yml")["runs"]["steps"] if "id" in each
    )
    (tmp_path / "step.sh").write_text(step["run"])
    env = {
        **runner._variables(),
        "GITHUB_ACTION_PATH": str(FOLDER / "apply"),
        "BRANCH": "main",
        "RECONCILER_EXPECT_DIGEST": APPROVED["expect-digest"],
        "RECONCILER_PLAN": "",
        "GITHUB_OUTPUT": str(files["output"]),
        "GITHUB_STEP_SUMMARY": str(files["summary"]),
    }
    # A shell that starts in the background ignores SIGINT, and so do the processes that it starts.
    command = ["env", "--default-signal=INT", "bash", "--noprofile", "--norc", "-eo", "pipefail"]
    with subprocess.Popen(
        [*command, tmp_path / "step.sh"], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert any(line == "started\n" for line in process.stdout)
            process.send_signal(signal.SIGINT)
            process.stdout.read()
        finally:
            process.kill()
    assert (runner.temp / "ended").read_text() == "ended\n"
    assert "exit-code=130\n" in files["output"].read_text()


def empty_repository(folder: Path) -> Path:
    path = folder / "repository"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", path], check=True)
    person = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
    subprocess.run(
        ["git", *person, "commit", "--quiet", "--allow-empty", "-m", "c"], cwd=path, check=True
    )
    return path
