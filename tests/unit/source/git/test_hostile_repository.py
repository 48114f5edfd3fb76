"""A repository whose files an attacker wrote runs no program and cannot exhaust memory."""

import subprocess

import pytest
from support.manifest_texts import named_vm

from reconciler.errors import SourceError
from reconciler.source.git import repository as repository_module
from reconciler.source.git.repository import Repository
from reconciler.source.git.working_tree import uncommitted
from reconciler.source.readers import CommitReader, WorkingTreeReader


@pytest.fixture
def path(git_repo):
    git_repo.commit({"a.yaml": named_vm("a")})
    return git_repo.path


def git(path, *arguments, stdin=""):
    command = ("git", "-C", str(path), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments)
    done = subprocess.run(command, input=stdin, text=True, check=True, capture_output=True)
    return done.stdout.strip()


def test_programs_in_the_git_configuration_of_a_repository_are_not_run(path, tmp_path):
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $0 $* >> {marker}\ncat\n")
    program.chmod(0o755)
    names = (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass"),
        *("core.alternateRefsCommand", "core.gitProxy", "diff.external", "diff.x.command"),
        *("diff.x.textconv", "merge.x.driver", "filter.x.clean", "filter.x.smudge"),
        *("filter.x.process", "filter.a=b.clean", "credential.helper", "gpg.program"),
        *("uploadpack.packObjectsHook", "interactive.diffFilter", "pager.status", "alias.status"),
    )
    for name in names:
        git(path, "config", name, str(program))
    (path / ".git" / "hooks").mkdir(exist_ok=True)
    for name in ("post-index-change", "pre-commit", "reference-transaction", "post-checkout"):
        (path / ".git" / "hooks" / name).write_text(program.read_text())
        (path / ".git" / "hooks" / name).chmod(0o755)
    (path / ".gitattributes").write_text("* filter=x diff=x merge=x\na.yaml filter=a=b\n")
    (path / ".gitmodules").write_text(f'[submodule "x"]\npath = x\nupdate = !{program}\nurl = x\n')
    # The size and the time are new, so git compares the contents.
    (path / "a.yaml").write_text(named_vm("b"))

    with Repository.open(path) as opened:
        reading = WorkingTreeReader(opened).read()
        commit = CommitReader(opened).read().state
        changed = uncommitted(opened, commit.revision)
        opened.references()

    assert not marker.exists(), marker.read_text()
    assert [ref.name for ref in reading.state.vms] == ["b"]
    assert "a.yaml" in changed


def test_git_commit_with_exponentially_nested_directories_is_rejected(path):
    tree = git(path, "mktree", stdin=f"100644 blob {git(path, 'rev-parse', 'HEAD:a.yaml')}\ta\n")
    for _ in range(12):
        tree = git(
            path, "mktree", stdin="".join(f"040000 tree {tree}\t{c}\n" for c in "abcdefghij")
        )
    commit = git(path, "commit-tree", "-m", "a", tree)
    git(path, "update-ref", "HEAD", commit)

    with Repository.open(path) as opened, pytest.raises(SourceError, match="about 500,000 files"):
        WorkingTreeReader(opened).read()


@pytest.mark.parametrize("read", ["changed", "references", "index"])
def test_git_file_list_that_exceeds_the_size_limit_is_an_error(path, monkeypatch, read):
    for n in range(20):
        (path / f"{n}.txt").touch()
        git(path, "update-ref", f"refs/heads/b{n}", "HEAD")
    if read == "index":
        git(path, "add", "--all")
    monkeypatch.setattr(repository_module, "MAX_LISTING_BYTES", 100)

    with Repository.open(path) as opened:
        reader = opened.references if read == "references" else WorkingTreeReader(opened).read
        with pytest.raises(SourceError, match="more than 100 bytes"):
            reader()


def test_git_index_entry_with_a_name_too_long_for_the_disk_is_treated_as_a_missing_file(path):
    blob = git(path, "rev-parse", "HEAD:a.yaml")
    name = "n" * 300
    git(path, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")

    with Repository.open(path) as opened:
        reading = WorkingTreeReader(opened).read()

    assert [ref.name for ref in reading.state.vms] == ["a"]
