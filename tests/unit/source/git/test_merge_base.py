"""The base commit of a pull request is found in complete and in shallow Git clones."""

from __future__ import annotations

import subprocess

import pytest

from reconciler.errors import SourceError
from reconciler.source.git.merge_base import merge_base
from reconciler.source.git.repository import Repository


@pytest.fixture
def forked(git_repo):
    """Returns a repository with a branch and newer commits on main, and its commits by name."""
    commits = {"first": git_repo.commit({"a": "1"}), "fork": git_repo.commit({"a": "2"})}
    git_repo.git("checkout", "--quiet", "-b", "topic")
    commits["topic"] = git_repo.commit({"b": "1"})
    git_repo.git("checkout", "--quiet", "main")
    commits["main"] = git_repo.commit({"a": "3"})
    git_repo.git("checkout", "--quiet", "-b", "merge")
    git_repo.git("merge", "--quiet", "--no-ff", "--message=merge", "topic")
    commits["merge"] = git_repo.git("rev-parse", "HEAD")
    return git_repo, commits


def base_of(repo, base, head):
    with Repository.open(repo.path if hasattr(repo, "path") else repo) as opened:
        return merge_base(opened, base, opened.resolve(head))


def clone(repo, path, *options):
    command = ["git", "clone", "--quiet", *options, f"file://{repo.path}", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        ("main", "topic", "fork"),
        ("main", "merge", "main"),
        ("main", "main", "main"),
        ("topic", "main", "fork"),
        ("merge^1", "merge", "main"),
        ("merge", "topic", "topic"),
    ],
)
def test_base_commit_is_the_newest_common_ancestor(forked, base, head, expected):
    repo, commits = forked
    assert base_of(repo, base, head) == commits[expected]


def test_base_commit_of_a_merge_commit_is_unchanged_by_newer_commits_on_the_main_branch(forked):
    repo, commits = forked
    repo.git("checkout", "--quiet", "main")
    repo.commit({"a": "4"})
    assert base_of(repo, "main", "merge") == commits["main"]


def test_parents_of_a_merge_commit_can_be_base_commits_in_a_shallow_clone(forked, tmp_path):
    repo, commits = forked
    shallow = clone(repo, tmp_path / "shallow", "--depth=1", "--branch=merge")
    fetch = ["git", "fetch", "--quiet", "--depth=1", "origin", "main:refs/remotes/origin/main"]
    subprocess.run(fetch, cwd=shallow, check=True, capture_output=True)
    assert base_of(shallow, "origin/main", "HEAD") == commits["main"]


def test_base_commit_in_a_shallow_clone_of_depth_2_is_the_first_parent(forked, tmp_path):
    repo, commits = forked
    shallow = clone(repo, tmp_path / "shallow", "--depth=2", "--branch=merge")
    assert base_of(shallow, "HEAD^1", "HEAD") == commits["main"]


@pytest.mark.parametrize(
    ("base", "says"), [("main", "no branch"), ("origin/topic", "have no common ancestor")]
)
def test_error_about_a_shallow_clone_without_history_explains_how_to_fetch_the_history(
    forked, tmp_path, base, says
):
    repo, _ = forked
    shallow = clone(repo, tmp_path / "shallow", "--depth=1", "--branch=main")
    subprocess.run(["git", "checkout", "--quiet", "--detach"], cwd=shallow, check=True)
    subprocess.run(["git", "branch", "--quiet", "-D", "main"], cwd=shallow, check=True)
    subprocess.run(["git", "remote", "remove", "origin"], cwd=shallow, check=True)
    if base == "origin/topic":
        fetch = ["fetch", "--quiet", "--depth=1", f"file://{repo.path}", f"topic:remotes/{base}"]
        subprocess.run(["git", *fetch], cwd=shallow, check=True, capture_output=True)
    with pytest.raises(SourceError) as caught:
        base_of(shallow, base, "HEAD")
    assert "fetch-depth: 0" in caught.value.hint
    assert "--unshallow" in caught.value.hint


def test_branches_without_a_common_commit_cause_an_error_without_a_hint_about_fetching(forked):
    repo, _ = forked
    repo.git("checkout", "--quiet", "--orphan", "island")
    repo.commit({"c": "1"})
    with pytest.raises(SourceError, match="no common ancestor") as caught:
        base_of(repo, "island", "main")
    assert "fetch" not in caught.value.hint


@pytest.mark.parametrize("base", ["--help", "", "nowhere"])
def test_base_option_that_is_not_a_revision_is_rejected(forked, base):
    repo, _ = forked
    with pytest.raises(SourceError, match="revision"):
        base_of(repo, base, "main")


def test_remote_branch_is_suggested_for_a_branch_that_was_not_checked_out(forked, tmp_path):
    repo, _ = forked
    whole = clone(repo, tmp_path / "whole", "--branch=topic")
    with pytest.raises(SourceError) as caught:
        base_of(whole, "main", "HEAD")
    assert caught.value.hint == "did you mean origin/main?"
