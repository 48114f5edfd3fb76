"""Tests that need a missing program or data file are skipped, or fail if it is required."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from support.tools import installed as tools

pytestmark = pytest.mark.skipif(not tools.TABLE.exists(), reason="this is not a checkout")


@pytest.fixture
def nothing_installed(monkeypatch):
    """Make every development tool appear to be missing."""
    (first, *_) = tools._entries().values()
    monkeypatch.setattr(type(first), "find", lambda _: None)
    monkeypatch.delenv(tools.REQUIRE, raising=False)


def test_missing_development_tool_causes_a_skipped_test_that_shows_the_installation_command(
    nothing_installed,
):
    with pytest.raises(pytest.skip.Exception, match="chromium is not installed: apt-get install"):
        tools.tool("chromium")
    with pytest.raises(pytest.skip.Exception, match=r"axe-core is not installed: cd .ci && npm"):
        tools.tool("axe-core")


def test_missing_development_tool_fails_a_test_if_an_environment_variable_requires_the_tool(
    nothing_installed, monkeypatch
):
    monkeypatch.setenv(tools.REQUIRE, "chromium,axe-core")
    with pytest.raises(pytest.fail.Exception, match="RECONCILER_REQUIRE lists axe-core"):
        tools.tool("axe-core")
    with pytest.raises(pytest.skip.Exception):
        tools.tool("sarif-multitool")


def test_each_npm_tool_has_an_exact_version_in_package_json():
    found = json.loads((tools.TABLE.parent / "package.json").read_text(encoding="utf-8"))
    versions = found["devDependencies"] | found["optionalDependencies"]
    assert {each.npm for each in tools._entries().values() if each.npm} == versions.keys()
    assert all(each[0].isdigit() for each in versions.values())


def test_npm_lock_file_matches_package_json(tmp_path):
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(tools.TABLE.parent / name, tmp_path)
    options = ("--dry-run", "--offline", "--ignore-scripts", "--no-audit", "--no-fund")
    # Without a network and a cache, npm can only compare the two files.
    ended = subprocess.run(
        [npm, "ci", *options, "--cache", tmp_path / "cache"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
