"""Tests the reader that fetches a repository before each read."""

from __future__ import annotations

import pytest

from reconciler.app.input_options import SourceOptions
from reconciler.app.wiring import source_wiring
from reconciler.errors import SourceError, UsageError
from reconciler.model.references import vm_ref
from reconciler.source.git.clone_folder import MAX_PACKS

from .test_commit_reader import vm

BAD = {".reconciler.yaml": "kind: Config\n"}


@pytest.fixture(params=["local", "remote"])
def polled(request, git_repo):
    """Returns a reader of a local repository, or of the same repository fetched by its URL."""
    prefix = "file://" if request.param == "remote" else ""
    options = SourceOptions(repo=f"{prefix}{git_repo.path}", revision="main")
    with source_wiring.polled(options) as reader:
        yield reader


def test_polled_reader_reads_the_newest_commit_of_the_repository_each_time(polled, git_repo):
    first = git_repo.commit({"a.yaml": vm("a", "1Gi")})
    assert polled.read().state.revision == first
    second = git_repo.commit({"a.yaml": vm("a", "2Gi")})
    assert polled.read().state.revision == second


def test_polled_reader_returns_the_same_python_objects_for_the_same_commit(polled, git_repo):
    git_repo.commit({"a.yaml": vm("a", "1Gi")})
    assert polled.read() is polled.read()


def test_polled_reader_parses_only_changed_files_again(polled, git_repo):
    git_repo.commit({"a.yaml": vm("a", "1Gi"), "b.yaml": vm("b", "1Gi")})
    first = polled.read().state
    git_repo.commit({"b.yaml": vm("b", "2Gi")})
    second = polled.read().state
    ref = vm_ref("db", "a")
    assert second.vms[ref] is first.vms[ref]


def test_polled_reader_keeps_the_last_valid_commit_if_a_newer_commit_is_invalid(polled, git_repo):
    good = git_repo.commit({"a.yaml": vm("a", "1Gi")})
    polled.read()
    git_repo.commit(BAD)
    state = polled.read().state
    assert (state.revision, state.in_force.behind) == (good, 1)


def test_polled_reader_works_again_after_the_repository_was_unavailable(polled, git_repo):
    commit = git_repo.commit({"a.yaml": vm("a", "1Gi")})
    polled.read()
    elsewhere = git_repo.path.rename(git_repo.path.parent / "elsewhere")
    with pytest.raises(SourceError):
        polled.read()
    elsewhere.rename(git_repo.path)
    assert polled.read().state.revision == commit


def test_history_of_the_previous_commit_stays_readable_after_its_git_clone_was_replaced(
    git_repo, monkeypatch
):
    monkeypatch.setattr("reconciler.source.git.clone_folder.MAX_PACKS", 0)
    assert MAX_PACKS > 0
    first = git_repo.commit({"a.yaml": vm("a", "1Gi")})
    options = SourceOptions(repo=f"file://{git_repo.path}", revision="main")
    with source_wiring.polled(options) as reader:
        before = reader.read()
        git_repo.commit({"a.yaml": vm("a", "2Gi")})
        after = reader.read()
        assert before.history.contains(first)
        assert after.history.contains(first)


@pytest.mark.parametrize("options", [{"files": ("x.yaml",)}, {"repo": ".", "working_tree": True}])
def test_repeated_reads_of_manifest_files_or_of_a_working_tree_are_rejected(options):
    with (
        pytest.raises(UsageError, match="reads a branch repeatedly"),
        source_wiring.polled(SourceOptions(**options)),
    ):
        pass
