"""``SignatureChecker``: checks signatures on commits and tags with git, gpg and ssh-keygen.

These programs see only the keys in the ``--verify`` file: gpg gets a separate home directory, and
git gets its settings in environment variables, which override every configuration file. Therefore,
neither the repository nor the user's own keys can cause a signature to be accepted.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.source.git import git_environment
from reconciler.source.trust.openpgp_keyring import create_keyring, gpg_environment
from reconciler.source.trust.openpgp_status import judge_openpgp
from reconciler.source.trust.signature_verdict import (
    SignatureVerdict,
    rejected,
)
from reconciler.source.trust.ssh_result import judge_ssh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.ports import Clock
    from reconciler.source.git.repository import Repository
    from reconciler.source.trust.verification_file import Verification

_HEADERS = ("gpgsig ", "gpgsig-sha256 ")
_OPENPGP = "-----BEGIN PGP SIGNATURE-----"
_SSH = "-----BEGIN SSH SIGNATURE-----"
_OTHER = "-----BEGIN "
_NO_PROGRAM = "/bin/false"
_MAX_BYTES = 500_000
"""The maximum size in bytes of a commit or tag object (without files) to check."""
_TOO_LARGE = rejected(
    RefusalReason.UNSUPPORTED, f"its message is larger than {_MAX_BYTES:,} bytes"
)


class SignatureChecker:
    """Checks signatures in one repository against the trusted keys in one ``--verify`` file."""

    def __init__(
        self, repository: Repository, verification: Verification, folder: Path, clock: Clock
    ) -> None:
        """Find the programs that check signatures, and write the trusted keys to *folder*.

        Raises:
            SourceError: gpg or ssh-keygen is missing, but the ``--verify`` file has keys for it.
            UsageError: A trusted key cannot be read.
        """
        self.required = verification.required
        self._repository = repository
        self._clock = clock
        self._signers = verification.ssh_signers
        self._allowed = folder / "allowed_signers"
        self._revoked = folder / "revoked_keys"
        self._gnupg = folder / "gnupg"
        self._gnupg.mkdir(mode=0o700)
        self._fingerprints: frozenset[str] = frozenset()
        if verification.openpgp_keys:
            self._fingerprints = create_keyring(
                self._gnupg, verification.openpgp_keys, verification.path
            )
        if self._signers and shutil.which("ssh-keygen") is None:
            raise SourceError(
                "ssh-keygen is not installed, but the --verify file has SSH keys",
                hint="install the OpenSSH client (Debian: apt-get install openssh-client)",
            )
        self._revoked.write_bytes(verification.revoked_ssh_keys)

    def commit(self, commit: str) -> SignatureVerdict:
        """Check the signature on a commit; return whether it is accepted and, if not, why."""
        contents = self._contents("commit", commit)
        if contents is None:
            return _TOO_LARGE
        headers = contents.partition("\n\n")[0].split("\n")
        signatures = [line for line in headers if line.startswith(_HEADERS)]
        armor = [line.partition(" ")[2] for line in signatures]
        return self._verdict("verify-commit", commit, armor)

    def tag(self, name: str, commit: str = "") -> SignatureVerdict:
        """Check the signature on an annotated tag and, if *commit* is given, the tagged commit."""
        reference = f"refs/tags/{name.removeprefix('refs/').removeprefix('tags/')}"
        found = self._repository.run("rev-parse", "--verify", "--end-of-options", reference)
        tag = found.stdout.decode().strip()
        if found.status or self._kind(tag) != "tag":
            return rejected(RefusalReason.UNSIGNED, f"{name} is not an annotated tag")
        tagged = self._repository.run("rev-parse", "--verify", f"{tag}^{{commit}}").stdout
        if commit and tagged.decode().strip() != commit:
            return rejected(RefusalReason.BAD, f"the tag {name} refers to another commit")
        contents = self._contents("tag", tag)
        if contents is None:
            return _TOO_LARGE
        head, _, message = contents.partition("\n\n")
        # A signed tag can be stored under the name of another tag, for example of a newer release.
        if f"tag {reference.removeprefix('refs/tags/')}" not in head.split("\n"):
            return rejected(
                RefusalReason.BAD,
                f"the tag object that is stored as {name} contains another tag name",
            )
        lines = message.split("\n")
        armor = [each for each in lines if each in {_OPENPGP, _SSH}]
        return self._verdict("verify-tag", tag, armor)

    def _kind(self, name: str) -> str:
        return self._repository.run("cat-file", "-t", name).stdout.decode().strip()

    def _contents(self, kind: str, name: str) -> str | None:
        """Return the contents of a commit or tag object, or None if it is too large to check."""
        size = self._repository.run("cat-file", "-s", name).stdout.strip()
        if size.isdigit() and int(size) > _MAX_BYTES:
            return None
        output = self._repository.run("cat-file", kind, name)
        if output.status:
            raise SourceError(f"the {kind} {name} cannot be read: {output.reason}")
        return output.stdout.decode("utf-8", "surrogateescape")

    def _verdict(self, command: str, name: str, armor: list[str]) -> SignatureVerdict:
        if not armor:
            return rejected(RefusalReason.UNSIGNED, "it is not signed")
        if len(armor) != 1 or armor[0] not in {_OPENPGP, _SSH}:
            return rejected(
                RefusalReason.UNSUPPORTED,
                "it has several signatures, or a signature that is neither OpenPGP nor SSH",
            )
        return self._openpgp(command, name) if armor[0] == _OPENPGP else self._ssh(command, name)

    def _openpgp(self, command: str, name: str) -> SignatureVerdict:
        if not self._fingerprints:
            return rejected(
                RefusalReason.UNKNOWN_SIGNER,
                "it is signed with an OpenPGP key, but the --verify file trusts no OpenPGP key",
            )
        status, output = self._run(command, name)
        verdict = judge_openpgp(output, self._fingerprints)
        if verdict.accepted and status:
            return rejected(RefusalReason.BAD, "git does not accept its signature")
        return verdict

    def _ssh(self, command: str, name: str) -> SignatureVerdict:
        if not self._signers:
            return rejected(
                RefusalReason.UNKNOWN_SIGNER,
                "it is signed with an SSH key, but the --verify file trusts no SSH key",
            )
        # ssh-keygen compares the validity with the time in the commit, which its author chooses.
        now = self._clock.now()
        current = [each.line for each in self._signers if each.valid_at(now)]
        verdict = self._ssh_among(command, name, current)
        if verdict.accepted:
            return verdict
        among_all = self._ssh_among(command, name, [each.line for each in self._signers])
        if among_all.accepted:
            return rejected(
                RefusalReason.EXPIRED,
                f"it is signed by {among_all.signer}, whose key is not valid now",
            )
        if not self._revoked.stat().st_size:
            return among_all
        unrevoked = self._ssh_among(
            command, name, [each.line for each in self._signers], revocation=False
        )
        if unrevoked.accepted:
            return rejected(
                RefusalReason.REVOKED,
                f"it is signed by {unrevoked.signer}, whose key is revoked",
            )
        return unrevoked

    def _ssh_among(
        self, command: str, name: str, lines: list[str], *, revocation: bool = True
    ) -> SignatureVerdict:
        """Check an SSH signature; *lines* are the lines of the allowed signers file."""
        self._allowed.write_text("".join(f"{line}\n" for line in lines))
        return judge_ssh(*self._run(command, name, revocation=revocation))

    def _run(self, command: str, name: str, *, revocation: bool = True) -> tuple[int, str]:
        """Let git check a signature, and return git's exit code and output."""
        settings = {
            "gpg.program": "gpg",
            "gpg.openpgp.program": "gpg",
            "gpg.x509.program": _NO_PROGRAM,
            "gpg.ssh.program": "ssh-keygen",
            "gpg.ssh.allowedSignersFile": str(self._allowed),
            "gpg.ssh.revocationFile": str(self._revoked) if revocation else "",
            "gpg.minTrustLevel": "undefined",
        }
        output = self._repository.run(
            command,
            "--raw",
            name,
            environment={
                **git_environment.configured(settings),
                **gpg_environment(self._gnupg),
            },
        )
        return output.status, output.stdout.decode("utf-8", "replace") + output.stderr


@contextmanager
def signature_checker(
    repository: Repository, verification: Verification, clock: Clock
) -> Iterator[SignatureChecker]:
    """Yield a ``SignatureChecker``, and delete its copies of the trusted keys afterwards.

    Raises:
        SourceError: gpg or ssh-keygen is missing, but *verification* has keys for this program.
        UsageError: A trusted key cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        yield SignatureChecker(repository, verification, Path(folder), clock)
