"""Tests that ``GIT_`` environment variables of the caller cannot change what git reads."""

import os

import pytest
from support.manifest_texts import named_vm

from reconciler.app.clock import SystemClock
from reconciler.errors import SourceError
from reconciler.source.git.remote import clone_or_fetch
from reconciler.source.git.repository import Repository
from reconciler.source.git.working_tree import uncommitted
from reconciler.source.readers import CommitReader, WorkingTreeReader

PROGRAMS = (
    *("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"),
    *("GIT_PYTHON_GIT_EXECUTABLE", "GIT_EXEC_PATH"),
)
FILES = (
    *("GIT_TRACE", "GIT_TRACE_PACKET", "GIT_TRACE_SETUP", "GIT_TRACE_CURL", "GIT_TRACE_REFS"),
    *("GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE2_PERF"),
)
FOLDERS = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"),
    "GIT_CONFIG_PARAMETERS",
)


def read_everything(repository, folder):
    with Repository.open(repository.path) as opened:
        names = [ref.name for ref in WorkingTreeReader(opened).read().state.vms]
        commit = CommitReader(opened).read().state.revision
        uncommitted(opened, commit)
    url = f"file://{repository.path}"
    fetched, found = clone_or_fetch(url, folder, "main", timeout_s=60, clock=SystemClock())
    fetched.close()
    return names, commit, found


@pytest.mark.parametrize("name", [*PROGRAMS, *FILES, *FOLDERS])
def test_environment_variables_of_git_cannot_run_programs_write_files_or_redirect_reads(
    git_repo, monkeypatch, tmp_path, name
):
    commit = git_repo.commit({"a.yaml": named_vm("a")})
    (git_repo.path / "a.yaml").write_text(named_vm("b"))
    marker, program = tmp_path / "ran", tmp_path / "program"
    program.mkdir()
    for each in ("program", "git-upload-pack", "git"):
        (program / each).write_text(f"#!/bin/sh\necho $0 >> {marker}\nexit 1\n")
        (program / each).chmod(0o755)
    trace = tmp_path / "trace"
    value = trace if name in FILES else program if name in FOLDERS else program / "program"
    monkeypatch.setenv(name, str(program if name == "GIT_EXEC_PATH" else value))

    assert read_everything(git_repo, tmp_path / "fetched") == (["b"], commit, commit)

    assert not marker.exists()
    assert not trace.exists()


@pytest.mark.parametrize("value", ["x", "-1", "1e3", "9" * 5_000, "²", "10000", " 1"])
def test_invalid_git_config_count_variable_is_an_error(git_repo, monkeypatch, tmp_path, value):
    git_repo.commit({"a.yaml": named_vm("a")})
    monkeypatch.setenv("GIT_CONFIG_COUNT", value)
    url = f"file://{git_repo.path}"

    with pytest.raises(SourceError, match="environment variable GIT_CONFIG_COUNT is not a number"):
        Repository.open(git_repo.path)
    with pytest.raises(SourceError, match="environment variable GIT_CONFIG_COUNT is not a number"):
        clone_or_fetch(url, tmp_path / "x", "main", timeout_s=60, clock=SystemClock())


def test_command_in_a_git_hook_reads_the_quarantined_objects_of_a_push(
    git_repo, monkeypatch, tmp_path
):
    git_repo.commit({"a.yaml": named_vm("a")})
    objects = git_repo.path / ".git" / "objects"
    monkeypatch.setenv("GIT_DIR", str(git_repo.path / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(objects))
    pushed = git_repo.commit({"a.yaml": named_vm("b")})
    objects.rename(tmp_path / "quarantine")
    objects.mkdir()
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "quarantine"))

    with Repository.open(git_repo.path) as opened:
        reading = CommitReader(opened, pushed).read()

    assert [ref.name for ref in reading.state.vms] == ["b"]


def test_environment_variables_are_unchanged_after_a_git_repository_is_opened(
    git_repo, monkeypatch
):
    git_repo.commit()
    monkeypatch.setenv("GIT_PYTHON_TRACE", "full")
    before = dict(os.environ)

    Repository.open(git_repo.path).close()

    assert dict(os.environ) == before
