"""Replacements for the third-party GitHub Actions that the tested workflows use.

Each entry of ``KNOWN_ACTIONS`` lists the inputs that the action accepts, and a function that
replaces the action.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


class ActionError(Exception):
    """The replaced GitHub Action would fail with these inputs."""


@dataclass
class Surroundings:
    """The directories and the call log that the replaced actions of all jobs share."""

    workspace: Path
    """The checkout directory of the job, which the test creates."""
    artifacts: Path
    """The directory of uploaded artifacts, with one subdirectory per artifact: RUN/NAME."""
    run_id: str
    calls: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    """The name and the inputs of each action that was called."""


@dataclass(frozen=True)
class KnownAction:
    """The accepted inputs of a GitHub Action, and its replacement, which returns the outputs."""

    inputs: frozenset[str]
    run: Callable[[Surroundings, Mapping[str, str]], dict[str, str]]


def _checkout(surroundings: Surroundings, inputs: Mapping[str, str]) -> dict[str, str]:
    workspace = surroundings.workspace
    if not (workspace / ".git").exists():
        raise ActionError("the test has not created a checkout")
    if "path" in inputs:
        origin = subprocess.run(
            ["git", "remote", "get-url", "origin"],
            cwd=workspace,
            stdout=subprocess.PIPE,
            check=True,
        )
        clone = [
            "git",
            "clone",
            "--quiet",
            "--branch",
            inputs["ref"],
            origin.stdout.decode().strip(),
        ]
        subprocess.run([*clone, workspace / inputs["path"]], check=True)
    return {}


def _nothing(_surroundings: Surroundings, _inputs: Mapping[str, str]) -> dict[str, str]:
    return {}


def _upload_artifact(surroundings: Surroundings, inputs: Mapping[str, str]) -> dict[str, str]:
    found = [
        path
        for each in inputs["path"].split("\n")
        if (path := surroundings.workspace / each.strip()).exists()
    ]
    if not found:
        if inputs.get("if-no-files-found") == "error":
            raise ActionError(f"no file matches {inputs['path']}")
        return {}
    folder = surroundings.artifacts / surroundings.run_id / inputs.get("name", "artifact")
    if folder.exists():
        if inputs.get("overwrite") != "true":
            raise ActionError(f"the run already has an artifact {folder.name}")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for each in found:
        if each.is_dir():
            shutil.copytree(each, folder, dirs_exist_ok=True)
        else:
            shutil.copy(each, folder)
    return {"artifact-id": "1"}


def _download_artifact(surroundings: Surroundings, inputs: Mapping[str, str]) -> dict[str, str]:
    run = inputs.get("run-id", surroundings.run_id)
    if run != surroundings.run_id and not inputs.get("github-token"):
        raise ActionError("the artifact of another run needs github-token")
    folder = surroundings.artifacts / run / inputs["name"]
    if not folder.is_dir():
        raise ActionError(f"the run {run} has no artifact {inputs['name']}")
    shutil.copytree(folder, surroundings.workspace / inputs["path"], dirs_exist_ok=True)
    return {}


def _upload_sarif(surroundings: Surroundings, inputs: Mapping[str, str]) -> dict[str, str]:
    if not (surroundings.workspace / inputs["sarif_file"]).is_file():
        raise ActionError(f"{inputs['sarif_file']} does not exist")
    return {}


def _known(run: Callable[..., dict[str, str]], *inputs: str) -> KnownAction:
    return KnownAction(frozenset(inputs), run)


KNOWN_ACTIONS: Mapping[str, KnownAction] = {
    "actions/checkout": _known(_checkout, "fetch-depth", "path", "persist-credentials", "ref"),
    "actions/download-artifact": _known(
        _download_artifact, "github-token", "name", "path", "run-id"
    ),
    "actions/setup-python": _known(_nothing, "python-version"),
    "actions/upload-artifact": _known(
        _upload_artifact, "if-no-files-found", "name", "overwrite", "path", "retention-days"
    ),
    "github/codeql-action/upload-sarif": _known(_upload_sarif, "category", "sarif_file"),
}
