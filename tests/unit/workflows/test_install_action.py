"""Tests that the GitHub Action ``install`` installs only files whose hashes it lists."""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from support.actions_runner.runner import Runner
from support.tools.fast_environments import fast_python3

ROOT = Path(__file__).resolve().parents[3]
PIP = Path(importlib.util.find_spec("pip").origin).parent
ACTION = ".github/actions/install"
pytestmark = pytest.mark.skipif(not (ROOT / ACTION).is_dir(), reason="this is not a checkout")
PROGRAM = "import helper\ndef entry():\n    print('reconciler', helper.VERSION)\n"


def wheel(folder: Path, name: str, files: dict[str, str], *more: str) -> tuple[Path, str]:
    """Write a wheel of version 1.0 with *files*, and return its path and its SHA-256."""
    about = f"{name}-1.0.dist-info"
    files = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if more:
        files[f"{about}/entry_points.txt"] = "\n".join(more)
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(sha256(text.encode()).digest()).decode()},\n"
        for path, text in files.items()
    ).replace("=,", ",")
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in (files | {f"{about}/RECORD": record}).items():
            archive.writestr(zipfile.ZipInfo(each), text)
    return path, sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def release(tmp_path, monkeypatch):
    """Return a copy of the action with one locked dependency, and the wheel of a release."""
    index = tmp_path / "index"
    index.mkdir()
    _, dependency = wheel(index, "helper", {"helper.py": "VERSION = '1.0'\n"})
    entry = ("[console_scripts]", "reconciler = program:entry", "")
    path, digest = wheel(index, "kubevirt_memory_reconciler", {"program.py": PROGRAM}, *entry)
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / ACTION, tree / ACTION)
    (tree / "requirements-run.lock").write_text(f"helper==1.0 --hash=sha256:{dependency}\n")
    return tree, path, digest


@pytest.fixture
def fast_python(tmp_path):
    """Return a directory with a ``python3`` whose virtual environments use the tests' pip."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "pip").symlink_to(PIP)
    fast_python3(tmp_path / "bin", tmp_path / "packages")
    return tmp_path / "bin"


@pytest.fixture
def install(tmp_path, release, fast_python):
    def run(**inputs: str):
        runner = Runner(tmp_path, tmp_path / "temp", {})
        runner.path.append(str(fast_python))
        index = str(tmp_path / "index")
        runner.env |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": index, "PIP_CONFIG_FILE": os.devnull}
        return runner, runner.action(release[0] / ACTION, {"python-version": ""} | inputs)

    return run


def test_install_action_installs_a_release_by_version_and_hash(install, release):
    runner, result = install(version="1.0", sha256=release[2])
    assert result.outcome == "success", runner.log
    assert runner.log.endswith("reconciler 1.0\n")
    assert (Path(runner.path[0]) / "reconciler").exists()
    assert runner.surroundings.calls == []


def test_install_action_installs_a_local_wheel_with_the_given_python(install, release):
    wheel_file = release[1].rename(release[0] / release[1].name)
    given = {"wheel": str(wheel_file), "python-version": "3.13"}
    runner, result = install(sha256=release[2], **given)
    assert result.outcome == "success", runner.log
    assert runner.surroundings.calls == [("actions/setup-python", {"python-version": "3.13"})]


def test_install_action_rejects_a_wheel_with_a_different_hash(install, release, fast_python):
    runner, result = install(sha256="0" * 64, wheel=str(release[1]))
    assert result.outcome == "failure"
    assert "DO NOT MATCH THE HASHES" in runner.log
    assert runner.path == [str(fast_python)]


def test_install_action_rejects_a_dependency_whose_file_was_replaced(install, release, tmp_path):
    wheel(tmp_path / "index", "helper", {"helper.py": "VERSION = 'evil'\n"})
    runner, result = install(version="1.0", sha256=release[2])
    assert result.outcome == "failure"
    assert "DO NOT MATCH THE HASHES" in runner.log


@pytest.mark.parametrize("digest", ["", "abc", "0" * 63])
def test_install_action_rejects_an_incomplete_hash_before_it_creates_a_virtual_environment(
    install, digest, tmp_path
):
    runner, result = install(version="1.0", sha256=digest)
    assert result.outcome == "failure"
    assert "::error::the input sha256 is not a SHA-256" in runner.log
    assert not list((tmp_path / "temp").glob("reconciler.*"))


def test_install_action_rejects_a_locked_dependency_without_a_hash(install, release):
    (release[0] / "requirements-run.lock").write_text("helper==1.0\n")
    runner, result = install(version="1.0", sha256=release[2])
    assert result.outcome == "failure"
    assert "Hashes are required" in runner.log


def test_install_script_never_builds_a_source_distribution():
    script = (ROOT / ACTION / "install.sh").read_text()
    assert "--only-binary :all: --require-hashes --no-deps" in script
