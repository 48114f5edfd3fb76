"""The cache of parsed files avoids parsing, and a broken cache does not change the result."""

import logging
import multiprocessing
import os
import sqlite3
import stat

import pytest

from reconciler.source.cache import file_contents
from reconciler.source.cache import parse_cache as cache_module
from reconciler.source.cache.parse_cache import FILE, ParseCache
from reconciler.source.git.repository import Repository
from reconciler.source.manifests.manifest_reader import read_manifests
from reconciler.source.readers import CommitReader

VM = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: {name}
  namespace: db
spec:
  runStrategy: Always
  template:
    spec:
      domain:
        devices: {{}}
        memory:
          guest: {guest}
"""
KUBEVIRT = """\
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt, namespace: kubevirt}
spec:
  imageTag: v1.9.0
  configuration:
    vmRolloutStrategy: LiveUpdate
    liveUpdateConfiguration: {maxGuest: 8Gi}
"""
FILES = {
    "vms/a.yaml": VM.format(name="a", guest="2Gi"),
    "vms/b.yaml": VM.format(name="b", guest="2Gi") + "---\n" + VM.format(name="c", guest="4Gi"),
    "vms/low.yaml": VM.format(name="low", guest="512Mi"),
    "vms/flow.yaml": "{kind: Secret, apiVersion: v1}\n",
    "kubevirt.yaml": KUBEVIRT,
}


@pytest.fixture
def parsed(monkeypatch):
    """Returns a list that records the paths of all files that are parsed."""
    found = []

    def counted(path, data):
        found.append(path)
        return read_manifests(path, data)

    monkeypatch.setattr(file_contents, "read_manifests", counted)
    return found


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def read(git_repo, folder):
    with Repository.open(git_repo.path) as repository:
        if folder is None:
            return CommitReader(repository).read().state
        with ParseCache(folder) as cache:
            return CommitReader(repository, cache=cache).read().state


def same(one, other):
    return repr(one) == repr(other) and placed(one) == placed(other)


def placed(state):
    return {ref: dict(places) for ref, places in state.provenance.items()}


def test_unchanged_manifest_file_is_parsed_once_and_then_read_from_the_cache(
    git_repo, folder, parsed
):
    git_repo.commit(FILES)
    plain = read(git_repo, None)
    first = read(git_repo, folder)
    parsed.clear()
    second = read(git_repo, folder)
    assert parsed == []
    assert same(plain, first)
    assert same(plain, second)
    assert [each.code for each in second.diagnostics] == ["not-managed", "below-minimum"]


def test_only_a_changed_manifest_file_is_parsed_again(git_repo, folder, parsed):
    git_repo.commit(FILES)
    read(git_repo, folder)
    git_repo.commit({"vms/a.yaml": VM.format(name="a", guest="4Gi")})
    parsed.clear()
    read(git_repo, folder)
    assert parsed == ["vms/a.yaml"]


def test_parse_cache_entries_are_written_in_small_groups_to_limit_memory(
    git_repo, folder, parsed, monkeypatch
):
    git_repo.commit(FILES)
    monkeypatch.setattr(file_contents, "_MAX_HELD_BYTES", 0)
    sizes = []
    put = ParseCache.put
    monkeypatch.setattr(
        ParseCache, "put", lambda cache, some: (sizes.append(len(some)), put(cache, some))
    )

    read(git_repo, folder)
    parsed.clear()
    read(git_repo, folder)

    assert max(sizes) == 1
    assert parsed == []


def test_moved_manifest_file_is_read_from_the_parse_cache_with_its_new_path(git_repo, folder):
    git_repo.commit(FILES)
    read(git_repo, folder)
    git_repo.git("mv", "vms", "machines")
    git_repo.commit()
    assert same(read(git_repo, None), read(git_repo, folder))


def test_manifest_files_with_equal_contents_keep_their_own_locations(git_repo, folder):
    git_repo.commit({"vms/a.yaml": FILES["vms/low.yaml"], "vms/b.yaml": FILES["vms/low.yaml"]})
    for _ in range(2):
        assert same(read(git_repo, None), read(git_repo, folder))


def test_parse_cache_is_readable_only_by_its_owner(git_repo, folder):
    git_repo.commit(FILES)
    read(git_repo, folder)
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_missing_parent_directories_of_the_parse_cache_are_created_for_the_owner_only(
    git_repo, tmp_path
):
    git_repo.commit(FILES)
    read(git_repo, tmp_path / "a" / "b" / "cache")
    modes = [stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("a", "a/b", "a/b/cache")]
    assert modes == [0o700] * 3


def test_parse_cache_entries_of_another_program_version_are_not_used(
    git_repo, folder, parsed, monkeypatch
):
    git_repo.commit(FILES)
    read(git_repo, folder)
    parsed.clear()
    monkeypatch.setattr(cache_module, "version", lambda: "another")
    read(git_repo, folder)
    assert len(parsed) == len(FILES)
    monkeypatch.undo()
    parsed.clear()
    read(git_repo, folder)
    assert parsed == []


def test_parse_cache_version_changes_with_every_module_that_parses_manifests(
    tmp_path, monkeypatch
):
    module = tmp_path / "source" / "yaml" / "scalars.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(cache_module, "__file__", str(tmp_path / "source" / "cache" / "cache.py"))
    versions = set()
    for text in ("a = 1", "a = 2"):
        module.write_text(text)
        versions.add(cache_module.version())
    assert len(versions) == 2


@pytest.mark.parametrize("damage", ["junk", "cut", "empty", "other-table"])
def test_damaged_parse_cache_is_created_again_and_logged(git_repo, folder, parsed, caplog, damage):
    git_repo.commit(FILES)
    plain = read(git_repo, None)
    read(git_repo, folder)
    file = folder / FILE
    contents = file.read_bytes()
    if damage == "other-table":
        file.unlink()
        with sqlite3.connect(file) as database:
            database.execute("CREATE TABLE entries (a)")
        database.close()
    else:
        made = {"junk": b"junk" * 5000, "cut": contents[:5000], "empty": b""}
        file.write_bytes(made[damage])
    with caplog.at_level(logging.WARNING):
        assert same(plain, read(git_repo, folder))
    if damage != "empty":
        assert "cache" in caplog.text
    for _ in range(2):
        read(git_repo, folder)
    parsed.clear()
    assert same(plain, read(git_repo, folder))
    assert parsed == []


def test_parse_cache_entry_with_a_wrong_checksum_is_not_used(git_repo, folder, parsed):
    git_repo.commit(FILES)
    plain = read(git_repo, None)
    read(git_repo, folder)
    with sqlite3.connect(folder / FILE) as database:
        changed = database.execute(
            "UPDATE entries SET record = CAST(replace(CAST(record AS TEXT), '4Gi', '8Gi') AS BLOB)"
        )
        assert changed.rowcount == len(FILES)
    database.close()
    assert same(plain, read(git_repo, folder))


def test_parse_cache_that_is_read_only_is_still_used_for_reading(git_repo, folder, parsed):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    git_repo.commit(FILES)
    read(git_repo, folder)
    (folder / FILE).chmod(0o400)
    folder.chmod(0o500)
    parsed.clear()
    read(git_repo, folder)
    assert parsed == []


def test_parse_cache_directory_that_cannot_be_created_is_logged(git_repo, tmp_path, caplog):
    git_repo.commit(FILES)
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert same(read(git_repo, None), read(git_repo, tmp_path / "file" / "cache"))
    assert "is not used" in caplog.text


def test_symbolic_link_in_place_of_the_parse_cache_file_is_not_followed(
    git_repo, folder, tmp_path
):
    git_repo.commit(FILES)
    folder.mkdir()
    (folder / FILE).symlink_to(tmp_path / "elsewhere")
    assert same(read(git_repo, None), read(git_repo, folder))
    assert not (tmp_path / "elsewhere").exists()


def test_parse_cache_locked_by_another_process_is_not_used(git_repo, folder, caplog, monkeypatch):
    git_repo.commit(FILES)
    read(git_repo, folder)
    monkeypatch.setattr(cache_module, "_BUSY_S", 0.01)
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with caplog.at_level(logging.WARNING):
        assert same(read(git_repo, None), read(git_repo, folder))
    other.close()
    assert "locked" in caplog.text


def fill(folder, names):
    with ParseCache(folder) as cache:
        for name in names:
            cache.put({name: name.encode() * 50})


def test_parse_cache_can_be_used_by_two_processes_at_the_same_time(folder):
    spawn = multiprocessing.get_context("fork")
    names = [[f"{n}-{i}" for i in range(40)] for n in range(2)]
    processes = [spawn.Process(target=fill, args=(folder, each)) for each in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    with ParseCache(folder) as cache:
        assert cache.get([*names[0], *names[1]]).keys() == {*names[0], *names[1]}


def test_oldest_parse_cache_entries_are_deleted_when_the_maximum_number_is_exceeded(
    folder, monkeypatch
):
    monkeypatch.setattr(cache_module, "MAX_ENTRIES", 20)
    for run in range(5):
        with ParseCache(folder) as cache:
            cache.put({f"{run}-{i}": b"x" for i in range(10)})
    with ParseCache(folder) as cache:
        kept = cache.get([f"{run}-{i}" for run in range(5) for i in range(10)])
    assert len(kept) <= 20
    assert {f"4-{i}" for i in range(10)} <= kept.keys()
    assert not any(name.startswith(("0-", "1-")) for name in kept)


def test_oldest_parse_cache_entries_are_deleted_when_the_maximum_size_is_exceeded(
    folder, monkeypatch
):
    monkeypatch.setattr(cache_module, "MAX_BYTES", 10_000)
    for run in range(5):
        with ParseCache(folder) as cache:
            cache.put({f"{run}-{i}": b"x" * 900 for i in range(5)})
    with ParseCache(folder) as cache:
        kept = cache.get([f"{run}-{i}" for run in range(5) for i in range(5)])
    assert sum(map(len, kept.values())) <= 10_000
    assert {f"4-{i}" for i in range(5)} <= kept.keys()


def test_recently_used_parse_cache_entry_is_kept(folder, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_ENTRIES", 20)
    with ParseCache(folder) as cache:
        cache.put({"used": b"x"})
    for run in range(40):
        with ParseCache(folder) as cache:
            assert cache.get(["used"]) == {"used": b"x"}
            cache.put({f"{run}": b"x"})
