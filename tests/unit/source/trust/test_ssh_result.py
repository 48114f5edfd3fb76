"""An SSH signature is accepted only with exit code 0 and one line that names a principal."""

from __future__ import annotations

import pytest

from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.source.trust.ssh_result import judge_ssh

KEY = f"SHA256:{'A' * 43}"
GOOD = f'Good "git" signature for alice@example.com with ED25519 key {KEY}'
UNMATCHED = f'Good "git" signature with ED25519 key {KEY}\nNo principal matched.'
BAD, UNKNOWN = RefusalReason.BAD, RefusalReason.UNKNOWN_SIGNER


def test_good_ssh_signature_of_an_allowed_signer_is_accepted():
    verdict = judge_ssh(0, f"{GOOD}\n")
    assert (verdict.problem, verdict.signer) == (None, f"alice@example.com (SSH key {KEY})")


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (1, GOOD, BAD),
        (0, "", BAD),
        (0, f"{GOOD}\n{GOOD}", BAD),
        (0, f"x {GOOD}", BAD),
        (0, f"{GOOD} x", BAD),
        (0, GOOD.replace('"git"', '"file"'), BAD),
        (0, UNMATCHED, UNKNOWN),
        (1, UNMATCHED, UNKNOWN),
        (1, f"{UNMATCHED}\nx:1: key has expired: verify time", RefusalReason.EXPIRED),
        (1, f"{UNMATCHED}\nx:1: key is not yet valid: verify", RefusalReason.EXPIRED),
        (1, "Signature verification failed: incorrect signature", BAD),
        (1, "Couldn't verify signature: namespace does not match", RefusalReason.WRONG_NAMESPACE),
    ],
)
def test_ssh_signature_is_rejected_unless_ssh_keygen_reports_one_good_signature(
    status, text, reason
):
    verdict = judge_ssh(status, text)
    assert (verdict.problem, verdict.signer) == (reason, "")
    assert verdict.message
