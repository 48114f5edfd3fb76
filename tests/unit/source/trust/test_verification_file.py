"""Tests the --verify file: only public keys, and mistakes with their location."""

from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.source.trust.openpgp_keyring import create_keyring
from reconciler.source.trust.repository_places import RepositoryPlaces
from reconciler.source.trust.verification_file import Required, read_verification

HEAD = "apiVersion: reconciler/v1alpha1\nkind: Verification\n"


@pytest.fixture
def read(tmp_path):
    def read(text, **files):
        path = tmp_path / "verify.yaml"
        path.write_text(text)
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        return read_verification(path, RepositoryPlaces())

    return read


def test_trusted_keys_are_read_from_the_verification_file_and_from_files_beside_it(read, ssh, gpg):
    alice, other = ssh.keys.public(ssh.alice), ssh.keys.public(ssh.other)
    text = (
        f"{HEAD}require: commit-and-tag\nopenpgp: {{keyFiles: [a.asc]}}\n"
        f"ssh:\n  allowedSigners: alice {alice}\n  allowedSignersFile: signers\n"
        "  revokedKeysFile: revoked\n"
    )
    found = read(
        text,
        **{"a.asc": gpg.keys.public(gpg.alice), "signers": f"bob {other}\n", "revoked": other},
    )
    assert found.required is Required.COMMIT_AND_TAG
    assert [each.line for each in found.ssh_signers] == [f"alice {alice}", f"bob {other}"]
    assert (len(found.openpgp_keys), found.revoked_ssh_keys) == (1, other.encode())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "exactly one document"),
        ("a: [", "verify.yaml:1:"),
        (HEAD, "verify.yaml:1:1: "),
        (f"{HEAD}openpgp: {{}}\n", "contains no trusted key"),
        (f"{HEAD}ssh: {{allowedSigners: ''}}\n", "contains no trusted key"),
        (f"{HEAD}sshh: {{}}\n", "verify.yaml:"),
        (f"{HEAD}require: nothing\nssh: {{}}\n", r"verify.yaml:3:10: "),
        (f"{HEAD}ssh: {{allowedSigners: alice}}\n", r"verify.yaml:3:23: line 1 of the allowed"),
        (f"{HEAD}ssh: {{allowedSignersFile: missing}}\n", r"verify.yaml:3:27: the file missing"),
        (f"{HEAD}openpgp: {{keyFiles: [., x]}}\n", "is a directory|directory"),
        (f"{HEAD}ssh: {{revokedKeys: a, revokedKeysFile: b}}\n", "not both"),
        (f"{HEAD}openpgp: {{keys: '-----BEGIN PGP PRIVATE KEY BLOCK-----'}}\n", "a private key"),
        (f"{HEAD}ssh: {{allowedSigners: '-----BEGIN OPENSSH PRIVATE KEY'}}\n", "a private key"),
        (f"{HEAD}ssh: {{}}\n---\n{HEAD}", "exactly one document"),
    ],
)
def test_mistake_in_the_verification_file_is_a_usage_error_with_its_location(text, words, read):
    with pytest.raises(UsageError, match=words):
        read(text)


def test_missing_and_huge_verification_files_are_usage_errors(read, tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_verification(tmp_path / "missing", RepositoryPlaces())
    with pytest.raises(UsageError, match="larger than 1,000,000 bytes"):
        read(HEAD + "#" * 1_000_000)


@pytest.mark.parametrize("weak", ["dsa2048", "rsa1024"])
def test_weak_openpgp_key_is_rejected(weak, gpg, tmp_path):
    key = gpg.keys.public(gpg.keys.create(weak, algorithm=weak))
    with pytest.raises(UsageError, match="is not secure"):
        create_keyring(tmp_path, [key.encode()], tmp_path / "verify.yaml")


@pytest.mark.parametrize(
    ("use", "is_revoked", "is_rejected"),
    [("sign", False, True), ("sign", True, False), ("encr", False, False), ("auth", False, False)],
)
def test_weak_openpgp_subkey_is_rejected_only_if_it_can_sign(
    use, is_revoked, is_rejected, gpg, tmp_path
):
    keys = gpg.keys
    fingerprint = keys.create(f"weak-{use}-{is_revoked}")
    keys.add_subkey(fingerprint, "rsa1024", use)
    if is_revoked:
        keys.revoke_subkey(fingerprint)
    key = keys.public(fingerprint).encode()
    if is_rejected:
        with pytest.raises(UsageError, match="is not secure: it is RSA-1024"):
            create_keyring(tmp_path, [key], tmp_path / "verify.yaml")
    else:
        assert create_keyring(tmp_path, [key], tmp_path / "x") == frozenset({fingerprint})


def test_verification_file_with_text_that_is_not_an_openpgp_key_is_rejected(gpg, tmp_path):
    with pytest.raises(UsageError, match="finds no OpenPGP public key"):
        create_keyring(tmp_path, [b"not a key"], tmp_path / "verify.yaml")
    with pytest.raises(UsageError, match="finds no OpenPGP public key"):
        create_keyring(tmp_path, [b""], tmp_path / "verify.yaml")
