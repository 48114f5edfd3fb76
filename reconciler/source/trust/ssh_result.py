"""``judge_ssh``: decides from git's and ssh-keygen's output whether an SSH signature is accepted.

A signature is accepted only if the exit code is 0 and exactly one line contains the name of a
signer (principal). Other messages only explain why a signature is not accepted.
"""

from __future__ import annotations

import re

from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.source.trust.signature_verdict import (
    SignatureVerdict,
    rejected,
)

_GOOD = re.compile(
    r'Good "git" signature for (?P<principal>.+) with (?P<kind>[A-Z0-9-]+) key '
    r"(?P<key>SHA256:[A-Za-z0-9+/]{43})"
)
_KEY = re.compile(r'Good "git" signature with [A-Z0-9-]+ key (SHA256:[A-Za-z0-9+/]{43})')
_CAUSES = (
    ("key has expired", RefusalReason.EXPIRED, "it is signed with {key}, which has expired"),
    (
        "key is not yet valid",
        RefusalReason.EXPIRED,
        "it is signed with {key}, which is not valid yet",
    ),
    (
        'use in signature namespace "git"',
        RefusalReason.WRONG_NAMESPACE,
        "it is signed with {key}, which is not allowed for the signature namespace git",
    ),
    (
        "namespace does not match",
        RefusalReason.WRONG_NAMESPACE,
        "its SSH signature has a signature namespace other than git",
    ),
)
"""Parts of ssh-keygen's messages, each with the reason why the signature is not accepted.

Source: OpenSSH 9.2 sshsig.c, check_allowed_keys_line and sshsig_verifyb.
"""


def judge_ssh(status: int, output: str) -> SignatureVerdict:
    """Decide from the exit code and the output of git whether a signature is accepted."""
    lines = [line.rstrip() for line in output.split("\n")]
    good = [match for match in map(_GOOD.fullmatch, lines) if match]
    if status == 0 and len(good) == 1:
        (found,) = good
        return SignatureVerdict(signer=f"{found['principal']} (SSH key {found['key']})")
    known = next((match[1] for match in map(_KEY.fullmatch, lines) if match), "")
    key = f"the SSH key {known}" if known else "an SSH key"
    for text, problem, message in _CAUSES:
        if text in output:
            return rejected(problem, message.format(key=key))
    if known:
        return rejected(
            RefusalReason.UNKNOWN_SIGNER,
            f"it is signed with {key}, which is not among the allowed signers",
        )
    return rejected(RefusalReason.BAD, "its SSH signature does not match its contents")
