"""Tests that actionlint, ShellCheck and published JSON schemas accept all workflow files."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
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


def actionlint(folder: Path) -> dict[str, list[str]]:
    """Run actionlint, and return the problems that it reports for each workflow in *folder*."""
    done = subprocess.run(
        ["node", tool("actionlint"), "*.yml"],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    names = [path.name for path in folder.glob("*.yml")]
    assert f"Checking {len(names)} workflow file(s)" in done.stdout + done.stderr
    found = re.findall(r"^(\S+\.yml):\d+:\d+ (.*)", done.stdout + done.stderr, re.MULTILINE)
    assert bool(found) is (done.returncode != 0), done.stdout + done.stderr
    return {name: [text for file, text in found if file == name] for name in names}


def test_actionlint_reports_a_problem_only_in_an_invalid_workflow(tmp_path):
    """Check all workflows in one process, because its start takes most of the time.

    Forgejo allows two notations that GitHub does not: a URL in ``uses``, and the labels of its
    runners.
    """
    texts = {f"{path.parent.name}-{path.name}": path.read_text("utf-8") for path in GITHUB}
    for path in FORGEJO:
        text = re.sub(r"uses: https://[a-z.]+/", "uses: ", path.read_text("utf-8"))
        texts[f"forgejo-{path.name}"] = text.replace("runs-on: docker", "runs-on: ubuntu-latest")
    texts["wrong.yml"] = texts["github-drift.yml"].replace(
        "steps.plan.outputs", "steps.none.outputs"
    )
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = actionlint(tmp_path)
    (wrong, *_) = found.pop("wrong.yml")
    assert 'property "none" is not defined' in wrong
    assert found == {name: [] for name in texts if name != "wrong.yml"}


def scripts() -> dict[str, str]:
    """Return each shell script of the actions, the workflows and the GitLab pipeline."""
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


def shellcheck(*arguments: object) -> list[str]:
    """Run ShellCheck, and return the problems that it reports for the files in *arguments*."""
    command = [tool("shellcheck"), "--external-sources", "--severity=style", "--format=gcc"]
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_shellcheck_reports_a_problem_only_in_an_invalid_script(tmp_path):
    found = scripts()
    assert len(found) > 20
    files = [ROOT / name for name in found if name.endswith(".sh")]
    for name in found.keys() - {str(file.relative_to(ROOT)) for file in files}:
        (tmp_path / name).write_text(found[name], encoding="utf-8")
        files.append(tmp_path / name)
    wrong = tmp_path / "wrong"
    wrong.write_text("#!/usr/bin/env bash\necho $1\n", encoding="utf-8")
    (problem,) = shellcheck("--source-path=SCRIPTDIR", *files, wrong)
    assert problem.startswith(f"{wrong}:2:6:")


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
def test_workflow_file_matches_the_published_schema_of_its_git_host(schema, files):
    assert checked(schema, files) == []


def test_published_workflow_schema_rejects_an_unknown_key(tmp_path):
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text("plan: {script: [x], when: never-ever}\n", encoding="utf-8")
    assert checked("gitlab-ci", [path])


def checked(schema: str, files: list[Path]) -> list:
    command = ["--output-format=json", f"--builtin-schema=vendor.{schema}", *map(str, files)]
    if schema == "gitlab-ci":
        command += ["--data-transform=gitlab-ci"]
    done = CliRunner().invoke(check_jsonschema, command)
    report = json.loads(done.stdout)
    return [*report["errors"], *report["parse_errors"]] if done.exit_code else []
