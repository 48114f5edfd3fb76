"""``.ci/release`` builds a release, which the GitHub Action ``install`` installs unchanged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
import zipfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from support.actions_runner.runner import Runner
from support.tools.fast_environments import fast_python3
from support.tools.shared_folder import shared_folder

from reconciler import __version__

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv" / "bin" / "python"
pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is not a checkout"),
    pytest.mark.skipif(not PYTHON.exists(), reason="make install has not created .venv"),
]


def git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def commit_of(release: Path) -> str:
    """Return the commit that the release names, even if HEAD has moved on."""
    [commit] = re.findall(r"/plan@([0-9a-f]{40}) #", (release / "notes.md").read_text())
    return commit


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    def build(folder: Path) -> None:
        before = git("rev-parse", "HEAD")
        # Nothing here needs this package, whose import by jsonschema takes most of the time.
        unimportable = tmp_path_factory.mktemp("unimportable")
        (unimportable / "rfc3987_syntax.py").write_text("raise ImportError\n")
        done = built(folder, PYTHONPATH=str(unimportable))
        assert done.returncode == 0, done.stderr
        assert commit_of(folder) in {before, git("rev-parse", "HEAD")}

    return shared_folder(tmp_path_factory, "release", build)


def built(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return subprocess.run(
        [ROOT / ".ci" / "release", folder],
        env=plain | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def wheel_of(release: Path) -> Path:
    [found] = release.glob("*.whl")
    return found


def locked_packages(folder: Path) -> Path:
    """Return a new directory with the packages of these tests, without the product.

    The install action does not install packages that this directory has in the locked version.
    """
    folder.mkdir()
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        if each.suffix != ".pth" and "kubevirt_memory_reconciler" not in each.name:
            (folder / each.name).symlink_to(each)
    return folder


def locked(file: str) -> dict[str, tuple[str, set[str]]]:
    """Return the version and the hashes of each package in a lock file."""
    entries = re.split(r"^(?=[a-z])", (ROOT / file).read_text(), flags=re.MULTILINE)
    matches = [re.match(r"([a-z0-9.-]+)==(\S+)", each) for each in entries]
    hashes = [set(re.findall(r"sha256:([0-9a-f]{64})", each)) for each in entries]
    pairs = zip(matches, hashes, strict=True)
    return {each[1]: (each[2], values) for each, values in pairs if each and values}


def test_release_lock_file_has_the_same_versions_and_hashes_as_the_development_lock_file():
    development = locked("requirements.lock")
    released = locked("requirements-run.lock")
    assert len(released) > 40
    assert {name: development.get(name) for name in released} == released


def test_release_contains_checksums_of_the_wheel_the_lock_file_and_the_sbom(release):
    listed = dict(
        reversed(line.split("  ")) for line in (release / "SHA256SUMS").read_text().splitlines()
    )
    assert listed == {
        name: sha256((release / name).read_bytes()).hexdigest()
        for name in (wheel_of(release).name, "requirements-run.lock", "sbom.cdx.json")
    }


def test_files_in_the_wheel_have_the_time_of_the_commit(release):
    seconds = git("log", "-1", "--format=%ct", commit_of(release))
    commit = datetime.fromtimestamp(int(seconds), UTC)
    with zipfile.ZipFile(wheel_of(release)) as archive:
        times = {each.date_time for each in archive.infolist()}
    # A zip file stores times with a precision of two seconds.
    assert times == {(*commit.timetuple()[:5], commit.second // 2 * 2)}


def test_release_sbom_lists_the_locked_dependencies_and_no_development_tools(release):
    sbom = json.loads((release / "sbom.cdx.json").read_text())
    assert sbom["bomFormat"] == "CycloneDX"
    lock = (release / "requirements-run.lock").read_text()
    locked = dict(re.findall(r"^([a-z][a-z0-9.-]*)==([^ \\]+)", lock, re.MULTILINE))
    assert {each["name"]: each["version"] for each in sbom["components"]} == locked
    assert len(locked) > 40
    hashes = re.findall(r'"content": "([0-9a-f]{64})"', (release / "sbom.cdx.json").read_text())
    assert set(hashes) == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    about = sbom["metadata"]["component"]
    assert (about["name"], about["version"]) == ("kubevirt-memory-reconciler", __version__)


def test_release_notes_contain_the_version_and_hash_that_the_install_action_needs(
    release, tmp_path
):
    notes = (release / "notes.md").read_text()
    commit = commit_of(release)
    assert f"/.github/actions/plan@{commit} # v{__version__}\n" in notes
    digest = re.search(r'sha256: "([0-9a-f]{64})"', notes)[1]
    assert digest == sha256(wheel_of(release).read_bytes()).hexdigest()
    assert notes.count(wheel_of(release).name) == 1
    identity = "--certificate-identity https://github.com/OWNER/kubevirt-memory-reconciler/"
    assert (
        f"{identity}.github/workflows/release.yml@refs/tags/v{__version__} SHA256SUMS\n" in notes
    )
    assert "issuer https://token.actions.githubusercontent.com \\\n" in notes
    fast_python3(tmp_path / "bin", locked_packages(tmp_path / "packages"))
    runner = Runner(tmp_path, tmp_path / "temp", {}, path=[str(tmp_path / "bin")])
    runner.env |= {"PIP_NO_INDEX": "1", "PIP_COMPILE": "0"}
    inputs = {"sha256": digest, "wheel": str(wheel_of(release)), "python-version": ""}
    result = runner.action(".github/actions/install", inputs)
    assert result.outcome == "success", runner.log
    assert runner.log.endswith(f"{__version__}\n")
    plan = subprocess.run(
        [Path(runner.path[0]) / "reconciler", "plan", "--help"], capture_output=True, check=True
    )
    assert b"Show what would happen" in plan.stdout


def test_release_is_rejected_if_tag_and_package_have_different_versions(tmp_path):
    done = built(tmp_path / "out", GITHUB_REF_NAME="v9.9.9")
    assert done.returncode == 1
    assert "the tag is v9.9.9, but pyproject.toml contains" in done.stderr
    assert not (tmp_path / "out").exists()


def test_dockerfile_installs_the_locked_dependencies_as_the_install_action_does():
    dockerfile = (ROOT / "Dockerfile").read_text()
    script = (ROOT / ".github/actions/install/install.sh").read_text()
    for text in (dockerfile, script):
        assert "--require-hashes --no-deps" in text
        assert "requirements-run.lock" in text
