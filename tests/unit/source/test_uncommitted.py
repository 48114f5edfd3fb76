"""A plan of a commit warns about uncommitted changes in the working tree."""

import pytest
from support.manifest_texts import named_vm as vm

from reconciler.app.input_options import SourceOptions
from reconciler.app.wiring import source_wiring
from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader
from reconciler.source.uncommitted import UncommittedReader


@pytest.fixture
def opened(git_repo):
    with Repository.open(git_repo.path) as repository:
        yield repository


def checked(repository, revision="HEAD"):
    return UncommittedReader(CommitReader(repository, revision), repository).read()


def test_uncommitted_manifest_changes_cause_a_warning(opened, git_repo):
    git_repo.commit({"a.yaml": vm("a"), "notes.txt": "x"})
    assert checked(opened).state.diagnostics == ()
    (git_repo.path / "notes.txt").write_text("y")
    (git_repo.path / "a.yaml").write_text(vm("a", guest="4Gi"))
    (git_repo.path / "b.yaml").write_text(vm("b"))
    (found,) = checked(opened).state.diagnostics
    assert (found.severity, found.code) == ("warning", "uncommitted")
    assert found.message.endswith("not read: a.yaml, b.yaml")
    assert "--working-tree" in found.hint
    git_repo.git("stash", "--quiet", "--include-untracked")
    git_repo.commit({"c.yaml": vm("c")})
    (git_repo.path / "b.yaml").write_text(vm("b"))
    assert checked(opened, "HEAD~1").state.diagnostics == ()


def test_warning_about_uncommitted_changes_is_updated_whenever_the_repository_is_read(git_repo):
    git_repo.commit({"a.yaml": vm("a")})
    with source_wiring.desired(SourceOptions(repo=str(git_repo.path))) as reader:
        assert reader.read().state.diagnostics == ()
        (git_repo.path / "a.yaml").write_text(vm("a", guest="4Gi"))
        assert [each.code for each in reader.read().state.diagnostics] == ["uncommitted"]
        (git_repo.path / "a.yaml").write_text(vm("a"))
        assert reader.read().state.diagnostics == ()
