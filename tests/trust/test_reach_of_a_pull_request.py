"""Commands that read a hostile pull request reach only its files, git and their own results.

Each command runs in its own process, in which an audit hook records every file, program and
address. git records the programs that it starts.
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
"""Folders of the interpreter, its libraries and the product."""
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


@pytest.fixture(params=list(COMMANDS), scope="module")
def ended(request, job):
    """A command that has ended; all tests of one command follow each other and share it."""
    name = request.param
    return job.run(*COMMANDS[name](job), name="audit-" + name.replace(" ", "-"))


def test_commands_on_a_hostile_pull_request_connect_to_no_host_and_resolve_no_name(ended):
    assert ended.contacted == set()


def test_commands_on_a_hostile_pull_request_start_no_program_but_git(ended, job):
    limited = ("/bin/sh", "-c", git_process._LIMITED)  # a fixed script, which becomes git
    git = [each[4:] if each[:3] == limited else each for each in ended.programs]
    assert {each[0] for each in git} <= {"git"}
    assert {child[0].split()[0] for child in ended.git_children} <= {"git", "git-upload-pack"}
    assert not job.request.ran.exists(), job.request.ran.read_text()


def test_commands_on_a_hostile_pull_request_open_no_file_outside_the_checkout(ended, job):
    inputs = (job.request.folder, job.snapshot, *PYTHON, *SYSTEM)
    results = (job.results, job.results.parent / "audit")
    assert {each for each in ended.opened if not below(each, *inputs, *results)} == set()


def test_commands_on_a_hostile_pull_request_write_only_to_the_folder_for_results(ended, job):
    assert {each for each in ended.changed if not below(each, job.results, "/dev/null")} == set()


def test_commands_on_a_hostile_pull_request_print_and_store_no_secret(ended, job):
    stored = [each.read_text() for each in job.results.rglob("*") if each.is_file()]
    assert [text for text in (ended.out, ended.err, *stored) if CANARY in text] == []


def test_commands_on_a_hostile_pull_request_print_no_workflow_command_or_escape_sequence(
    ended, job
):
    stored = [job.results / f"plan.{form}" for form in FORMATS if form != "github"]
    texts = [each.read_text() for each in stored if each.exists()]
    for text in (ended.out, ended.err, *texts):
        check_lines(text)


def test_commands_on_a_hostile_pull_request_end_without_a_traceback(ended, job):
    # A plan with problems, or the error that a link leads out of the folder of `-f`.
    assert ended.code in {0, 3} or "is a link to a file outside" in ended.err, ended.err
    assert "Traceback" not in ended.err
