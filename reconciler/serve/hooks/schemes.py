"""``SCHEMES``: how to authenticate, identify and decode the webhook requests of each Git host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.serve.hooks import payloads
from reconciler.serve.hooks.push_event import Delivery, Scheme
from reconciler.serve.hooks.signatures import (
    hex_signature,
    is_recent,
    matches_hmac,
    matches_standard,
    matches_token,
    standard_signatures,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.serve.hooks.secret_folder import Secrets

MAX_ID = 256
"""The maximum length of a webhook delivery ID; Git hosts use UUIDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A proof of the sender's identity in a webhook request, such as an HMAC."""

    proves: Callable[[bytes], bool]
    """Returns whether the sender's proof is valid for a request body."""
    needs_body: bool = True
    """Whether the proof depends on the body; if not, it is checked before the body is read."""


_Claims: TypeAlias = "Callable[[Mapping[str, str], Secrets, datetime], tuple[Claim, ...]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeRules:
    """The rules to authenticate and decode the webhook requests of one kind of sender."""

    claims: _Claims
    """Extracts the sender's proofs from the headers, or none if the request cannot be valid."""
    event: tuple[str, ...]
    """The headers that can contain the event name; the first one that is present is used."""
    delivery_id: tuple[str, ...]
    """The headers that can contain the delivery ID; the first one that is present is used."""
    decode: Callable[[str, dict[str, Any]], Delivery]


def first(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the value of the first header that is present, or an empty string."""
    return next((headers[each] for each in names if headers.get(each)), "")


def _hmac(
    headers: Mapping[str, str],
    secrets: Secrets,
    _now: datetime,
    *,
    names: tuple[str, ...],
    algorithms: tuple[str, ...],
) -> tuple[Claim, ...]:
    """Return the HMAC in a header as a proof, or nothing if the header is missing or malformed."""
    signature = hex_signature(first(headers, names), algorithms)
    if signature is None:
        return ()
    return (Claim(proves=lambda body: matches_hmac(body, signature, secrets.texts)),)


def _standard(headers: Mapping[str, str], secrets: Secrets, now: datetime) -> tuple[Claim, ...]:
    """Return the proof in the three Standard Webhooks headers, or nothing if they are invalid.

    Source: Standard Webhooks specification 1.0.0.
    """
    message_id, timestamp = headers.get("Webhook-Id", ""), headers.get("Webhook-Timestamp", "")
    signatures = standard_signatures(headers.get("Webhook-Signature", ""))
    if not secrets.keys or not signatures or not message_id or len(message_id) > MAX_ID:
        return ()
    if not is_recent(timestamp, now):
        return ()

    def proves(body: bytes) -> bool:
        return matches_standard(
            body,
            message_id=message_id,
            timestamp=timestamp,
            signatures=signatures,
            keys=secrets.keys,
        )

    return (Claim(proves=proves),)


def _gitlab(headers: Mapping[str, str], secrets: Secrets, now: datetime) -> tuple[Claim, ...]:
    """Return the proof in GitLab's signing header, or in its older plain-text token header.

    Source: gitlab-org/gitlab!230944 (signing token).
    """
    token = headers.get("X-Gitlab-Token", "")
    plain = Claim(proves=lambda _body: matches_token(token, secrets.texts), needs_body=False)
    return (*_standard(headers, secrets, now), *((plain,) if token and secrets.texts else ()))


SCHEMES: Mapping[Scheme, SchemeRules] = {
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    Scheme.GITHUB: SchemeRules(
        claims=partial(_hmac, names=("X-Hub-Signature-256",), algorithms=("sha256",)),
        event=("X-GitHub-Event",),
        delivery_id=("X-GitHub-Delivery",),
        decode=payloads.github,
    ),
    Scheme.GITLAB: SchemeRules(
        claims=_gitlab,
        event=("X-Gitlab-Event",),
        delivery_id=("Webhook-Id", "Idempotency-Key", "X-Gitlab-Event-UUID"),
        decode=payloads.gitlab,
    ),
    # Gitea services/webhook/deliver.go
    Scheme.GITEA: SchemeRules(
        claims=partial(_hmac, names=("X-Gitea-Signature",), algorithms=("",)),
        event=("X-Gitea-Event",),
        delivery_id=("X-Gitea-Delivery",),
        decode=payloads.github,
    ),
    # Forgejo services/webhook/shared/payloader.go; older versions send only Gitea's headers.
    Scheme.FORGEJO: SchemeRules(
        claims=partial(
            _hmac, names=("X-Forgejo-Signature", "X-Gitea-Signature"), algorithms=("",)
        ),
        event=("X-Forgejo-Event", "X-Gitea-Event"),
        delivery_id=("X-Forgejo-Delivery", "X-Gitea-Delivery"),
        decode=payloads.github,
    ),
    # Bitbucket uses the name of GitHub's older header, but with SHA-256 (adnanh/webhook#662).
    Scheme.BITBUCKET: SchemeRules(
        claims=partial(_hmac, names=("X-Hub-Signature",), algorithms=("sha256",)),
        event=("X-Event-Key",),
        delivery_id=("X-Request-UUID", "X-Request-Id"),
        decode=payloads.bitbucket,
    ),
    # The form of Flux' generic-hmac receiver, without SHA-1.
    Scheme.GENERIC: SchemeRules(
        claims=partial(_hmac, names=("X-Signature",), algorithms=("sha256", "sha512")),
        event=(),
        delivery_id=(),
        decode=payloads.generic,
    ),
    Scheme.STANDARD: SchemeRules(
        claims=_standard,
        event=(),
        delivery_id=("Webhook-Id",),
        decode=payloads.generic,
    ),
}
"""The authentication and decoding rules for each kind of webhook sender."""
