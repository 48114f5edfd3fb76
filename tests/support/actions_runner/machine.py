"""``machine``: a workflow runner with a checkout and the command ``reconciler`` on its PATH."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

from support.actions_runner.runner import Runner
from support.forked.forked_command import forked_command

if TYPE_CHECKING:
    from pathlib import Path

SHA = "0123456789abcdef0123456789abcdef01234567"


def machine(
    folder: Path, checkout: Path, *, event_name: str = "push", program: str = "", **github: object
) -> Runner:
    """Return a workflow runner whose files are in *folder*, for a job that checks out *checkout*.

    Args:
        folder: An empty directory for this test only.
        checkout: The repository that the job checks out.
        event_name: The event that triggers the workflow.
        program: The script that replaces ``reconciler``; the real program by default.
        github: Additional values of the ``github`` context.
    """
    workspace = folder / "workspace"
    if not workspace.exists():
        subprocess.run(["git", "clone", "--quiet", checkout, workspace], check=True)
    subprocess.run(["git", "pull", "--quiet", "--ff-only"], cwd=workspace, check=True)
    commands = folder / "bin"
    commands.mkdir(exist_ok=True)
    command = commands / "reconciler"
    command.write_text(program or f'#!/bin/sh\nexec {shlex.join(forked_command())} "$@"\n')
    command.chmod(0o755)
    context = {
        "event_name": event_name,
        "event": {"repository": {"default_branch": "main"}},
        "ref": "refs/heads/main",
        "ref_name": "main",
        "repository": "team/vms",
        "run_id": "17",
        "server_url": "https://github.example.com",
        "api_url": "https://github.example.com/api/v3",
        "sha": SHA,
        "token": "job-token",
    }
    runner = Runner(workspace, folder / "temp", context | github, has_program=True)
    runner.path.append(str(commands))
    return runner
