"""The base commit of a plan is read without parsing unchanged files again."""

from __future__ import annotations

import pytest

from reconciler.model.desired.scope import Scope
from reconciler.model.references import vm_ref
from reconciler.source.base_reader import BaseReader
from reconciler.source.git.repository import Repository
from reconciler.source.readers import CommitReader

from .test_commit_reader import vm

A, B, C = (vm_ref("db", name) for name in "abc")
CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\npaths: [vms]\n"


@pytest.fixture
def both(git_repo):
    """Returns a function that reads the branch ``topic`` and its merge base with ``main``."""

    def read(scope=None):
        with Repository.open(git_repo.path) as repository:
            head = CommitReader(repository, "topic")
            base = BaseReader(
                head, repository, requested="main", revision="topic", scope=scope or Scope()
            )
            return head.read(), base.read()[1]

    return read


def test_base_commit_reader_returns_the_same_python_objects_for_unchanged_files(git_repo, both):
    git_repo.commit({"vms/a.yaml": vm("a"), "vms/b.yaml": vm("b")})
    git_repo.git("checkout", "--quiet", "-b", "topic")
    git_repo.commit({"vms/b.yaml": vm("b", "4Gi"), "vms/c.yaml": vm("c")})
    head, base = both()
    assert set(base.state.vms) == {A, B}
    assert base.state.vms[A] is head.state.vms[A]
    assert base.state.provenance[A] is head.state.provenance[A]
    assert base.state.vms[B] is not head.state.vms[B]


def test_base_commit_reader_reads_each_commit_with_its_own_configuration(git_repo, both):
    git_repo.commit({"vms/a.yaml": vm("a"), "other/b.yaml": vm("b")})
    git_repo.git("checkout", "--quiet", "-b", "topic")
    git_repo.commit({".reconciler.yaml": CONFIG})
    head, base = both()
    assert (set(head.state.vms), set(base.state.vms)) == ({A}, {A, B})
    assert head.config != base.config


def test_vm_name_on_the_command_line_can_be_absent_from_the_base_commit(git_repo, both):
    git_repo.commit({"vms/a.yaml": vm("a")})
    git_repo.git("checkout", "--quiet", "-b", "topic")
    git_repo.commit({"vms/b.yaml": vm("b")})
    _, base = both(Scope(names=frozenset({B})))
    assert dict(base.state.vms) == {}


def test_base_commit_excludes_commits_added_to_the_base_branch_after_the_fork(git_repo, both):
    fork = git_repo.commit({"vms/a.yaml": vm("a")})
    git_repo.git("checkout", "--quiet", "-b", "topic")
    git_repo.commit({"vms/b.yaml": vm("b")})
    git_repo.git("checkout", "--quiet", "main")
    git_repo.commit({"vms/c.yaml": vm("c")})
    _, base = both()
    assert (base.state.revision, set(base.state.vms)) == (fork, {A})
