"""The option --cache-dir enables the cache, and `validate` imports few slow libraries."""

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
