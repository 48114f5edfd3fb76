"""``SecretFolder``: reads webhook secrets from a directory, and reloads changed files.

The option ``--hook-secrets`` sets the directory, which has one file for each kind of sender, such
as ``github``. Each line of a file is one secret, so that a new secret can be added before the old
one is removed. A mounted Kubernetes Secret has this form; to update a Secret, Kubernetes replaces
all files at once, by changing the target of a symbolic link.
"""

from __future__ import annotations

import logging
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler import input_files
from reconciler.errors import UsageError
from reconciler.model.quoting import quoted
from reconciler.serve.hooks.push_event import Scheme
from reconciler.serve.hooks.signatures import KEY_PREFIX, standard_key

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.ports import Clock

log = logging.getLogger(__name__)

CHECK_S = 1.0
"""The minimum time in seconds between two checks for changes to a secret file."""
MAX_SECRETS = 16
_MAX_BYTES = 16 * 1024
_SHORT = 16
"""The number of characters below which a secret is easy to guess, so that a warning is logged."""
_READABLE_BY_ALL = stat.S_IROTH
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The webhook secrets of one kind of sender; secrets are never printed."""

    texts: tuple[bytes, ...] = field(default=(), repr=False)
    """Secrets that are used unchanged, as an HMAC key or as a token."""
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    """The keys of Standard Webhooks, decoded from base64."""

    def __bool__(self) -> bool:
        return bool(self.texts or self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    checked_at: float
    version: tuple[int, ...] | None
    """A value that changes when the secret file changes, or None if the file does not exist."""
    secrets: Secrets


class SecretFolder:
    """The webhook secrets of all schemes; used by one thread."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Check the directory, and read the webhook secrets of all schemes.

        Raises:
            UsageError: The directory or a file in it cannot be used.
        """
        self._folder, self._clock = folder, clock
        try:
            names = sorted(each.name for each in folder.iterdir() if each.name[0] != ".")
        except OSError as error:
            raise UsageError(
                f"cannot read the --hook-secrets directory {folder}: {error.strerror}",
                hint="create the directory, or mount a Secret there",
            ) from error
        unknown = [each for each in names if each not in set(Scheme)]
        if unknown:
            raise UsageError(
                f"the --hook-secrets directory contains the unexpected file {folder / unknown[0]}",
                hint=f"name each file after its kind of webhook: {', '.join(Scheme)}",
            )
        self._known = {each: self._read(each, strict=True) for each in Scheme}
        if not any(each.secrets for each in self._known.values()):
            log.warning(
                "the --hook-secrets directory %s contains no secret, so all webhook requests are "
                "rejected",
                folder,
            )

    def secrets(self, scheme: Scheme) -> Secrets:
        """Return the secrets of a kind of sender, or none if the file is missing or unusable."""
        known = self._known[scheme]
        now = self._clock.monotonic()
        if now - known.checked_at >= CHECK_S:
            known = self._known[scheme] = self._newer(scheme, known)
        return known.secrets

    def _newer(self, scheme: Scheme, known: _Known) -> _Known:
        """Return the current webhook secrets; read the secret file only if it has changed."""
        version = self._version(scheme)
        now = self._clock.monotonic()
        if version == known.version:
            return _Known(checked_at=now, version=version, secrets=known.secrets)
        newer = self._read(scheme, strict=False)
        if newer.secrets != known.secrets:
            log.info(
                "the secrets for %s webhooks have changed; number of secrets now: %d",
                scheme,
                len(newer.secrets.texts) or len(newer.secrets.keys),
            )
        return newer

    def _version(self, scheme: Scheme) -> tuple[int, ...] | None:
        try:
            found = (self._folder / scheme).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode

    def _read(self, scheme: Scheme, *, strict: bool) -> _Known:
        """Read the secret file of a scheme.

        An unusable file yields no secrets. Previously read secrets are not kept, because they
        might have been removed after a leak.
        """
        now, version, secrets = self._clock.monotonic(), self._version(scheme), Secrets()
        path = self._folder / scheme
        if version is not None:
            try:
                data = input_files.read_inside(self._folder, path, _MAX_BYTES + 1)
                secrets = _secrets(scheme, path, data)
                _warn_of_others(path)
            except OSError as error:
                problem = UsageError(
                    f"cannot read the webhook secret {path}: {error.strerror or error}",
                    hint="give the user that runs this process read permission (for a mounted "
                    "Secret, set defaultMode or fsGroup)",
                )
                _report(problem, strict=strict)
            except UsageError as problem:
                _report(problem, strict=strict)
        return _Known(checked_at=now, version=version, secrets=secrets)


def _report(problem: UsageError, *, strict: bool) -> None:
    if strict:
        raise problem
    log.error("%s; webhook requests of this kind are rejected. Hint: %s", problem, problem.hint)


def _secrets(scheme: Scheme, path: Path, data: bytes | None) -> Secrets:
    """Parse a file with one secret per line; whitespace around a secret is ignored.

    Raises:
        UsageError: The file contains no usable secret, or too many bytes.
    """
    if data is None:
        raise UsageError(
            f"the webhook secret {path} is a symbolic link to a file outside its directory",
            hint="copy the file itself into the --hook-secrets directory",
        )
    try:
        lines = [each.strip() for each in data.decode().split("\n")]
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the webhook secret {path} is not UTF-8 text", hint="write one secret per line"
        ) from error
    found = [each for each in lines if each]
    if not found or len(found) > MAX_SECRETS or len(data) > _MAX_BYTES:
        raise UsageError(
            f"the webhook secret file {path} has {len(found)} secrets, but must have 1 to "
            f"{MAX_SECRETS} secrets in at most {_MAX_BYTES:,} bytes",
            hint="write one secret per line",
        )
    if any(len(each) < _SHORT for each in found):
        log.warning(
            "%s contains a secret with fewer than %d characters, which attackers might guess; "
            "use a longer secret",
            path,
            _SHORT,
        )
    if scheme is Scheme.STANDARD:
        return Secrets(keys=tuple(_key(path, number, each) for number, each in enumerate(found)))
    if scheme is Scheme.GITLAB:
        signing = [each for each in found if each.startswith(KEY_PREFIX)]
        return Secrets(
            texts=tuple(each.encode() for each in found if each not in signing),
            keys=tuple(_key(path, number, each) for number, each in enumerate(signing)),
        )
    return Secrets(texts=tuple(each.encode() for each in found))


def _key(path: Path, number: int, secret: str) -> bytes:
    key = standard_key(secret)
    if key is None:
        raise UsageError(
            f"secret {number + 1} in {path} is not base64",
            hint=f"copy the whole secret, including its prefix {quoted(KEY_PREFIX)}",
        )
    return key


def _warn_of_others(path: Path) -> None:
    """Log a warning if other users of the machine can read or write a secret file."""
    mode = path.stat().st_mode
    if mode & (_READABLE_BY_ALL | _WRITABLE_BY_OTHERS):
        log.warning(
            "other users can read or write the webhook secret %s, because its mode is %04o; run "
            "chmod 0400, or set defaultMode: 0440 for a mounted Secret",
            path,
            stat.S_IMODE(mode),
        )
