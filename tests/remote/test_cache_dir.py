"""With --cache-dir, commands keep the fetched commits of a remote repository."""

from __future__ import annotations

import os

import pytest
from support.git_servers.outcome import failed
from support.git_servers.programs import git_daemon
from support.served import Command
from support.simulated import vm_yaml


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def read(served, stack, cache, capsys):
    """Returns a function that reads the branch main of a git daemon with the cache."""
    daemon = stack.enter_context(git_daemon(served.root))
    url = f"git://127.0.0.1:{daemon.port}/fleet.git"
    options = ("--repo", url, "--revision", "main", "--cache-dir", cache)
    return lambda *more: Command(capsys)("validate", *options, *more)


def test_second_command_fetches_into_the_git_clone_that_the_first_command_created(
    read, served, cache
):
    assert read().code == 0
    (clone,) = cache.glob("git/*/clone-*")
    before = {path.name for path in clone.glob("objects/pack/*.pack")}
    served.commit(other=vm_yaml("default", "other", "2Gi"))
    assert read().code == 0
    after = {path.name for path in clone.glob("objects/pack/*.pack")}
    assert len(before) == 1
    assert before < after
    assert {path.stat().st_mode & 0o777 for path in (cache, clone.parent, clone)} == {0o700}


def test_rewritten_git_history_is_reported_once(read, served):
    assert read().code == 0
    served.work("commit", "--quiet", "--amend", "--message=other")
    served.work("push", "--quiet", "--force", str(served.path), "HEAD:main")
    ended = read()
    assert ended.code == 0
    assert "the history of the branch was rewritten" in ended.out
    assert "find out who force-pushed to the branch" in ended.out
    assert "rewritten" not in read().out


def test_cache_directory_writable_by_other_users_is_rejected_before_the_git_fetch(read, cache):
    cache.mkdir()
    cache.chmod(0o777)
    code, message, _ = failed(read())
    assert code == 64
    assert message.startswith(f"other users can write to the cache directory {cache}")
    assert list(cache.iterdir()) == []
    assert read("--allow-shared-cache-dir").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_cache_directory_is_not_used_for_git_clones(read, cache):
    assert read().code == 0
    (folder,) = cache.glob("git/*")
    folder.chmod(0o500)
    ended = read()
    folder.chmod(0o700)
    assert ended.code == 0
    assert "is not used: it is read-only" in ended.err
