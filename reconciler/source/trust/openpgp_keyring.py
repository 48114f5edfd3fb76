"""``create_keyring``: creates a gpg home directory that contains only the trusted keys."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from reconciler.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_CONFIGURATION = """\
no-auto-key-retrieve
auto-key-locate local
no-autostart
trust-model always
weak-digest SHA1
weak-digest RIPEMD160
"""
"""Settings for gpg: use only local keys, trust all of them, and do not start other programs."""
_LIMIT_S = 30.0
_DSA = "17"
_RSA = frozenset({"1", "2", "3"})
_LEAST_RSA_BITS = 2048
_VALIDITY, _LENGTH, _ALGORITHM, _KEY_ID, _FINGERPRINT, _CAPABILITIES = 1, 2, 3, 4, 9, 11
_UNUSABLE = frozenset("red")
"""gpg's codes for revoked, expired and disabled keys, whose signatures are not accepted."""


def create_keyring(folder: Path, keys: Sequence[bytes], shown: Path) -> frozenset[str]:
    """Import keys into an empty directory, and return the fingerprints of the primary keys.

    Args:
        folder: The directory that gpg uses as ``GNUPGHOME``; only this user can read it.
        keys: Public keys in ASCII armor or in binary form.
        shown: The path of the ``--verify`` file, for messages.

    Raises:
        UsageError: A key cannot be read, or is a weak key that can create signatures.
        SourceError: gpg is missing or fails.
    """
    (folder / "gpg.conf").write_text(_CONFIGURATION)
    for each in keys:
        imported = _gpg(folder, ("--import",), each)
        if "[GNUPG:] IMPORT_OK " not in imported.stdout.decode("utf-8", "replace"):
            raise UsageError(
                f"--verify {shown}: gpg finds no OpenPGP public key in openpgp.keys or in the "
                "openpgp.keyFiles files",
                hint="export the key with `gpg --export --armor FINGERPRINT`",
            )
    listed = _gpg(folder, ("--with-colons", "--list-keys"), b"").stdout.decode("utf-8", "replace")
    return frozenset(_fingerprints(listed, shown))


def require_gpg() -> str:
    """Return the path of the program gpg.

    Raises:
        SourceError: gpg is not installed.
    """
    found = shutil.which("gpg")
    if found is None:
        raise SourceError(
            "gpg is not installed, but the --verify file has OpenPGP keys",
            hint="install gnupg (Debian: apt-get install gpg), or set PATH",
        )
    return found


def gpg_environment(folder: Path) -> dict[str, str]:
    """Return environment variables that make gpg use only the keys in the given directory."""
    return {"GNUPGHOME": str(folder), "GPG_TTY": ""}


def _gpg(
    folder: Path, arguments: tuple[str, ...], data: bytes
) -> subprocess.CompletedProcess[bytes]:
    command = (require_gpg(), "--batch", "--no-tty", "--status-fd=1", *arguments)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603 - no shell; the arguments are constants
            command,
            input=data,
            capture_output=True,
            env={**environment, **gpg_environment(folder)},
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"gpg cannot read the trusted keys: {error}") from error


def _fingerprints(listed: str, shown: Path) -> Iterator[str]:
    """Yield the fingerprint of each primary key that gpg lists, and reject weak keys.

    A weak key is allowed only if no signature by it is accepted: revoked and expired keys, and
    subkeys for encryption or authentication. A primary key must not be weak, because it can add
    subkeys for signatures.

    Source: GnuPG 2.2 doc/DETAILS, "Format of the colon listings".
    """
    is_primary = False
    for line in listed.splitlines():
        kind, *_ = fields = line.split(":")
        if kind in {"pub", "sub"}:
            is_primary = kind == "pub"
            can_sign = is_primary or "s" in fields[_CAPABILITIES]
            if not can_sign or fields[_VALIDITY] in _UNUSABLE:
                continue
            weak_rsa = fields[_ALGORITHM] in _RSA and int(fields[_LENGTH]) < _LEAST_RSA_BITS
            if weak_rsa or fields[_ALGORITHM] == _DSA:
                what = "a DSA key" if fields[_ALGORITHM] == _DSA else f"RSA-{fields[_LENGTH]}"
                raise UsageError(
                    f"--verify {shown}: the OpenPGP key {fields[_KEY_ID]} is not secure: it is "
                    f"{what}",
                    hint=f"use an Ed25519 key, or an RSA key with at least {_LEAST_RSA_BITS} bits",
                )
        elif kind == "fpr" and is_primary:
            is_primary = False
            yield fields[_FINGERPRINT]
