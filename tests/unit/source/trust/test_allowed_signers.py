"""Each line of SSH allowed signers is checked, so that a mistake removes no restriction."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from reconciler.source.trust.allowed_signers import AllowedSignersError, parse_allowed_signers


def public(kind, *numbers):
    data = b"".join(len(each).to_bytes(4, "big") + each for each in (kind.encode(), *numbers))
    return f"{kind} {base64.b64encode(data).decode()}"


ED = public("ssh-ed25519", bytes(range(32)))
RSA = public("ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xff" * 256)
SHORT_RSA = public("ssh-rsa", b"\x01\x00\x01", b"\xff" * 128)


def test_ssh_allowed_signers_line_is_parsed_into_its_parts():
    text = (
        f"# a comment\n\nalice@example.com {ED}\n"
        f'*@example.com,!bob@example.com namespaces="git,file",valid-after="20260101Z" {RSA} x y\n'
        f'"two words" NAMESPACES="git",cert-authority {ED}\n'
    )
    found = parse_allowed_signers(text)
    assert [each.line.split(" ")[0] for each in found] == [
        "alice@example.com",
        "*@example.com,!bob@example.com",
        '"two',
    ]
    assert {len(each.fingerprint) for each in found} == {50}
    assert found[1].valid_after == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("alice", "expected"),
        ("alice ssh-ed25519", "expected"),
        (f"alice valid-before=20200101 {ED}", "quote their values"),
        (f'alice valid-befor="20200101" {ED}', "unknown"),
        (f'alice valid-before="20200101",valid-before="20300101" {ED}', "unknown or incomplete"),
        (f'alice valid-before="tomorrow" {ED}', "valid-before is not a time"),
        (f'alice valid-before="20201301" {ED}', "valid-before is not a time"),
        (f'alice valid-before="" {ED}', "incomplete"),
        (f"alice namespaces {ED}", "incomplete"),
        (f'alice cert-authority="x" {ED}', "incomplete"),
        (f'alice namespaces="git"valid-before="20200101" {ED}', "commas"),
        ("alice ssh-ed25519 AAAA", "not complete"),
        ("alice ssh-ed25519 AAA=", "not complete"),
        (f"alice {ED.replace('ssh-ed25519', 'ssh-rsa', 1)}", "not of the type"),
        (f"alice {public('ssh-dss', b'x')}", "DSA"),
        (f"alice {SHORT_RSA}", "2048 bits"),
    ],
)
def test_invalid_line_of_ssh_allowed_signers_is_an_error_with_its_line_number(line, words):
    with pytest.raises(AllowedSignersError, match=words) as error:
        parse_allowed_signers(f"# first\n{line}\n")
    assert error.value.row == 2


@pytest.mark.parametrize(
    ("options", "valid"),
    [
        ("", True),
        ('valid-after="20260101Z" ', True),
        ('valid-before="20260101Z" ', False),
        ('valid-after="20260601120000Z" ', True),
        ('valid-after="20260601120001Z" ', False),
        ('valid-before="20260601120000Z" ', False),
        ('valid-before="202606011201Z" ', True),
        ('valid-after="20260601",valid-before="20260630" ', True),
    ],
)
def test_time_options_of_ssh_allowed_signers_limit_the_period_in_which_a_key_is_valid(
    options, valid
):
    (signer,) = parse_allowed_signers(f"alice {options}{ED}")
    assert signer.valid_at(datetime(2026, 6, 1, 12, tzinfo=UTC)) == valid
