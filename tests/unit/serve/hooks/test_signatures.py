"""Webhook signatures are verified as the Git hosts and Standard Webhooks define them."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

import pytest

from reconciler.serve.hooks import signatures

# GitHub documentation, "Validating webhook deliveries", "Testing the webhook payload validation".
GITHUB_SECRET, GITHUB_BODY = b"It's a Secret to Everybody", b"Hello, World!"
GITHUB_HEX = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
# Computed with the library standardwebhooks 1.1.0.
STANDARD = {
    "message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": "1614265330",
    "body": b'{"test": 2432232314}',
}
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_hmac_example_in_the_github_documentation_is_accepted():
    found = signatures.hex_signature(f"sha256={GITHUB_HEX}", ("sha256",))
    assert found is not None
    assert signatures.matches_hmac(GITHUB_BODY, found, [b"other", GITHUB_SECRET])
    assert not signatures.matches_hmac(GITHUB_BODY, found, [b"other"])
    assert not signatures.matches_hmac(GITHUB_BODY + b"!", found, [GITHUB_SECRET])
    assert not signatures.matches_hmac(GITHUB_BODY, found, [])


@pytest.mark.parametrize(
    ("header", "algorithms", "accepted"),
    [
        (f"sha256={GITHUB_HEX}", ("sha256",), True),
        (f"sha256={GITHUB_HEX.upper()}", ("sha256",), True),
        (GITHUB_HEX, ("",), True),
        (f"sha512={GITHUB_HEX}{GITHUB_HEX}", ("sha256", "sha512"), True),
        (GITHUB_HEX, ("sha256",), False),
        (f"sha256={GITHUB_HEX}", ("",), False),
        (f"sha512={GITHUB_HEX}", ("sha256", "sha512"), False),
        (f"sha1={GITHUB_HEX[:40]}", ("sha256", "sha512"), False),
        (f"sha256={GITHUB_HEX[:-1]}", ("sha256",), False),
        (f"sha256={GITHUB_HEX[:-1]}g", ("sha256",), False),
        (f"sha256= {GITHUB_HEX[:-1]}", ("sha256",), False),
        (f"sha256={GITHUB_HEX[:-1]}٣", ("sha256",), False),
        (f"sha256={GITHUB_HEX[:-1]}\n", ("sha256",), False),
        (f"SHA256={GITHUB_HEX}", ("sha256",), False),
        (f"=sha256={GITHUB_HEX}", ("sha256",), False),
        ("", ("sha256",), False),
        ("=", ("", "sha256"), False),
    ],
)
def test_webhook_signature_header_must_contain_an_algorithm_and_every_digit_of_the_signature(
    header, algorithms, accepted
):
    assert (signatures.hex_signature(header, algorithms) is not None) is accepted


def test_signature_example_of_standard_webhooks_is_accepted():
    key = signatures.standard_key(STANDARD_SECRET)
    assert key is not None
    values = signatures.standard_signatures(STANDARD_SIGNATURE)
    assert signatures.matches_standard(**STANDARD, signatures=values, keys=[b"other", key])
    assert not signatures.matches_standard(**STANDARD, signatures=values, keys=[b"other"])
    for name, value in (("message_id", "msg_2"), ("timestamp", "1614265331"), ("body", b"{}")):
        changed = {**STANDARD, name: value}
        assert not signatures.matches_standard(**changed, signatures=values, keys=[key])


@pytest.mark.parametrize(
    ("header", "n_found"),
    [
        (STANDARD_SIGNATURE, 1),
        (f"{STANDARD_SIGNATURE} {STANDARD_SIGNATURE}", 2),
        (f"v1a,abc {STANDARD_SIGNATURE} v2,abc", 1),
        (f"{STANDARD_SIGNATURE} " * 100, 16),
        ("v1,", 0),
        ("v1", 0),
        ("v1,AAAA", 0),
        ("v1,!" * 20, 0),
        ("", 0),
    ],
)
def test_at_most_16_signatures_are_read_from_a_standard_webhooks_header(header, n_found):
    assert len(signatures.standard_signatures(header)) == n_found


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("whsec_a2V5", b"key"),
        ("a2V5", b"key"),
        ("whsec_a2V5MQ==", b"key1"),
        ("whsec_a2V5MQ", b"key1"),
        ("whsec_", None),
        ("", None),
        ("whsec_a", None),
        ("not base64!", None),
        ("whsec_ä", None),
    ],
)
def test_standard_webhooks_secret_is_base64_with_an_optional_prefix(secret, key):
    assert signatures.standard_key(secret) == key


NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timestamp", "recent"),
    [
        (f"{NOW.timestamp():.0f}", True),
        (f"{NOW.timestamp() - 300:.0f}", True),
        (f"{NOW.timestamp() + 300:.0f}", True),
        (f"{NOW.timestamp() - 301:.0f}", False),
        (f"{NOW.timestamp() + 301:.0f}", False),
        (f"{NOW.timestamp()}", False),
        (f"+{NOW.timestamp():.0f}", False),
        (f" {NOW.timestamp():.0f}", False),
        ("", False),
        ("nan", False),
        ("1" * 5_000, False),
        ("٣", False),
    ],
)
def test_signed_webhook_time_counts_as_recent_for_five_minutes(timestamp, recent):
    assert signatures.is_recent(timestamp, NOW) is recent


def test_webhook_token_matches_only_the_whole_secret():
    assert signatures.matches_token("a token", [b"other", b"a token"])
    for token in ("", "a toke", "a token ", "A token", "other2"):
        assert not signatures.matches_token(token, [b"other", b"a token"])
    # Headers arrive as bytes, of which each is one character.
    assert signatures.matches_token("ü".encode().decode("latin-1"), ["ü".encode()])


def test_webhook_signature_is_compared_with_each_secret_even_after_a_match(monkeypatch):
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        signatures.hmac, "compare_digest", lambda a, b: compared.append(1) or compare(a, b)
    )
    found = signatures.hex_signature(f"sha256={GITHUB_HEX}", ("sha256",))
    secrets = [GITHUB_SECRET, b"other", b"another"]
    assert signatures.matches_hmac(GITHUB_BODY, found, secrets)
    assert len(compared) == 3
    assert signatures.matches_token("other", secrets)
    assert len(compared) == 6
