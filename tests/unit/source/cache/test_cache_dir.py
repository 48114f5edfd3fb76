"""Tests the option --cache-dir, and that ``validate`` imports few slow libraries."""

import os
import subprocess
import sys

import pytest

from reconciler.cli.main import main
from reconciler.source.cache.parse_cache import FILE

VM = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: pg-0
  namespace: db
spec:
  template:
    spec:
      domain:
        memory:
          guest: 2Gi
"""
CONFIG = "apiVersion: reconciler/v1alpha1\nkind: Config\npaths: [vms]\n"
FILES = {".reconciler.yaml": CONFIG, "vms/pg-0.yaml": VM}


def test_validate_command_caches_parsed_manifest_files(git_repo, tmp_path, capsys):
    git_repo.commit(FILES)
    for _ in range(2):
        arguments = ["--repo", str(git_repo.path), "--cache-dir", str(tmp_path / "cache")]
        assert main(["validate", *arguments]) == 0
        assert capsys.readouterr().out == "Valid: 1 VirtualMachine\n"
    assert (tmp_path / "cache" / FILE).is_file()


@pytest.mark.parametrize("name", ["plan", "apply", "reconcile", "status"])
def test_cache_dir_option_works_for_every_command_that_reads_git(
    git_repo, tmp_path, name, monkeypatch
):
    monkeypatch.setenv("RECONCILER_CACHE_DIR", str(tmp_path / "cache"))
    git_repo.commit(FILES)
    options = ["--snapshot", str(tmp_path / "missing")] if name in {"plan", "status"} else []
    kubeconfig = str(tmp_path / "no-kubeconfig")
    if not options:
        options = ["--kubeconfig", kubeconfig]
    # The command fails to read the live state after it has read the desired state.
    assert main([name, "--repo", str(git_repo.path), *options]) != 0
    if name in {"plan", "status"}:
        assert (tmp_path / "cache" / FILE).is_file()


LOADED = """
import sys
from reconciler.cli.main import main
code = main(sys.argv[1:])
loaded = {each.partition(".")[0] for each in sys.modules}
slow = {"kubernetes", "ruamel", "jsonschema", "deepdiff", "msgspec", "sqlite3"}
print(code, sorted(loaded & slow))
"""


def test_validate_command_imports_no_slow_library_except_ruamel(git_repo):
    git_repo.commit(FILES)
    arguments = ["validate", "--repo", str(git_repo.path)]
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 ['ruamel']"


def validate(git_repo, folder, *flags):
    return main(["validate", "--repo", str(git_repo.path), "--cache-dir", str(folder), *flags])


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o2777, 0o775, 0o2770, 0o702])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_cache_directory_writable_by_other_users_is_rejected_unless_a_flag_allows_it(
    git_repo, tmp_path, capsys, mode, kind
):
    git_repo.commit(FILES)
    folder = tmp_path / "cache"
    assert validate(git_repo, folder) == 0
    (folder if kind == "folder" else folder / FILE).chmod(mode)
    assert validate(git_repo, folder) != 0
    error = capsys.readouterr().err
    assert "other users can write to the cache" in error
    assert "--allow-shared-cache-dir" in error
    assert validate(git_repo, folder, "--allow-shared-cache-dir") == 0


def test_cache_directory_of_another_user_is_rejected(git_repo, tmp_path, capsys, monkeypatch):
    git_repo.commit(FILES)
    (tmp_path / "cache").mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(tmp_path / "cache", 4321, 4321)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4321)
    assert validate(git_repo, tmp_path / "cache") != 0
    assert "belongs to another user" in capsys.readouterr().err


@pytest.mark.parametrize("mode", [0o777, 0o2777, 0o2775])
def test_cache_directory_in_a_mounted_volume_is_private_and_reusable(git_repo, tmp_path, mode):
    """The kubelet creates an emptyDir with mode 0777, and fsGroup sets the group and setgid."""
    git_repo.commit(FILES)
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(mode)
    before = os.umask(0)
    try:
        assert [validate(git_repo, volume / "cache") for _ in range(2)] == [0, 0]
    finally:
        os.umask(before)
    modes = [(volume / each).stat().st_mode & 0o777 for each in ("cache", f"cache/{FILE}")]
    assert modes == [0o700, 0o600]
