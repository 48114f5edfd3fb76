"""actionlint, ShellCheck and published JSON schemas find nothing in workflows and actions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.tools.installed import tool

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "workflows"
pytestmark = pytest.mark.skipif(
    not (ROOT / ".github" / "adr").is_dir(), reason="this is not a checkout"
)
GITHUB = [*(ROOT / ".github/workflows").glob("*.yml"), *EXAMPLES.glob("github/*.yml")]
FORGEJO = sorted(EXAMPLES.glob("forgejo/*.yml"))
GITLAB = EXAMPLES / "gitlab" / ".gitlab-ci.yml"
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))


def actionlint(folder: Path) -> str:
    """Return what actionlint reports for the workflows in *folder*."""
    done = subprocess.run(
        ["node", tool("actionlint"), "*.yml"],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    files = len(list(folder.glob("*.yml")))
    assert f"Checking {files} workflow file(s)" in done.stdout + done.stderr
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("folder", [ROOT / ".github/workflows", EXAMPLES / "github"], ids=str)
def test_actionlint_reports_no_problem_in_github_workflows(folder):
    assert actionlint(folder) == ""


def test_actionlint_reports_no_problem_in_forgejo_workflows_with_github_syntax(tmp_path):
    """Forgejo's own notation is an address in ``uses`` and a label of its runners."""
    for path in FORGEJO:
        text = re.sub(r"uses: https://[a-z.]+/", "uses: ", path.read_text(encoding="utf-8"))
        text = text.replace("runs-on: docker", "runs-on: ubuntu-latest")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    assert actionlint(tmp_path) == ""


def test_actionlint_reports_an_error_in_an_invalid_workflow(tmp_path):
    path = EXAMPLES / "github" / "drift.yml"
    wrong = path.read_text(encoding="utf-8").replace("steps.plan.outputs", "steps.none.outputs")
    (tmp_path / "drift.yml").write_text(wrong, encoding="utf-8")
    assert 'property "none" is not defined' in actionlint(tmp_path)


def scripts() -> dict[str, str]:
    """Return each script of the actions, the workflows and the GitLab pipeline."""
    found = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / ".github/actions").rglob("*.sh"))
    }
    for path in (*GITHUB, *FORGEJO, *ACTIONS):
        document = YAML(typ="safe").load(path)
        jobs = document.get("jobs") or {"action": document["runs"]}
        for name, job in jobs.items():
            for number, step in enumerate(job["steps"], 1):
                if "run" in step:
                    key = f"{path.parent.name}-{path.stem}-{name}-{number}"
                    found[key] = f"#!/usr/bin/env bash\n{step['run']}"
    for name, job in YAML(typ="safe").load(GITLAB).items():
        if "script" in job:
            for key in sorted(job.keys() & {"script", "after_script"}):
                found[f"gitlab-{name}-{key}"] = "\n".join(["#!/usr/bin/env bash", *job[key]])
    return found


@pytest.mark.parametrize("name", scripts())
def test_shellcheck_reports_no_problem_in_a_script(name):
    command = [tool("shellcheck"), "--external-sources", "--severity=style"]
    path = ROOT / name
    if path.suffix == ".sh":
        command += [f"--source-path={path.parent}", path]
    else:
        command += ["-"]
    done = subprocess.run(
        command, input=scripts()[name], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", GITHUB),
        ("github-workflows", FORGEJO),
        ("github-actions", ACTIONS),
        ("gitlab-ci", [GITLAB]),
    ],
    ids=["github", "forgejo", "actions", "gitlab"],
)
def test_workflow_file_matches_the_published_schema_of_its_forge(schema, files):
    assert checked(schema, files) == []


def test_published_workflow_schema_rejects_an_unknown_key(tmp_path):
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text("plan: {script: [x], when: never-ever}\n", encoding="utf-8")
    assert checked("gitlab-ci", [path])


def checked(schema: str, files: list[Path]) -> list:
    command = [sys.executable, "-m", "check_jsonschema", "--output-format=json"]
    command += [f"--builtin-schema=vendor.{schema}", *map(str, files)]
    if schema == "gitlab-ci":
        command += ["--data-transform=gitlab-ci"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    return [*report["errors"], *report["parse_errors"]] if done.returncode else []
