"""Fuzz targets: the ``--verify`` file, and what gpg and ssh-keygen print."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

from fuzz.mutation import mutated_bytes, mutated_json
from fuzz.reader import Reader
from fuzz.source_readers import written, yaml_texts
from support.fake_ports import FakeLease

from reconciler.errors import InvalidError, ReconcilerError
from reconciler.model.annotations import COMMIT
from reconciler.model.revision.commit_in_force import CommitInForce
from reconciler.rollout.tracking import commit_record
from reconciler.source.trust.allowed_signers import AllowedSignersError, parse_allowed_signers
from reconciler.source.trust.openpgp_status import judge_openpgp
from reconciler.source.trust.repository_places import RepositoryPlaces
from reconciler.source.trust.ssh_result import judge_ssh
from reconciler.source.trust.verification_file import read_verification

if TYPE_CHECKING:
    from random import Random

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
SIGNERS = f"""\
# comment
alice@example.com namespaces="git,file",valid-after="20260101Z",valid-before="20270101" {KEY} x
"*@example.com,!bob@example.com" cert-authority {KEY}
"""
VERIFICATION = {
    "apiVersion": "reconciler/v1alpha1",
    "kind": "Verification",
    "require": "commit-and-tag",
    "openpgp": {"keys": "-----BEGIN PGP PUBLIC KEY BLOCK-----"},
    "ssh": {"allowedSigners": SIGNERS, "revokedKeys": KEY},
}
FINGERPRINT = "716061FD622F7E06D38D42474764CD5050BDE5DF"
KEY_ID = FINGERPRINT[-16:]
VALID = f"VALIDSIG {FINGERPRINT} 2020-06-01 1590969600 0 4 0 22 8 00 {FINGERPRINT}"
REJECTED = (
    f"[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG {KEY_ID} 22 8 00 1796098309 9 {FINGERPRINT}\n",
    f"[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG {KEY_ID} a\n[GNUPG:] {VALID}\n",
    f"[GNUPG:] BADSIG {KEY_ID} a\n",
    f'Good "git" signature with ED25519 key SHA256:{"A" * 43}\nNo principal matched.\n',
)


def _result(rng: Random) -> bytes:
    return mutated_bytes(rng, rng.choice(REJECTED).encode())


def _judge(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for verdict in (judge_openpgp(text, {FINGERPRINT}), judge_ssh(1, text)):
        if verdict.accepted:
            raise AssertionError(f"{text!r} is accepted")


def _record(data: bytes) -> None:
    """Compare a fuzzed commit from a Lease with a branch that contains every commit."""
    lease, history = FakeLease(), SimpleNamespace(is_fixed=False, contains=lambda _: True)
    lease.kept[COMMIT] = data.decode("utf-8", "replace")
    found = CommitInForce(revision="main", newest="b" * 40, commit="b" * 40)
    with suppress(InvalidError):
        commit_record.require_history([lease], found, history)
    commit_record.record_commit([lease], found, history)


READERS = (
    Reader(
        name="file of --verify",
        make=partial(yaml_texts, documents=(VERIFICATION,)),
        read=lambda data: read_verification(written(data, "verify.yaml"), RepositoryPlaces()),
        errors=(ReconcilerError,),
        weight=10,
    ),
    Reader(
        name="allowed signers",
        make=lambda rng: mutated_bytes(rng, SIGNERS.encode()),
        read=lambda data: parse_allowed_signers(data.decode("utf-8", "replace")),
        errors=(AllowedSignersError,),
    ),
    Reader(
        name="commit in a lease",
        make=lambda rng: mutated_json(rng, {"revision": "main", "commit": "a" * 40}),
        read=_record,
    ),
    Reader(name="result of a signature check", make=_result, read=_judge),
)
