"""Tests that a working tree reads only the files that it has listed."""

import os

import pytest

from reconciler.errors import SourceError
from reconciler.source.git.repository import Repository
from reconciler.source.git.working_tree import WorkingTree

CONTENTS = {"a/b/vm.yaml": "kind: Old\n"}


@pytest.fixture
def listed(git_repo):
    """Returns the working tree of a repository that has listed its files, and its only file."""
    git_repo.commit(CONTENTS)
    with Repository.open(git_repo.path) as repository:
        tree = WorkingTree(repository)
        (entry,) = tree.entries()
        yield tree, entry


def test_git_working_tree_returns_the_content_of_a_file(listed):
    tree, entry = listed
    assert tree.read(entry) == b"kind: Old\n"


@pytest.mark.parametrize("name", ["a", "a/b", "a/b/vm.yaml"])
def test_symbolic_link_that_replaces_a_file_or_directory_after_the_listing_is_not_followed(
    name, listed, git_repo, tmp_path
):
    tree, entry = listed
    for each in ("b/vm.yaml", "vm.yaml"):
        secret = tmp_path / "secret" / each
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text("kind: Secret\n")
    path = git_repo.path / name
    path.rename(tmp_path / "moved")
    path.symlink_to(secret if path.suffix else tmp_path / "secret")
    with pytest.raises(SourceError, match=r"vm\.yaml cannot be read"):
        tree.read(entry)
    with pytest.raises(SourceError, match=r"vm\.yaml cannot be read"):
        list(tree.chunks(entry))


def test_pipe_that_replaces_a_file_of_the_working_tree_after_the_listing_is_not_read(
    listed, git_repo
):
    tree, entry = listed
    file = git_repo.path / "a" / "b" / "vm.yaml"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(SourceError, match="no longer a regular file"):
        tree.read(entry)
