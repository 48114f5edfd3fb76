"""Fixtures for tests against real Git servers on this machine."""

from __future__ import annotations

import random
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.git_servers.certificates import Authority
from support.git_servers.leaks import Leaks
from support.served import Command, Ended, Git, plain_environment
from support.simulated import vm_yaml
from support.tools.installed import tool


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in ("all_proxy", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def _apart(monkeypatch, tmp_path):
    """Isolate each test from the settings of this machine, and set its temporary directory."""
    plain_environment(monkeypatch)
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@dataclass(frozen=True, slots=True)
class Served:
    """A bare repository with one manifest, and the directory that a Git server serves."""

    work: Git
    root: Path

    @property
    def path(self) -> Path:
        return self.root / "fleet.git"

    def commit(self, **files: str) -> str:
        """Commit *files*, push the commit, and return its hash."""
        commit = self.work.commit(files or {"vm.yaml": vm_yaml("default", "vm", "2Gi")})
        self.work("push", "--quiet", "--force", str(self.path), "HEAD:main")
        return commit


@pytest.fixture
def served(tmp_path) -> Served:
    root = tmp_path / "served"
    subprocess.run(
        [
            "git",
            "init",
            "--quiet",
            "--bare",
            "--template=",
            "--initial-branch=main",
            root / "fleet.git",
        ],
        check=True,
    )
    found = Served(Git(tmp_path / "work"), root)
    found.commit()
    return found


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    return Authority.create(str(tool("openssl")), tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


_FILES = {"ca_crt": "ca.crt", "tls_crt": "tls.crt", "tls_key": "tls.key"}
"""Maps Python identifiers to the file names that are not valid identifiers."""


@pytest.fixture
def credentials(tmp_path):
    """Returns a function that creates a credentials directory with one file per key."""

    def write(**files: str) -> Path:
        folder = tmp_path / "credentials"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            path = folder / _FILES.get(name, name)
            path.touch(mode=0o600)
            path.write_text(text)
        return folder

    return write


@pytest.fixture
def secret(tmp_path) -> str:
    """Returns a password that occurs nowhere else on this machine."""
    return f"s3cret-{tmp_path.parent.name}-{tmp_path.name}"


@pytest.fixture
def leaks(tmp_path, secret) -> Leaks:
    return Leaks(tmp_path / "tmp", secret)


@pytest.fixture
def validate(capsys, leaks, secret, monkeypatch):
    """Returns a function that reads a repository with the command ``validate``."""

    def run(url: str, folder: Path | None = None) -> Ended:
        monkeypatch.setenv("RECONCILER_REPO", url)
        more = ["--git-credentials", folder] if folder else []
        ended = Command(capsys)("validate", "-vv", *more)
        assert secret not in ended.out + ended.err
        assert leaks.found == set()
        return ended

    return run


@pytest.fixture
def noise() -> str:
    """A text of 300 kB that cannot be compressed to less than 150 kB."""
    return random.Random(1).randbytes(150_000).hex()
