"""The example workflows never let the GitHub runner execute commands from program output.

Each step that runs the program is executed with a program that prints hostile text.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from ruamel.yaml import YAML

EXAMPLES = Path(__file__).resolve().parents[3] / "examples/workflows"
PROGRAM = re.compile(r"\breconciler (?!\$)[a-z]+ ")
HOSTILE = (
    "::set-output name=code::0\n\r\n  ::add-mask::e\n##[error]x\n::stop-commands::x\n::x::\n"
    "```\n``````\n</details>\n# title\n<!-- reconciler-plan -->\n\xe4 ::warning::end"
)
PRINTS = f"#!/bin/sh\nprintf '%s' '{HOSTILE}' | tee /dev/stderr\nexit ${{CODE-0}}\n"
FAILS = f"#!/bin/sh\nprintf '%s' '{HOSTILE}' >&2\nexit 1\n"


def steps() -> list[tuple[str, dict]]:
    """Return each step of the example workflows, with a name for its test."""
    found = []
    for path in sorted(EXAMPLES.glob("*.yml")):
        for name, job in YAML(typ="safe").load(path)["jobs"].items():
            found += [(f"{path.stem}-{name}-{step.get('name')}", step) for step in job["steps"]]
    return found


RUNNING = [
    pytest.param(step["run"], id=name)
    for name, step in steps()
    if PROGRAM.search(step.get("run", ""))
]


def executed(log: str) -> list[str]:
    """Return the names of the commands that a runner would execute in *log*.

    Source: actions/runner src/Runner.Worker/ActionCommandManager.cs (TryProcessCommand) and
    src/Runner.Common/ActionCommand.cs.
    """
    token, names = None, []
    for line in re.split(r"\r\n|\n|\r", log):
        new = re.match(r"\s*::([^ :]+)(?: .*?)?::(.*)", line)
        old = re.search(r"##\[([^ \]]+).*?\](.*)", line)
        if not (found := new or old):
            continue
        if token is None:
            names.append(found[1])
            token = found[2] if found[1] == "stop-commands" else None
        elif found[1] == token:
            names.append("resume")
            token = None
    return names


def run(script: str, program: str, folder: Path) -> tuple[str, str, str]:
    """Run *script* as a runner does; return stdout, stderr and the summary of the step."""
    (folder / "bin").mkdir(exist_ok=True)
    command = folder / "bin" / "reconciler"
    command.write_text(program)
    command.chmod(0o755)
    (folder / "snapshot.json").write_text("{}")
    summary = folder / "summary.md"
    summary.write_text("")
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(folder),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_SHA": "0" * 40,
    }
    done = subprocess.run(
        ["bash", "-e", "-c", script], env=environment, capture_output=True, check=False
    )
    return done.stdout.decode(), done.stderr.decode(), summary.read_text()


def test_workflow_tests_find_all_steps_that_run_the_program():
    assert len(RUNNING) == 4


@pytest.mark.parametrize("program", [PRINTS, FAILS], ids=["succeeds", "fails"])
@pytest.mark.parametrize("script", RUNNING)
def test_github_runner_executes_no_workflow_command_from_program_output(script, program, tmp_path):
    log, errors, _ = run(script, program, tmp_path)
    # The runner reads both streams at the same time, so only one may contain commands.
    assert errors == ""
    assert executed(log) == ["stop-commands", "resume"]
    assert "::warning::end" in log or "plan.md" in script or "SUMMARY" in script


@pytest.mark.parametrize("script", RUNNING)
def test_stop_commands_token_in_a_github_workflow_is_random(script, tmp_path):
    logs = [run(script, FAILS, tmp_path)[0] for _ in range(2)]
    tokens = {re.search(r"::stop-commands::([0-9a-f-]{36})\n", log)[1] for log in logs}
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("name", "program"), [("plan-plan-Plan", FAILS), ("apply-apply-Apply", PRINTS)]
)
def test_program_output_in_a_job_summary_stays_inside_one_code_block(name, program, tmp_path):
    (script,) = [step["run"] for each, step in steps() if each == name]
    summary = run(script, program, tmp_path)[2]
    (block,) = MarkdownIt("commonmark").parse(summary)
    assert (block.type, block.info) == ("fence", "text")
    assert "# title" in block.content
    assert block.content.count("\n") == len(re.findall(r"\n", HOSTILE)) + 1
    assert len(block.markup) > 6


def test_github_workflow_commands_in_a_step_contain_no_variables():
    """A workflow command is a constant, except for the token that stops and resumes commands."""
    for name, step in steps():
        for line in re.findall(r"(?:echo|printf) .*::.*", step.get("run", "")):
            without = line.replace('::stop-commands::$token"', "").replace('"$token"', "")
            assert "$" not in without, (name, line)
