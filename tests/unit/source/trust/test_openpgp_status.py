"""An OpenPGP signature is accepted only if gpg reports one good, valid and trusted signature."""

from __future__ import annotations

import pytest

from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.source.trust.openpgp_status import judge_openpgp

KEY = "716061FD622F7E06D38D42474764CD5050BDE5DF"
GOOD = f"GOODSIG {KEY[-16:]} Alice <alice@example.com>"
VALID = f"VALIDSIG {KEY} 2026-12-01 1796098309 0 4 0 22 8 00 {KEY}"
NEW = "NEWSIG alice@example.com"
UNKNOWN, BAD = RefusalReason.UNKNOWN_SIGNER, RefusalReason.BAD
UNSUPPORTED, WEAK = RefusalReason.UNSUPPORTED, RefusalReason.WEAK


def judged(*lines, trusted=frozenset({KEY})):
    return judge_openpgp("".join(f"[GNUPG:] {each}\n" for each in lines), trusted)


@pytest.mark.parametrize(
    "lines",
    [
        (NEW, GOOD, VALID),
        (GOOD, VALID),
        (NEW, GOOD, VALID, "TRUST_ULTIMATE 0 pgp"),
        (NEW, GOOD, VALID, "TRUST_FULLY 0 always", "KEY_CONSIDERED x 0", "A_NEW_KEYWORD"),
    ],
)
def test_single_valid_openpgp_signature_of_a_trusted_key_is_accepted(lines):
    verdict = judged(*lines)
    assert verdict.accepted
    assert verdict.signer == f"Alice <alice@example.com> (OpenPGP key {KEY})"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), BAD),
        ((NEW, GOOD), BAD),
        ((NEW, VALID), BAD),
        ((NEW, GOOD, VALID, VALID), BAD),
        ((NEW, GOOD, GOOD, VALID), UNSUPPORTED),
        ((NEW, NEW, GOOD, VALID), UNSUPPORTED),
        ((NEW, GOOD, VALID, f"BADSIG {KEY[-16:]} x"), UNSUPPORTED),
        ((NEW, GOOD, VALID, f"EXPKEYSIG {KEY[-16:]} x"), UNSUPPORTED),
        ((NEW, GOOD, "VALIDSIG"), BAD),
        (("GOODSIG", VALID), BAD),
        ((NEW, GOOD, VALID, "TRUST_NEVER"), UNKNOWN),
        ((NEW, GOOD, VALID, "TRUST_UNDEFINED"), UNKNOWN),
        ((NEW, GOOD, VALID, "TRUST_MARGINAL 0 pgp"), UNKNOWN),
        ((NEW, GOOD, VALID, "TRUST_FULLY", "TRUST_NEVER"), UNKNOWN),
        ((NEW, GOOD, VALID.replace(" 8 00", " 1 00")), WEAK),
        ((NEW, GOOD, VALID.replace(" 8 00", " 2 00")), WEAK),
        ((NEW, GOOD, VALID.replace(" 8 00", " 3 00")), WEAK),
        ((NEW, f"BADSIG {KEY[-16:]} x"), BAD),
        ((NEW, f"EXPSIG {KEY[-16:]} x"), RefusalReason.EXPIRED),
        ((NEW, f"EXPKEYSIG {KEY[-16:]} x", VALID), RefusalReason.EXPIRED),
        ((NEW, f"REVKEYSIG {KEY[-16:]} x", VALID), RefusalReason.REVOKED),
        ((NEW, f"ERRSIG {KEY[-16:]} 22 8 00 1796098309 9 {KEY}", "NO_PUBKEY x"), UNKNOWN),
        ((NEW, f"ERRSIG {KEY[-16:]} 22 2 00 1796098309 5 {KEY}"), WEAK),
        ((NEW, f"ERRSIG {KEY[-16:]} 22 8 00 1796098309 4 {KEY}"), BAD),
        ((NEW, "ERRSIG"), BAD),
        ((NEW, "BADSIG"), BAD),
        ((GOOD.lower(), VALID.lower()), BAD),
    ],
)
def test_openpgp_signature_is_rejected_unless_gpg_reports_one_valid_signature(lines, reason):
    verdict = judged(*lines)
    assert (verdict.problem, verdict.signer) == (reason, "")
    assert verdict.message


def test_valid_openpgp_signature_of_an_untrusted_key_is_rejected():
    assert judged(NEW, GOOD, VALID, trusted=frozenset({"0" * 40})).problem is UNKNOWN
    assert judged(NEW, GOOD, VALID, trusted=frozenset()).problem is UNKNOWN


def test_gpg_output_lines_without_the_status_prefix_are_ignored():
    text = f"{GOOD}\n{VALID}\n [GNUPG:] {GOOD}\ngpg: [GNUPG:] {VALID}\n"
    assert judge_openpgp(text, {KEY}).problem is BAD
