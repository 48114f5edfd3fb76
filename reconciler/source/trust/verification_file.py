"""``Verification``: the trusted keys, and other settings in the ``--verify`` file.

The user mounts this file and the key files to which it refers. These files must not be in the
repository. Otherwise, every user who can write a commit could also choose the trusted keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.errors import UsageError
from reconciler.source.trust.allowed_signers import (
    AllowedSigner,
    AllowedSignersError,
    parse_allowed_signers,
)
from reconciler.source.trust.mounted_file import mistake, read_document, read_mounted

if TYPE_CHECKING:
    from reconciler.source.trust.repository_places import RepositoryPlaces
    from reconciler.source.yaml.nodes import Mark, Node

_FLAG = "--verify"
_PRIVATE = (b"PRIVATE KEY BLOCK", b"OPENSSH PRIVATE KEY", b"RSA PRIVATE KEY", b"BEGIN PRIVATE KEY")


class Required(StrEnum):
    """Whether commits or tags, or both, must have an accepted signature."""

    COMMIT = "commit"
    TAG = "tag"
    COMMIT_AND_TAG = "commit-and-tag"

    @property
    def tag(self) -> bool:
        """Whether the revision must be a tag with an accepted signature."""
        return self is not Required.COMMIT

    @property
    def commit(self) -> bool:
        """Whether the commit must have an accepted signature."""
        return self is not Required.TAG


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The trusted keys, and whether commits or tags must have signatures by them."""

    path: Path
    required: Required = Required.COMMIT
    openpgp_keys: tuple[bytes, ...] = ()
    """OpenPGP public keys, each in ASCII armor or in binary form."""
    ssh_signers: tuple[AllowedSigner, ...] = ()
    revoked_ssh_keys: bytes = b""
    """The revoked SSH keys, as text or as a key revocation list (KRL)."""


def read_verification(path: Path, outside: RepositoryPlaces) -> Verification:
    """Read the ``--verify`` file and the key files to which it refers.

    Args:
        path: The path of the ``--verify`` file.
        outside: The repository; no clone of the repository is allowed to contain these files.

    Raises:
        UsageError: A file cannot be read, is invalid or is in the repository.
    """
    root = read_document(path, outside, flag=_FLAG, schema="verification", hint=_HINT)
    return _Reader(path, root, outside).read()


_HINT = "see verification.schema.json and the page on trust in the documentation"


class _Reader:
    """Reads the keys in the ``--verify`` file and in the key files."""

    def __init__(self, path: Path, root: Node, outside: RepositoryPlaces) -> None:
        self._path, self._root, self._outside = path, root, outside

    def read(self) -> Verification:
        value: dict[str, Any] = self._root.value
        openpgp, ssh = value.get("openpgp") or {}, value.get("ssh") or {}
        keys = [openpgp["keys"].encode()] if "keys" in openpgp else []
        for index, name in enumerate(openpgp.get("keyFiles", ())):
            keys.append(self._file(("openpgp", "keyFiles", index), name))
        result = Verification(
            path=self._path,
            required=Required(value.get("require", Required.COMMIT)),
            openpgp_keys=tuple(map(self._public, keys)),
            ssh_signers=self._signers(ssh),
            revoked_ssh_keys=self._revoked(ssh),
        )
        if not result.openpgp_keys and not result.ssh_signers:
            raise UsageError(f"{_FLAG} {self._path} contains no trusted key", hint=_HINT)
        return result

    def _signers(self, ssh: dict[str, Any]) -> tuple[AllowedSigner, ...]:
        found: list[AllowedSigner] = []
        for key in ("allowedSigners", "allowedSignersFile"):
            if key not in ssh:
                continue
            at = self._root.at(("ssh", key))
            data = ssh[key].encode() if key == "allowedSigners" else self._file(("ssh", key))
            try:
                found.extend(parse_allowed_signers(self._public(data).decode()))
            except AllowedSignersError as error:
                raise _error(
                    self._path, at, f"line {error.row} of the allowed signers: {error}", _HINT
                ) from error
            except UnicodeDecodeError as error:
                raise _error(self._path, at, "the allowed signers are not text") from error
        return tuple(found)

    def _revoked(self, ssh: dict[str, Any]) -> bytes:
        if "revokedKeys" in ssh and "revokedKeysFile" in ssh:
            at = self._root.at(("ssh", "revokedKeysFile"))
            raise _error(self._path, at, "use either revokedKeys or revokedKeysFile, not both")
        if "revokedKeysFile" in ssh:
            return self._file(("ssh", "revokedKeysFile"))
        text: str = ssh.get("revokedKeys", "")
        return text.encode()

    def _file(self, path: tuple[str | int, ...], name: str = "") -> bytes:
        node = self._root.find(path)
        given = name or (str(node.value) if node else "")
        at = self._root.at(path)
        shown = f"{self._path}:{at.line}:{at.column}: the file {given}"
        return read_mounted(self._path.parent / given, self._outside, flag=_FLAG, shown=shown)

    def _public(self, data: bytes) -> bytes:
        if any(each in data for each in _PRIVATE):
            raise UsageError(
                f"{_FLAG} {self._path} contains a private key",
                hint="put only public keys into the file, and replace the private key, "
                "because others might have read it",
            )
        return data


def _error(path: Path, mark: Mark, message: str, hint: str = "") -> UsageError:
    return mistake(_FLAG, path, mark, message, hint)
