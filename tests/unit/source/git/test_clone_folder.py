"""A directory of Git clones repairs itself, stays small, and keeps every clone in use."""

import random
import subprocess
from pathlib import Path

import pytest

from reconciler.app.clock import SystemClock
from reconciler.errors import SourceError
from reconciler.source.git import clone_folder
from reconciler.source.git.clone_folder import CloneFolder
from reconciler.source.git.commit_tree import CommitTree
from reconciler.source.git.remote import clone_or_fetch
from reconciler.source.git.repository import Repository
from reconciler.source.git.transport import fetch_failure


@pytest.fixture
def clones(tmp_path):
    return tmp_path / "clones"


@pytest.fixture
def fetched(git_repo, clones):
    """Returns a function that fetches a revision, and returns the open repository."""

    def fetch(revision="main"):
        url = f"file://{git_repo.path}"
        repository, commit = clone_or_fetch(
            url, clones, revision, timeout_s=600, clock=SystemClock()
        )
        repository.commit = commit
        return repository

    return fetch


def contents(repository):
    with repository:
        tree = CommitTree(repository, repository.commit)
        return {entry.path: tree.read(entry) for entry in tree.entries()}


def names(clones):
    return sorted(each.name for each in clones.glob("clone-*"))


def truncate(path: Path) -> None:
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def packs(clone: Path) -> list[Path]:
    return [*clone.glob("objects/pack/*.pack"), *clone.glob("objects/pack/*.idx")]


DAMAGES = {
    "missing packs": lambda clone: [path.unlink() for path in packs(clone)],
    "half a pack": lambda clone: [truncate(path) for path in packs(clone)],
    "empty reference": lambda clone: (clone / "refs/heads/main").write_text(""),
    "other reference": lambda clone: (clone / "refs/heads/main").write_text(f"{'1' * 40}\n"),
    "no HEAD": lambda clone: (clone / "HEAD").unlink(),
    "other HEAD": lambda clone: (clone / "HEAD").write_bytes(b"\0" * 20),
    "damaged configuration": lambda clone: (clone / "config").write_bytes(b"\0" * 20),
    "damaged shallow file": lambda clone: (clone / "shallow").write_text("x"),
    "no objects": lambda clone: (clone / "objects").rename(clone / "elsewhere"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_git_clone_is_replaced(git_repo, clones, fetched, damage):
    git_repo.commit({"a.yaml": "a: 1\n", "b.yaml": "b: 1\n"})
    assert len(contents(fetched())) == 2
    damage(clones / "clone-1")
    assert contents(fetched()) == {"a.yaml": b"a: 1\n", "b.yaml": b"b: 1\n"}
    git_repo.commit({"a.yaml": "a: 2\n"})
    assert contents(fetched())["a.yaml"] == b"a: 2\n"
    assert names(clones) == ["clone-2"]


def test_git_clone_with_a_damaged_file_is_replaced_by_the_next_run(git_repo, clones, fetched):
    text = random.Random(1).randbytes(100_000).hex()
    git_repo.commit({"a.yaml": text})
    fetched().close()
    (pack,) = clones.glob("*/objects/pack/*.pack")
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0xFF
    pack.write_bytes(data)
    with pytest.raises(SourceError, match="is missing from"):
        contents(fetched())
    assert contents(fetched()) == {"a.yaml": text.encode()}


def test_request_for_a_missing_git_object_does_not_change_a_local_repository(git_repo):
    git_repo.commit({"a.yaml": "a: 1\n"})
    before = sorted(git_repo.path.rglob("*"))
    with Repository.open(git_repo.path) as repository, pytest.raises(SourceError):
        repository.contents("1" * 40)
    assert sorted(git_repo.path.rglob("*")) == before


LEFT = ("shallow.lock", "refs/heads/main.lock", "config.lock", "objects/pack/tmp_pack_x")


def test_temporary_files_of_a_killed_fetch_are_removed_from_the_git_clone(
    git_repo, clones, fetched
):
    git_repo.commit({"a.yaml": "a: 1\n"})
    fetched().close()
    for name in LEFT:
        (clones / "clone-1" / name).write_text("x")
    commit = git_repo.commit({"a.yaml": "a: 2\n"})
    with fetched() as repository:
        assert repository.commit == commit
    assert [name for name in LEFT if (clones / "clone-1" / name).exists()] == []
    assert names(clones) == ["clone-1"]


def test_git_clone_is_replaced_after_many_fetches(git_repo, clones, fetched, monkeypatch):
    monkeypatch.setattr(clone_folder, "MAX_PACKS", 2)
    for number in range(8):
        commit = git_repo.commit({"a.yaml": f"a: {number}\n"})
        with fetched() as repository:
            assert repository.commit == commit
        assert len(list(clones.glob("*/objects/pack/*.pack"))) <= 4
    assert names(clones) == ["clone-3"]


def test_git_clone_is_kept_while_a_process_reads_it(git_repo, clones, fetched):
    git_repo.commit({"a.yaml": "a: 1\n"})
    reader = fetched()
    (clones / "clone-1" / "damaged").touch()
    for number in range(3):
        git_repo.commit({"a.yaml": f"a: 2{number}\n"})
        fetched().close()
    assert names(clones) == ["clone-1", "clone-2"]
    assert contents(reader) == {"a.yaml": b"a: 1\n"}
    fetched().close()
    assert names(clones) == ["clone-2"]


def test_wait_for_a_git_fetch_by_another_process_ends_at_the_deadline(git_repo, clones):
    git_repo.commit()
    url = f"file://{git_repo.path}"
    with (
        CloneFolder(clones).locked(0, SystemClock()),
        pytest.raises(SourceError, match="another process was still fetching") as caught,
    ):
        clone_or_fetch(url, clones, "main", timeout_s=0.2, clock=SystemClock())
    assert (
        caught.value.hint
        == "wait until the other process ends, or allow more time with --deadline"
    )


def test_repeated_git_fetch_transfers_only_new_objects(git_repo, clones, fetched):
    text = random.Random(1).randbytes(100_000).hex()
    git_repo.commit({"a.yaml": text})
    fetched().close()
    git_repo.commit({"b.yaml": "b: 1\n"})
    assert contents(fetched()).keys() == {"a.yaml", "b.yaml"}
    sizes = sorted(path.stat().st_size for path in clones.glob("*/objects/pack/*.pack"))
    assert sizes[0] < 1_000
    assert sizes[1] > 100_000


def replaced(fetched, revision="main"):
    with fetched(revision) as repository:
        return repository.replaced_commit


@pytest.mark.parametrize("n_commits", [0, 1, 2, 60])
def test_new_git_commits_do_not_count_as_rewritten_history(git_repo, fetched, n_commits):
    git_repo.commit()
    assert replaced(fetched) is None
    for _ in range(n_commits):
        git_repo.commit()
    assert replaced(fetched) is None


def test_merged_git_commit_does_not_count_as_rewritten_history(git_repo, fetched):
    git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("switch", "--quiet", "--create", "topic")
    git_repo.commit({"b.yaml": "b: 1\n"})
    assert replaced(fetched, "topic") is None
    git_repo.git("switch", "--quiet", "main")
    git_repo.commit({"c.yaml": "c: 1\n"})
    git_repo.git("merge", "--quiet", "--no-edit", "topic")
    git_repo.git("branch", "--force", "topic", "main")
    assert replaced(fetched, "topic") is None


@pytest.mark.parametrize("base", ["HEAD~1", "HEAD~2"])
def test_git_force_push_is_reported_as_rewritten_history_only_once(git_repo, fetched, base):
    for _ in range(3):
        git_repo.commit()
    old = git_repo.git("rev-parse", "HEAD")
    assert replaced(fetched) is None
    git_repo.git("reset", "--quiet", "--hard", base)
    git_repo.commit({"a.yaml": "a: 1\n"})
    assert replaced(fetched) == old
    assert replaced(fetched) is None


def test_check_for_rewritten_history_fetches_commits_without_their_files(
    git_repo, clones, fetched, monkeypatch
):
    git_repo.git("config", "uploadpack.allowFilter", "true")
    git_repo.commit()
    assert replaced(fetched) is None
    for number in range(3):
        git_repo.commit({"a.yaml": random.Random(number).randbytes(100_000).hex()})
    git_repo.commit({"a.yaml": "a: 1\n"})
    # Each commit with its file has more than this, the commits alone have less.
    monkeypatch.setattr(fetch_failure, "MAX_PACK_BYTES", 50_000)
    assert replaced(fetched) is None
    assert names(clones) == ["clone-1"]


def test_branch_that_was_reset_to_an_earlier_commit_counts_as_rewritten_history(git_repo, fetched):
    git_repo.commit()
    old = git_repo.commit()
    assert replaced(fetched) is None
    git_repo.git("reset", "--quiet", "--hard", "HEAD~1")
    assert replaced(fetched) == old


def test_git_tag_that_was_moved_to_an_unrelated_commit_counts_as_rewritten_history(
    git_repo, fetched
):
    old = git_repo.commit()
    git_repo.git("tag", "--annotate", "--message=x", "v1")
    assert replaced(fetched, "v1") is None
    git_repo.git("switch", "--quiet", "--orphan", "other")
    git_repo.commit({"a.yaml": "a: 1\n"})
    git_repo.git("tag", "--force", "--annotate", "--message=x", "v1")
    assert replaced(fetched, "v1") == old


def test_directory_with_a_different_git_repository_is_not_used_for_git_clones(
    git_repo, clones, fetched
):
    git_repo.commit()
    subprocess.run(["git", "init", "--quiet", "--bare", clones / "other"], check=True)
    with pytest.raises(SourceError, match="contains other files"):
        fetched()
