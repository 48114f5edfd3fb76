"""Commits are read without a checkout, and each error is one sentence."""

import hashlib
import itertools
import os

import pytest

from reconciler.errors import SourceError
from reconciler.source.git.commit_tree import CommitTree
from reconciler.source.git.file_tree import EntryKind
from reconciler.source.git.repository import Repository
from reconciler.source.git.working_tree import WorkingTree


@pytest.fixture
def opened(git_repo):
    with Repository.open(git_repo.path) as repository:
        yield repository


def refused(call, *arguments):
    with pytest.raises(SourceError) as caught:
        call(*arguments)
    return f"{caught.value} | {caught.value.hint}"


def test_missing_repository_directory_is_reported(tmp_path):
    assert refused(Repository.open, tmp_path / "x") == (
        f"{tmp_path / 'x'} does not exist | use the root directory of a repository, or pipe "
        "manifests in with -f -"
    )


def test_directory_without_a_git_repository_is_rejected(tmp_path):
    assert refused(Repository.open, tmp_path) == (
        f"{tmp_path} is not a Git repository | use the root directory of a repository, or pipe "
        "manifests in with -f -"
    )


def test_subdirectory_of_a_repository_is_rejected_with_the_repository_root_as_hint(git_repo):
    git_repo.commit({"vms/a.yaml": "a: 1\n"})
    assert refused(Repository.open, git_repo.path / "vms") == (
        f"{git_repo.path / 'vms'} is not a Git repository | use {git_repo.path}, the root "
        "directory of the repository, and select directories with `paths`"
    )


def test_repository_without_a_commit_is_reported(opened, git_repo):
    assert refused(opened.resolve, "HEAD") == (
        f"{git_repo.path} has no commit yet | commit the desired state to the repository"
    )


def test_branch_tag_hash_and_hash_prefix_resolve_to_a_commit(opened, git_repo):
    first = git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("tag", "--annotate", "--message=x", "v1")
    git_repo.git("branch", "topic/one")
    git_repo.commit({"a.yaml": "a: 2\n"})
    for revision in ("v1", "topic/one", first, first[:8], "HEAD~1", "main^", "refs/tags/v1"):
        assert opened.resolve(revision) == first


@pytest.mark.parametrize(
    ("revision", "hint"),
    [
        ("mian", "did you mean main?"),
        ("feature", "did you mean origin/feature?"),
        ("zzzzzzz", "use a branch, a tag or a commit hash; see git log"),
        ("0" * 40, "use a branch, a tag or a commit hash; see git log"),
        ("main:a.yaml", "use a branch, a tag or a commit hash; see git log"),
    ],
)
def test_missing_git_revision_is_reported_with_a_similar_name(opened, git_repo, revision, hint):
    commit = git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("update-ref", "refs/remotes/origin/feature", commit)
    expected = f"the revision {revision} does not exist in {git_repo.path} | "
    assert refused(opened.resolve, revision).startswith(expected)
    if revision != "main:a.yaml":
        assert refused(opened.resolve, revision) == expected + hint


@pytest.mark.parametrize("revision", ["", "--help", "-x"])
def test_revision_that_looks_like_a_git_option_is_rejected(opened, git_repo, revision):
    git_repo.commit()
    assert refused(opened.resolve, revision) == (
        f"{revision!r} is not a valid revision | use a branch, a tag or a commit hash"
    )


def test_branch_and_tag_with_the_same_name_are_ambiguous_if_their_commits_differ(opened, git_repo):
    first = git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("tag", "release")
    git_repo.git("branch", "release")
    assert opened.resolve("release") == first
    second = git_repo.commit({"a.yaml": "a: 2\n"})
    git_repo.git("branch", "--force", "release")
    assert refused(opened.resolve, "release") == (
        f"the revision release is ambiguous in {git_repo.path}: refs/heads/release "
        f"({second[:12]}) and refs/tags/release ({first[:12]}) | use refs/heads/release"
    )


def test_hash_prefix_of_several_commits_is_ambiguous(opened, git_repo):
    git_repo.git("hash-object", "-w", "-t", "tree", os.devnull)
    seen = {}
    for number in itertools.count():
        body = _commit(number)
        prefix = hashlib.sha1(b"commit %d\0" % len(body) + body).hexdigest()[:4]
        if prefix in seen:
            break
        seen[prefix] = body
    for index, each in enumerate((seen[prefix], body)):
        (git_repo.path / f"commit{index}").write_bytes(each)
        git_repo.git("hash-object", "-w", "-t", "commit", f"commit{index}")
    assert refused(opened.resolve, prefix) == (
        f"the revision {prefix} is ambiguous in {git_repo.path}: several Git objects have "
        "hashes that start with it | write more digits of the hash"
    )


def _commit(number):
    who = "Somebody <somebody@example.com> 1700000000 +0000"
    empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    return f"tree {empty}\nauthor {who}\ncommitter {who}\n\n{number}\n".encode()


def test_git_commit_listing_contains_files_links_and_submodules_without_following_links(
    opened, git_repo
):
    inner = git_repo.commit({"vms/a.yaml": "a: 1\n", "vms/ü\n.yaml": "b: 2\n"})
    (git_repo.path / "link.yaml").symlink_to("/etc/passwd")
    git_repo.git("add", "--all")
    git_repo.git("update-index", "--add", "--cacheinfo", f"160000,{inner},sub")
    git_repo.git("commit", "--quiet", "--message=links")
    tree = CommitTree(opened, opened.resolve("HEAD"))
    assert [(e.path, e.kind, e.mode, e.size) for e in tree.entries()] == [
        ("link.yaml", EntryKind.SYMLINK, "120000", 11),
        ("sub", EntryKind.SUBMODULE, "160000", 0),
        ("vms/a.yaml", EntryKind.FILE, "100644", 5),
        ("vms/ü\n.yaml", EntryKind.FILE, "100644", 5),
    ]
    assert [tree.read(e) for e in tree.entries() if e.kind is EntryKind.FILE] == [
        b"a: 1\n",
        b"b: 2\n",
    ]
    assert tree.changed() == ()


def test_git_commit_is_read_independently_of_the_working_tree(opened, git_repo):
    commit = git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.write({"a.yaml": "a: 2\n", "b.yaml": "b: 1\n"})
    tree = CommitTree(opened, opened.resolve(commit))
    assert [tree.read(entry) for entry in tree.entries()] == [b"a: 1\n"]


def test_bare_repository_has_commits_but_no_working_tree(git_repo, tmp_path):
    commit = git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    with Repository.open(tmp_path / "bare") as repository:
        assert repository.resolve("main") == commit
        assert refused(WorkingTree, repository) == (
            f"{tmp_path / 'bare'} is a bare repository, which has no working tree | remove "
            "--working-tree, and select a revision with --revision"
        )


def test_missing_git_object_is_reported(opened, git_repo):
    git_repo.commit({"a.yaml": "a: 1\n"})
    tree = CommitTree(opened, opened.resolve("HEAD"))
    (entry,) = tree.entries()
    loose = git_repo.path / ".git" / "objects" / entry.blob[:2] / entry.blob[2:]
    loose.unlink()
    assert refused(tree.read, entry) == (
        f"the Git object {entry.blob} is missing from {git_repo.path} | "
        "the repository is damaged or a partial clone; clone it again"
    )


def test_reading_a_repository_runs_no_hook_and_writes_nothing(git_repo, tmp_path):
    git_repo.commit({"a.yaml": "a: 1\n"})
    trap = tmp_path / "trap"
    script = git_repo.path / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    git_repo.git("config", "core.fsmonitor", str(script))
    (git_repo.path / ".git/hooks").mkdir(exist_ok=True)
    (git_repo.path / ".git/hooks/post-index-change").write_bytes(script.read_bytes())
    (git_repo.path / ".git/hooks/post-index-change").chmod(0o755)
    os.utime(git_repo.path / "a.yaml", (1, 1))
    before = (git_repo.path / ".git/index").read_bytes()
    with Repository.open(git_repo.path) as repository:
        tree = WorkingTree(repository)
        assert tree.changed() == ("trap.sh",)
        assert [tree.read(e) for e in tree.entries() if e.path == "a.yaml"] == [b"a: 1\n"]
    assert (git_repo.path / ".git/index").read_bytes() == before
    assert not trap.exists()


def test_git_dir_environment_variable_is_ignored(git_repo, tmp_path, monkeypatch):
    commit = git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("init", "--quiet", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    with Repository.open(git_repo.path) as repository:
        tree = CommitTree(repository, repository.resolve("main"))
        assert (tree.revision, [tree.read(e) for e in tree.entries()]) == (commit, [b"a: 1\n"])
        assert WorkingTree(repository).changed() == ()


def test_missing_git_program_is_reported(git_repo, monkeypatch):
    git_repo.commit()
    with Repository.open(git_repo.path) as repository:
        monkeypatch.setenv("PATH", "/nonexistent")
        assert refused(repository.resolve, "HEAD") == (
            "git is not installed | install git, or set PATH"
        )


def test_contents_of_git_files_are_returned_in_the_requested_order(git_repo):
    texts = {f"{n}.yaml": f"{n}\n" * n for n in range(50)} | {"bytes.yaml": b"\0\r\n\xff"}
    git_repo.commit(texts)
    with Repository.open(git_repo.path) as repository:
        tree = CommitTree(repository, repository.resolve("HEAD"))
        entries = tree.entries()[::-1]
        found = dict(zip([entry.path for entry in entries], tree.read_all(entries), strict=True))
    assert found == {n: t if isinstance(t, bytes) else t.encode() for n, t in texts.items()}


def test_iterator_over_git_objects_can_be_closed_before_the_last_object(git_repo):
    git_repo.commit({f"{n}.yaml": "x" * 100_000 for n in range(5)})
    with Repository.open(git_repo.path) as repository:
        tree = CommitTree(repository, repository.resolve("HEAD"))
        contents = tree.read_all(tree.entries())
        assert next(contents) == b"x" * 100_000
        contents.close()
        assert list(tree.read_all(())) == []


def test_missing_git_object_among_many_objects_is_reported(git_repo):
    git_repo.commit({"a.yaml": "a: 1\n", "b.yaml": "b: 1\n"})
    blob = git_repo.git("rev-parse", "HEAD:b.yaml")
    (git_repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with Repository.open(git_repo.path) as repository:
        tree = CommitTree(repository, repository.resolve("HEAD"))
        with pytest.raises(SourceError, match=f"the Git object {blob} is missing"):
            list(tree.read_all(tree.entries()))


def test_git_repository_is_treated_as_bare_if_the_git_command_reports_a_bare_repository(
    git_repo, tmp_path
):
    git_repo.commit({"a.yaml": "a: 1\n"})
    bare = tmp_path / "bare.git"
    git_repo.git("clone", "--quiet", "--bare", str(git_repo.path), str(bare))
    git_repo.git("--git-dir", str(bare), "config", "--unset", "core.bare")
    with Repository.open(bare) as repository:
        assert (repository.bare, repository.root) == (True, bare)
    with Repository.open(git_repo.path) as repository:
        assert repository.bare is False
