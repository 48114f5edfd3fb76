"""Signatures of commits and tags are checked with gpg and ssh-keygen against trusted keys only."""

from __future__ import annotations

import json
import textwrap

import pytest
from support.signing.signatures import PAST

from reconciler.model.revision.commit_in_force import RefusalReason

BAD, EXPIRED, REVOKED = (
    RefusalReason.BAD,
    RefusalReason.EXPIRED,
    RefusalReason.REVOKED,
)
UNKNOWN, UNSIGNED, WEAK = (
    RefusalReason.UNKNOWN_SIGNER,
    RefusalReason.UNSIGNED,
    RefusalReason.WEAK,
)
NAMESPACE, UNSUPPORTED = RefusalReason.WRONG_NAMESPACE, RefusalReason.UNSUPPORTED


def trusting_openpgp(*armored):
    return f"openpgp:\n  keys: |\n{textwrap.indent(''.join(armored), '    ')}"


def trusting_ssh(*lines, revoked=""):
    found = f"ssh:\n  allowedSigners: |\n{textwrap.indent(chr(10).join(lines), '    ')}\n"
    return found + (f"  revokedKeys: {json.dumps(revoked)}\n" if revoked else "")


def sign(signed, kind, settings):
    """Create a signed commit or tag, and return its name."""
    if kind == "commit":
        return signed.commit(*settings)
    signed.commit()
    return signed.tag("v1", *settings)


OPENPGP = {
    "good": ("alice", (), None),
    "another key": ("other", (), UNKNOWN),
    "expired key": ("old", ("--faked-system-time", PAST), EXPIRED),
    "expired signature": (
        "expiring",
        ("--faked-system-time", PAST, "--default-sig-expire", "1d"),
        EXPIRED,
    ),
    "revoked key": ("revoked", (), REVOKED),
    "SHA-1": ("alice", ("--digest-algo", "SHA1"), WEAK),
}


@pytest.mark.parametrize("kind", ["commit", "tag"])
@pytest.mark.parametrize("case", OPENPGP)
def test_openpgp_signature_is_accepted_only_if_key_and_signature_are_valid(
    kind, case, signed, gpg
):
    who, options, problem = OPENPGP[case]
    settings = gpg.keys.settings(getattr(gpg, who), *options)
    trusted = [gpg.keys.public(gpg.alice, gpg.old, gpg.expiring), gpg.keys.revoked(gpg.revoked)]
    verdict = signed.verdict(kind, sign(signed, kind, settings), trusting_openpgp(*trusted))
    assert (verdict.problem, bool(verdict.message)) == (problem, problem is not None)
    if problem is None:
        assert verdict.signer == f"alice <alice@example.com> (OpenPGP key {gpg.alice})"


SSH = {
    "good": ("alice", "alice@example.com", None),
    "good in the namespace git": ("alice", 'a@b namespaces="file,git"', None),
    "good with a pattern of principals": ("alice", "*@example.com", None),
    "RSA": ("rsa", "rsa@example.com", None),
    "another key": ("other", None, UNKNOWN),
    "expired key": ("alice", 'a@b valid-before="20200101Z"', EXPIRED),
    "key of the future": ("alice", 'a@b valid-after="20990101Z"', EXPIRED),
    "key in its time": ("alice", 'a@b valid-after="20200101",valid-before="20990101"', None),
    "key of another namespace": ("alice", 'a@b namespaces="file"', NAMESPACE),
    "revoked key": ("alice", "revoked", REVOKED),
}


@pytest.mark.parametrize("kind", ["commit", "tag"])
@pytest.mark.parametrize("case", SSH)
def test_ssh_signature_is_accepted_only_if_the_allowed_signers_permit_it(kind, case, signed, ssh):
    who, principal, problem = SSH[case]
    key = getattr(ssh, who)
    signer = ssh.keys.public(ssh.alice if principal is None else key)
    revoked = ssh.keys.public(key) if principal == "revoked" else ""
    trusted = trusting_ssh(f"{principal or 'alice@example.com'} {signer}", revoked=revoked)
    verdict = signed.verdict(kind, sign(signed, kind, ssh.keys.settings(key)), trusted)
    assert (verdict.problem, bool(verdict.message)) == (problem, problem is not None)
    if problem is None:
        assert verdict.signer.startswith(f"{principal.split(' ')[0]} (SSH key SHA256:")


def both(gpg, ssh):
    """Return a --verify file that trusts Alice's OpenPGP key and Alice's SSH key."""
    return trusting_openpgp(gpg.keys.public(gpg.alice)) + trusting_ssh(
        f"alice@example.com {ssh.keys.public(ssh.alice)}"
    )


@pytest.mark.parametrize("kind", ["commit", "tag"])
@pytest.mark.parametrize("form", ["openpgp", "ssh"])
def test_signature_of_a_changed_commit_or_tag_is_not_accepted(kind, form, signed, gpg, ssh):
    settings = gpg.keys.settings(gpg.alice) if form == "openpgp" else ssh.keys.settings(ssh.alice)
    name = sign(signed, kind, settings)
    text = {"commit": "change", "tag": "release"}[kind]
    copy = signed.changed(kind, name, f"\n{text}", f"\n{text}d")
    signed.repo.git("update-ref", "refs/tags/v1" if kind == "tag" else "refs/heads/main", copy)
    verdict = signed.verdict(kind, copy if kind == "commit" else name, both(gpg, ssh))
    assert (verdict.problem, verdict.signer) == (BAD, "")


@pytest.mark.parametrize("kind", ["commit", "tag"])
def test_commit_or_tag_without_a_signature_is_not_accepted(kind, signed, gpg, ssh):
    verdict = signed.verdict(kind, sign(signed, kind, ()), both(gpg, ssh))
    assert verdict.problem is UNSIGNED


def test_lightweight_tag_and_missing_tag_are_not_accepted(signed, gpg, ssh):
    signed.commit(*gpg.keys.settings(gpg.alice))
    signed.repo.git("tag", "light")
    for name in ("light", "missing"):
        assert signed.verdict("tag", name, both(gpg, ssh)).problem is UNSIGNED


def test_signed_tag_of_another_commit_is_not_accepted(signed, gpg, ssh):
    commit = signed.commit()
    signed.tag("v1", *gpg.keys.settings(gpg.alice))
    assert signed.verdict("tag", "v1", both(gpg, ssh), commit=commit).accepted
    other = signed.commit()
    assert signed.verdict("tag", "v1", both(gpg, ssh), commit=other).problem is BAD


def test_signed_tag_that_is_stored_under_a_different_tag_name_is_not_accepted(signed, gpg, ssh):
    signed.commit()
    signed.tag("v1", *gpg.keys.settings(gpg.alice))
    assert signed.verdict("tag", "v1", both(gpg, ssh)).accepted
    assert signed.verdict("tag", "refs/tags/v1", both(gpg, ssh)).accepted
    signed.repo.git("update-ref", "refs/tags/v2", "refs/tags/v1")
    assert signed.verdict("tag", "v2", both(gpg, ssh)).problem is BAD


def test_ssh_signature_for_a_signature_namespace_other_than_git_is_not_accepted(
    signed, ssh, tmp_path
):
    """A signature that Alice made for a file must not count as the signature of a commit."""
    text = signed.repo.git("cat-file", "commit", signed.commit()) + "\n"
    payload = tmp_path / "payload"
    payload.write_text(text)
    signature = ssh.keys.signed(ssh.alice, payload, namespace="file")
    head, _, message = text.partition("\n\n")
    folded = signature.strip().replace("\n", "\n ")
    signed.repo.write({"forged": f"{head}\ngpgsig {folded}\n\n{message}"})
    forged = signed.repo.git("hash-object", "-t", "commit", "-w", "forged")
    trusted = trusting_ssh(f"alice@example.com {ssh.keys.public(ssh.alice)}")
    assert signed.verdict("commit", forged, trusted).problem is NAMESPACE


def test_backdated_commit_that_is_signed_with_an_expired_ssh_key_is_not_accepted(
    signed, ssh, monkeypatch
):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2019-06-01T00:00:00Z")
    commit = signed.commit(*ssh.keys.settings(ssh.alice))
    key = ssh.keys.public(ssh.alice)
    verdict = signed.verdict("commit", commit, trusting_ssh(f'a@b valid-before="20200101Z" {key}'))
    assert (verdict.problem, "a@b" in verdict.message) == (EXPIRED, True)


def test_ssh_signature_is_accepted_with_a_certificate_of_a_trusted_authority(signed, ssh):
    certified = ssh.keys.certified(ssh.alice, authority=ssh.other, principal="alice@example.com")
    commit = signed.commit("-c", "gpg.format=ssh", "-c", f"user.signingkey={certified}")
    authority = ssh.keys.public(ssh.other)
    good = signed.verdict(
        "commit", commit, trusting_ssh(f"*@example.com cert-authority {authority}")
    )
    assert good.accepted
    other = signed.verdict(
        "commit", commit, trusting_ssh(f"*@other.org cert-authority {authority}")
    )
    assert not other.accepted


def test_commit_with_two_signatures_is_not_accepted(signed, gpg, ssh):
    commit = signed.commit(*gpg.keys.settings(gpg.alice))
    text = signed.repo.git("cat-file", "commit", commit)
    start = text.index("gpgsig ")
    block = text[start : text.index("\n\n")]
    twice = signed.changed("commit", commit, block, f"{block}\n{block}")
    assert signed.verdict("commit", twice, both(gpg, ssh)).problem is UNSUPPORTED


def test_signature_of_an_unsupported_kind_is_not_accepted(signed, gpg, ssh):
    commit = signed.commit(*gpg.keys.settings(gpg.alice))
    other = signed.changed("commit", commit, "BEGIN PGP SIGNATURE", "BEGIN SIGNED MESSAGE")
    assert signed.verdict("commit", other, both(gpg, ssh)).problem is UNSUPPORTED


def test_unreadable_signature_of_a_commit_is_not_accepted(signed, gpg, ssh):
    for settings in (gpg.keys.settings(gpg.alice), ssh.keys.settings(ssh.alice)):
        commit = signed.commit(*settings)
        text = signed.repo.git("cat-file", "commit", commit)
        line = text[text.index("gpgsig ") :].split("\n")[2]
        broken = signed.changed("commit", commit, line, " AAAA")
        assert signed.verdict("commit", broken, both(gpg, ssh)).problem is BAD


def test_signature_is_rejected_if_only_keys_of_a_different_signature_type_are_trusted(
    signed, gpg, ssh
):
    by_gpg = signed.commit(*gpg.keys.settings(gpg.alice))
    by_ssh = signed.commit(*ssh.keys.settings(ssh.alice))
    only_gpg = trusting_openpgp(gpg.keys.public(gpg.alice))
    only_ssh = trusting_ssh(f"alice@example.com {ssh.keys.public(ssh.alice)}")
    assert signed.verdict("commit", by_gpg, only_ssh).problem is UNKNOWN
    assert signed.verdict("commit", by_ssh, only_gpg).problem is UNKNOWN


def test_git_settings_of_repository_and_user_cannot_cause_a_signature_to_be_accepted(
    signed, gpg, ssh, tmp_path, monkeypatch
):
    """Programs and keys in the Git configuration of the repository or the user are not used."""
    trap = tmp_path / "trap"
    trap.write_text(
        f'#!/bin/sh\ntouch {trap}.ran\nprintf "[GNUPG:] GOODSIG x y\\n"\n'
        f"echo 'Good \"git\" signature for a with ED25519 key SHA256:{'A' * 43}'\n"
    )
    trap.chmod(0o700)
    (tmp_path / "mallory").write_text(f"mallory@example.com {ssh.keys.public(ssh.other)}\n")
    settings = {
        "gpg.program": trap,
        "gpg.openpgp.program": trap,
        "gpg.ssh.program": trap,
        "gpg.ssh.allowedSignersFile": tmp_path / "mallory",
    }
    for name, value in settings.items():
        signed.repo.git("config", name, str(value))
    user = tmp_path / "gitconfig"
    user.write_bytes((signed.repo.path / ".git" / "config").read_bytes())
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "gpg.program")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(trap))
    monkeypatch.setenv("GNUPGHOME", str(gpg.keys.home))
    genuine = ("-c", "gpg.openpgp.program=gpg", "-c", "gpg.ssh.program=ssh-keygen")
    by_gpg = signed.commit(*gpg.keys.settings(gpg.other))
    by_ssh = signed.commit(*genuine, *ssh.keys.settings(ssh.other))
    (tmp_path / "trap.ran").unlink(missing_ok=True)
    for commit in (by_gpg, by_ssh):
        assert signed.verdict("commit", commit, both(gpg, ssh)).problem is UNKNOWN
    assert not (tmp_path / "trap.ran").exists()


def test_commit_message_that_imitates_gpg_output_does_not_count_as_a_signature(signed, gpg, ssh):
    lines = f"[GNUPG:] GOODSIG {gpg.alice} alice\n[GNUPG:] VALIDSIG {gpg.alice}"
    signed.repo.git("commit", "--quiet", "--allow-empty", f"--message={lines}")
    commit = signed.repo.git("rev-parse", "HEAD")
    assert signed.verdict("commit", commit, both(gpg, ssh)).problem is UNSIGNED


def test_signature_check_rejects_a_huge_commit_message_without_an_exception(signed, gpg, ssh):
    (signed.repo.path / "message").write_text("x" * 600_000)
    signed.repo.git("commit", "--quiet", "--allow-empty", "--file=message")
    commit = signed.repo.git("rev-parse", "HEAD")
    assert signed.verdict("commit", commit, both(gpg, ssh)).problem is UNSUPPORTED


def test_replaced_git_objects_do_not_affect_the_signature_check(signed, gpg, ssh):
    unsigned = signed.commit()
    good = signed.commit(*gpg.keys.settings(gpg.alice))
    signed.repo.git("replace", unsigned, good)
    assert signed.verdict("commit", unsigned, both(gpg, ssh)).problem is UNSIGNED


def test_signature_check_reports_the_primary_key_for_a_signature_by_a_subkey(signed, gpg):
    primary = gpg.keys.create("primary")
    subkey = gpg.keys.add_subkey(primary)
    commit = signed.commit(*gpg.keys.settings(subkey))
    verdict = signed.verdict("commit", commit, trusting_openpgp(gpg.keys.public(primary)))
    assert verdict.signer == f"primary <primary@example.com> (OpenPGP key {primary})"
    assert subkey != primary


def test_ssh_key_in_a_key_revocation_list_is_not_accepted(signed, ssh):
    revoked = ssh.keys.revocation_list(ssh.alice)
    commit = signed.commit(*ssh.keys.settings(ssh.alice))
    trusted = trusting_ssh(f"alice {ssh.keys.public(ssh.alice)}")
    trusted += f"  revokedKeysFile: {revoked}\n"
    verdict = signed.verdict("commit", commit, trusted)
    assert (verdict.problem, "is revoked" in verdict.message) == (REVOKED, True)
    other = signed.commit(*ssh.keys.settings(ssh.other))
    trusted = trusted.replace(
        "  revokedKeysFile", f"    bob {ssh.keys.public(ssh.other)}\n  revokedKeysFile"
    )
    assert signed.verdict("commit", other, trusted).accepted
