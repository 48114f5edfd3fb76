"""Creates OpenPGP and SSH keys, and signs Git commits and tags with them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from support.tools.installed import tool

if TYPE_CHECKING:
    from collections.abc import Iterator

PAST = "20200601T000000"
"""A past date on which some test keys and signatures were valid."""


def run(*command: object, stdin: bytes = b"") -> bytes:
    """Run a program and return its output."""
    done = subprocess.run(
        [str(each) for each in command], input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class OpenPGPKeys:
    """A gpg home directory with secret keys for tests only."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def _gpg(self, *arguments: object, stdin: bytes = b"") -> bytes:
        options = ("--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", "")
        return run(tool("gpg"), "--homedir", self.home, *options, *arguments, stdin=stdin)

    def create(
        self, name: str, *, at: str = "", expire: str = "never", algorithm: str = ""
    ) -> str:
        """Create an OpenPGP key, and return its fingerprint."""
        time = ("--faked-system-time", at) if at else ()
        user = f"{name} <{name}@example.com>"
        self._gpg(*time, "--quick-generate-key", user, algorithm or "ed25519", "sign", expire)
        listed = self._gpg("--with-colons", "--list-keys", f"{name}@example.com").decode()
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    def add_subkey(self, fingerprint: str, algorithm: str = "ed25519", use: str = "sign") -> str:
        """Add a subkey to an OpenPGP key, and return the subkey's fingerprint."""
        self._gpg("--quick-add-key", fingerprint, algorithm, use, "never")
        listed = self._gpg("--with-colons", "--list-keys", fingerprint).decode()
        return [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr")][-1]

    def revoke_subkey(self, fingerprint: str) -> None:
        """Revoke the first subkey of an OpenPGP key."""
        answers = b"key 1\nrevkey\ny\n0\n\ny\nsave\n"
        self._gpg("--command-fd=0", "--edit-key", fingerprint, stdin=answers)

    def public(self, *fingerprints: str) -> str:
        """Return public keys in ASCII armor."""
        return self._gpg("--armor", "--export", *fingerprints).decode()

    def secret(self, fingerprint: str) -> str:
        """Return a secret key in ASCII armor."""
        return self._gpg("--armor", "--export-secret-keys", fingerprint).decode()

    def revoked(self, fingerprint: str) -> str:
        """Return the public key with its revocation, without changing this key ring."""
        certificate = (self.home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text()
        with gpg_home() as other:
            for text in (self.public(fingerprint), certificate.replace("\n:---", "\n---")):
                other._gpg("--import", stdin=text.encode())
            return other.public(fingerprint)

    def settings(self, fingerprint: str, *options: str) -> tuple[str, ...]:
        """Return the Git options to sign with an OpenPGP key; *options* are passed to gpg."""
        program = self.home / f"gpg-{len(list(self.home.glob('gpg-*')))}"
        words = " ".join(options)
        program.write_text(
            f"#!/bin/sh\nexec gpg --homedir '{self.home}' --batch --pinentry-mode loopback "
            f"--passphrase '' {words} \"$@\"\n"
        )
        program.chmod(0o700)
        return (
            *("-c", "gpg.format=openpgp", "-c", f"gpg.program={program}"),
            *("-c", f"user.signingkey={fingerprint}!"),
        )


@contextmanager
def gpg_home() -> Iterator[OpenPGPKeys]:
    """Create an empty gpg home directory; its path is short, because gpg's agent requires that."""
    home = Path(tempfile.mkdtemp(prefix="gpg"))
    try:
        yield OpenPGPKeys(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


class SSHKeys:
    """A directory with SSH keys for tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, name: str, *options: str) -> Path:
        """Create an SSH key, and return the path of its private key."""
        path = self._folder / name
        kind = options or ("-t", "ed25519")
        run(tool("ssh-keygen"), "-q", *kind, "-N", "", "-C", name, "-f", path)
        return path

    def public(self, key: Path) -> str:
        """Return the key type and the public key of an SSH key, without the comment."""
        return " ".join(Path(f"{key}.pub").read_text().split()[:2])

    def revocation_list(self, key: Path) -> Path:
        """Return the path of an SSH key revocation list that contains one key."""
        path = Path(f"{key}.krl")
        run(tool("ssh-keygen"), "-q", "-k", "-f", path, f"{key}.pub")
        return path

    def settings(self, key: Path) -> tuple[str, ...]:
        """Return the Git options to sign with an SSH key."""
        return ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}.pub")

    def signed(self, key: Path, file: Path, *, namespace: str) -> str:
        """Return the SSH signature of a file for a namespace."""
        run(tool("ssh-keygen"), "-q", "-Y", "sign", "-n", namespace, "-f", key, file)
        return Path(f"{file}.sig").read_text()

    def certified(self, key: Path, *, authority: Path, principal: str) -> Path:
        """Return the path of an SSH certificate for a key."""
        run(tool("ssh-keygen"), "-q", "-s", authority, "-I", "test", "-n", principal, f"{key}.pub")
        return Path(f"{key}-cert.pub")
