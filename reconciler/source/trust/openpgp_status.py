"""``judge_openpgp``: decides from gpg's status lines whether a signature is accepted.

A signature is accepted only if gpg reports exactly one good and valid signature by one of the
trusted keys, and no problem. An unknown status line never causes a signature to be accepted.

Source: GnuPG 2.2 doc/DETAILS, "Format of the --status-fd output".
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.source.trust.signature_verdict import (
    SignatureVerdict,
    rejected,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_PREFIX = "[GNUPG:] "
_RESULTS = ("GOODSIG", "BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG")
"""The keywords of the status lines with a result; gpg prints one such line for each signature."""
_TRUSTED = frozenset({"TRUST_FULLY", "TRUST_ULTIMATE"})
_VALID_FIELDS = 10
_HASH_FIELD, _PRIMARY_FIELD = 7, 9
_WEAK_HASHES: Mapping[str, str] = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160"}
"""The hash algorithms with known attacks, by OpenPGP number (RFC 9580 section 9.5)."""
_NO_KEY = "9"
"""The reason code for a missing public key in gpg's status line ERRSIG."""
_PROBLEMS: Mapping[str, tuple[RefusalReason, str]] = {
    "BADSIG": (RefusalReason.BAD, "its signature by {key} does not match its contents"),
    "ERRSIG": (
        RefusalReason.UNKNOWN_SIGNER,
        "it is signed with {key}, which is not a trusted key",
    ),
    "EXPSIG": (RefusalReason.EXPIRED, "its signature by {key} has expired"),
    "EXPKEYSIG": (RefusalReason.EXPIRED, "it is signed with {key}, which has expired"),
    "REVKEYSIG": (RefusalReason.REVOKED, "it is signed with {key}, which is revoked"),
}
"""Maps keywords of gpg's status lines to the reason for the rejection, and to a message."""


def judge_openpgp(output: str, trusted: Collection[str]) -> SignatureVerdict:
    """Decide from gpg's output whether a signature is accepted, and if not, why.

    Args:
        output: The output of ``git verify-commit --raw`` or ``git verify-tag --raw``.
        trusted: The fingerprints of the trusted primary keys.
    """
    lines = _lines(output)
    results = [(name, fields) for name in _RESULTS for fields in lines.get(name, ())]
    if len(results) != 1 or len(lines.get("NEWSIG", ())) > 1:
        if not results:
            return rejected(RefusalReason.BAD, "gpg cannot read its signature")
        return rejected(
            RefusalReason.UNSUPPORTED,
            f"gpg reports {len(results)} signatures, but exactly one is expected",
        )
    name, fields = results[0]
    problem = _problem(name, fields)
    if problem is not None:
        return problem
    return _valid(lines, fields, trusted)


def _problem(name: str, fields: Sequence[str]) -> SignatureVerdict | None:
    """Return why a gpg status line causes the rejection of a signature, or None for GOODSIG."""
    key = f"the OpenPGP key {fields[0] if fields else '?'}"
    if name == "ERRSIG" and (weak := _WEAK_HASHES.get("".join(fields[2:3]))):
        return rejected(RefusalReason.WEAK, _weak(key, weak))
    if name == "ERRSIG" and fields[5:6] != [_NO_KEY]:
        return rejected(RefusalReason.BAD, f"its signature by {key} cannot be checked")
    if name not in _PROBLEMS:
        return None
    problem, message = _PROBLEMS[name]
    return rejected(problem, message.format(key=key))


def _valid(
    lines: Mapping[str, list[list[str]]], good: Sequence[str], trusted: Collection[str]
) -> SignatureVerdict:
    """Accept a good signature only if its key is trusted and its hash algorithm is strong."""
    valid = lines.get("VALIDSIG", [])
    if len(valid) != 1 or len(valid[0]) < _VALID_FIELDS or not good:
        return rejected(RefusalReason.BAD, "gpg does not report that its signature is valid")
    (fields,) = valid
    primary = fields[_PRIMARY_FIELD]
    levels = {name for name in lines if name.startswith("TRUST_")}
    if primary not in trusted or levels - _TRUSTED:
        return rejected(
            RefusalReason.UNKNOWN_SIGNER,
            f"it is signed with the OpenPGP key {primary}, which is not a trusted key",
        )
    if weak := _WEAK_HASHES.get(fields[_HASH_FIELD]):
        return rejected(RefusalReason.WEAK, _weak(f"the OpenPGP key {primary}", weak))
    name = " ".join(good[1:]) or "an unnamed user"
    return SignatureVerdict(signer=f"{name} (OpenPGP key {primary})")


def _weak(key: str, algorithm: str) -> str:
    return f"its signature by {key} uses {algorithm}, which is not secure"


def _lines(output: str) -> dict[str, list[list[str]]]:
    """Map the keyword of each gpg status line to the fields that follow the keyword."""
    found = defaultdict(list)
    for line in output.split("\n"):
        if line.startswith(_PREFIX):
            name, *fields = line.removeprefix(_PREFIX).split(" ")
            found[name].append(fields)
    return found
