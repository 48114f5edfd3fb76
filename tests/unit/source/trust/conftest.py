"""Fixtures with keys that sign commits and tags, and with a signature check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from support.fake_ports import FakeClock
from support.signing.signatures import PAST, OpenPGPKeys, SSHKeys, gpg_home

from reconciler.source.git.repository import Repository
from reconciler.source.trust.repository_places import RepositoryPlaces
from reconciler.source.trust.signature_checker import signature_checker
from reconciler.source.trust.verification_file import read_verification


@dataclass(frozen=True)
class Gpg:
    """OpenPGP keys of several users."""

    keys: OpenPGPKeys
    alice: str
    other: str
    old: str
    """A key that was valid in 2020 only."""
    revoked: str
    expiring: str
    """A key from 2020 that never expires."""


@dataclass(frozen=True)
class Ssh:
    """SSH keys of several users."""

    keys: SSHKeys
    alice: Path
    other: Path
    rsa: Path


@pytest.fixture(scope="session")
def gpg():
    with gpg_home() as keys:
        yield Gpg(
            keys,
            alice=keys.create("alice"),
            other=keys.create("other"),
            old=keys.create("old", at=PAST.replace("0601", "0101"), expire="1y"),
            revoked=keys.create("revoked"),
            expiring=keys.create("expiring", at=PAST.replace("0601", "0101")),
        )


@pytest.fixture(scope="session")
def ssh(tmp_path_factory):
    keys = SSHKeys(tmp_path_factory.mktemp("ssh"))
    alice, other = keys.create("alice"), keys.create("other")
    return Ssh(keys, alice, other, rsa=keys.create("rsa", "-t", "rsa", "-b", "2048"))


class Signed:
    """A repository with signed commits and tags, which are checked against a --verify file."""

    def __init__(self, repo, mount: Path) -> None:
        self.repo = repo
        self.mount = mount
        mount.mkdir()

    def commit(self, *settings: str) -> str:
        """Create a commit with the git options *settings*, and sign it if options are given."""
        sign = ("--gpg-sign",) if settings else ()
        words = ("commit", "--quiet", "--allow-empty", "--message=change", *sign)
        self.repo.git(*settings, *words)
        return self.repo.git("rev-parse", "HEAD")

    def tag(self, name: str, *settings: str, message: str = "release") -> str:
        """Create a tag with the git options *settings*, and sign it if options are given."""
        kind = "--sign" if settings else "--annotate"
        self.repo.git(*settings, "tag", kind, "--message", message, name)
        return name

    def changed(self, kind: str, name: str, before: str, after: str) -> str:
        """Store a copy of a commit or tag with a changed text, and return its hash."""
        text = self.repo.git("cat-file", kind, name)
        assert before in text
        self.repo.write({"changed": text.replace(before, after, 1) + "\n"})
        return self.repo.git("hash-object", "-t", kind, "-w", "changed")

    def verification(self, document: str) -> Path:
        """Write the --verify file, and return its path."""
        path = self.mount / "verify.yaml"
        head = "apiVersion: reconciler/v1alpha1\nkind: Verification\n"
        path.write_text(head + document)
        return path

    def verdict(self, kind: str, name: str, document: str, *, commit="", clock=None):
        """Check the signature of a commit or a tag."""
        with Repository.open(self.repo.path) as repository:
            verification = read_verification(
                self.verification(document),
                RepositoryPlaces.of(str(repository.root), repository.root),
            )
            with signature_checker(repository, verification, clock or FakeClock()) as checker:
                return checker.commit(name) if kind == "commit" else checker.tag(name, commit)


@pytest.fixture
def signed(git_repo, tmp_path):
    return Signed(git_repo, tmp_path / "mount")
