"""Commands for a hostile pull request access only the checkout, git and their own output.

Each command runs in its own process, in which an audit hook records every file, program and
network address. git records the programs that it starts.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import pytest
from golden.hostile_text import check_lines
from support.trust.hostile_pull_request import CANARY

import reconciler
from reconciler.source.git import git_process

PACKAGE = Path(reconciler.__file__).parents[1]
PYTHON = tuple(
    os.path.normpath(each)
    for each in (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), str(PACKAGE))
)
"""The directories of the Python interpreter, its libraries and this program."""
SYSTEM = ("/usr/share/zoneinfo", "/usr/share/locale", "/etc/localtime", "/dev/null", "/proc/self")
FORMATS = ("json", "markdown", "html", "sarif", "github", "gitlab")


def below(path: str, *folders: object) -> bool:
    return any(Path(path).is_relative_to(str(each)) for each in folders)


def plan(job, *arguments):
    files = [f"--output-file={form}={job.results}/plan.{form}" for form in FORMATS]
    out = ("--out", job.results / "approval.json")
    return ("plan", *arguments, "--snapshot", job.snapshot, *out, *files, "-vv")


COMMANDS = {
    "plan": lambda job: plan(job, "--repo", "."),
    "plan compared with the base branch": lambda job: plan(job, "--repo", ".", "--base", "main"),
    "plan of the working tree": lambda job: plan(job, "--repo", ".", "--working-tree"),
    "plan of the files": lambda job: plan(job, "-f", "vm.yaml", "-f", "tags.yaml"),
    "plan of a clone": lambda job: plan(
        job, "--repo", f"file://{job.request.folder}", "--revision", "attack"
    ),
    "validate": lambda _job: ("validate", "--repo", ".", "-vv"),
    "config": lambda _job: ("config", "--repo", ".", "-vv"),
    "validate of a folder": lambda _job: ("validate", "-f", ".", "-vv"),
}

WITH_IMPORTS = {"plan", "validate of a folder"}
"""Commands whose imports are recorded; the checkout contains modules with the same names."""


@pytest.mark.parametrize("name", COMMANDS)
def test_command_for_a_hostile_pull_request_accesses_only_the_checkout_and_git(name, job):
    record = "audit-" + name.replace(" ", "-")
    ended = job.run(*COMMANDS[name](job), name=record, imports=name in WITH_IMPORTS)

    # A plan with problems, or the error that a link leads out of the directory of `-f`.
    assert ended.code in {0, 3} or "is a link to a file outside" in ended.err, ended.err
    assert "Traceback" not in ended.err
    assert ended.opened, "the hook records events"
    assert ended.contacted == set()
    assert_only_git_was_started(ended, job)
    assert_no_outside_file_was_opened(ended, job)
    assert {each for each in ended.changed if not below(each, job.results, "/dev/null")} == set()
    assert_outputs_are_harmless(ended, job)


def assert_only_git_was_started(ended, job):
    limited = ("/bin/sh", "-c", git_process._LIMITED)  # a fixed script, which becomes git
    git = [each[4:] if each[:3] == limited else each for each in ended.programs]
    assert {each[0] for each in git} <= {"git"}
    assert {child[0].split()[0] for child in ended.git_children} <= {"git", "git-upload-pack"}
    assert not job.request.ran.exists(), job.request.ran.read_text()


def assert_no_outside_file_was_opened(ended, job):
    inputs = (job.request.folder, job.snapshot, *PYTHON, *SYSTEM)
    results = (job.results, job.results.parent / "audit")
    assert {each for each in ended.opened if not below(each, *inputs, *results)} == set()


def assert_outputs_are_harmless(ended, job):
    """Check that no output contains a secret, a workflow command or an escape sequence."""
    stored = {each: each.read_text() for each in job.results.rglob("*") if each.is_file()}
    assert [text for text in (ended.out, ended.err, *stored.values()) if CANARY in text] == []
    formats = [job.results / f"plan.{form}" for form in FORMATS if form != "github"]
    texts = [stored[each] for each in formats if each in stored]
    for text in (ended.out, ended.err, *texts):
        check_lines(text)
