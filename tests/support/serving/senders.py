"""Webhook requests as each Git host sends them, signed without code of the product."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from support.builders import NOW

NEW, OLD, NONE = "a" * 40, "b" * 40, "0" * 40
SECRET, OTHER_SECRET = "correct-horse-battery-staple", "an-older-secret-of-the-forge"
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
STANDARD_SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
OTHER_STANDARD_SECRET = f"whsec_{base64.b64encode(OTHER_KEY).decode()}"
REPOSITORY, BRANCH = "https://git.example/team/fleet.git", "main"


@dataclass(frozen=True, kw_only=True)
class Hook:
    """One webhook request of a Git host."""

    path: str
    headers: dict[str, str]
    body: bytes

    def with_headers(self, **changes: str | None) -> Hook:
        """Return the request with changed headers; None removes one, ``_`` stands for ``-``."""
        changed = {name.replace("_", "-"): value for name, value in changes.items()}
        merged = {**self.headers, **changed}
        return replace(self, headers={key: each for key, each in merged.items() if each})


@dataclass(frozen=True, kw_only=True)
class Sender:
    """A Git host (such as GitHub or GitLab) with one of its methods to authenticate webhooks."""

    name: str
    scheme: str
    sign: Callable[[bytes, str, str, float], dict[str, str]]
    """Returns headers for a body, a secret, a delivery ID, and a time in seconds since 1970."""
    signature: str
    """The name of the header with the signature or token."""
    events: dict[str, tuple[dict[str, str], Any]]
    """Headers and body for each event: push, other branch, tag, deletion, ping, unknown."""
    secret: str = SECRET
    other_secret: str = OTHER_SECRET
    timed: bool = False
    """Whether the signature covers a timestamp."""
    identified: bool = True
    """Whether webhook requests have a delivery ID."""
    signs_body: bool = True

    def hook(
        self,
        event: str = "push",
        *,
        secret: str | None = None,
        delivery: str = "delivery-1",
        age_s: float = 0.0,
        body: bytes | None = None,
    ) -> Hook:
        """Return a signed webhook request."""
        headers, content = self.events[event]
        raw = json.dumps(content).encode() if body is None else body
        signed = self.sign(raw, secret or self.secret, delivery, NOW.timestamp() - age_s)
        kind = {"content-type": "application/json"}
        return Hook(path=f"/hooks/{self.scheme}", headers={**kind, **headers, **signed}, body=raw)


def _digest(body: bytes, secret: str, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()


def _github(body, secret, delivery, _at):
    return {
        "x-hub-signature-256": f"sha256={_digest(body, secret)}",
        "x-hub-signature": f"sha1={_digest(body, secret, 'sha1')}",
        "x-github-delivery": delivery,
    }


def _gitlab_token(_body, secret, delivery, _at):
    return {"x-gitlab-token": secret, "idempotency-key": delivery}


def _standard(body, secret, delivery, at):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{delivery}.{at:.0f}.".encode() + body
    value = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": delivery,
        "webhook-timestamp": f"{at:.0f}",
        "webhook-signature": f"v1,{value}",
    }


def _gitea(body, secret, delivery, _at):
    return {"x-gitea-signature": _digest(body, secret), "x-gitea-delivery": delivery}


def _forgejo(body, secret, delivery, at):
    ours = {"x-forgejo-signature": _digest(body, secret), "x-forgejo-delivery": delivery}
    return {**_gitea(body, secret, delivery, at), **ours}


def _bitbucket_cloud(body, secret, delivery, _at):
    return {"x-hub-signature": f"sha256={_digest(body, secret)}", "x-request-uuid": delivery}


def _bitbucket_server(body, secret, delivery, _at):
    return {"x-hub-signature": f"sha256={_digest(body, secret)}", "x-request-id": delivery}


def _generic(algorithm):
    def sign(body, secret, _delivery, _at):
        return {"x-signature": f"{algorithm}={_digest(body, secret, algorithm)}"}

    return sign


def _github_events(header: str) -> dict[str, tuple[dict[str, str], Any]]:
    repository = {"full_name": "Team/fleet", "default_branch": "main"}

    def push(ref: str, after: str = NEW, **more: Any) -> tuple[dict[str, str], Any]:
        body = {"ref": ref, "before": OLD, "after": after, "repository": repository, **more}
        return {header: "push"}, body

    return {
        "push": push("refs/heads/main"),
        "other branch": push("refs/heads/main2"),
        "tag": push("refs/tags/v1"),
        "deletion": push("refs/heads/main", NONE, deleted=True),
        "other repository": (
            {header: "push"},
            {"ref": "refs/heads/main", "after": NEW, "repository": {"full_name": "team/other"}},
        ),
        "ping": ({header: "ping"}, {"zen": "Design for failure.", "hook_id": 1}),
        "unknown": ({header: "star"}, {"action": "created"}),
    }


def _gitlab_events() -> dict[str, tuple[dict[str, str], Any]]:
    project = {"path_with_namespace": "team/fleet", "default_branch": "main"}

    def push(ref: str, after: str = NEW, kind: str = "push") -> tuple[dict[str, str], Any]:
        name = "Push Hook" if kind == "push" else "Tag Push Hook"
        body = {"object_kind": kind, "ref": ref, "after": after, "project": project}
        return {"x-gitlab-event": name}, body

    other = {"path_with_namespace": "team/sub/fleet"}
    return {
        "push": push("refs/heads/main"),
        "other branch": push("refs/heads/feature/main"),
        "tag": push("refs/tags/v1", kind="tag_push"),
        "deletion": push("refs/heads/main", NONE),
        "other repository": (
            {"x-gitlab-event": "Push Hook"},
            {"object_kind": "push", "ref": "refs/heads/main", "after": NEW, "project": other},
        ),
        # GitLab tests a webhook with an event of the kind that a user selects.
        "ping": ({"x-gitlab-event": "Issue Hook"}, {"object_kind": "issue"}),
        "unknown": ({"x-gitlab-event": "Emoji Hook"}, {"object_kind": "emoji"}),
    }


def _cloud_events() -> dict[str, tuple[dict[str, str], Any]]:
    header = {"x-event-key": "repo:push"}

    def change(kind: str, name: str, *, deleted: bool = False) -> dict[str, Any]:
        ref = {"type": kind, "name": name, "target": {"hash": NEW}}
        return {"new": None if deleted else ref, "old": ref, "closed": deleted}

    def push(*changes: dict[str, Any], name: str = "team/fleet") -> tuple[dict[str, str], Any]:
        return header, {"push": {"changes": list(changes)}, "repository": {"full_name": name}}

    return {
        "push": push(change("branch", "other"), change("branch", "main")),
        "other branch": push(change("branch", "other")),
        "tag": push(change("tag", "v1")),
        "deletion": push(change("branch", "main", deleted=True)),
        "other repository": push(change("branch", "main"), name="team/other"),
        "ping": ({"x-event-key": "diagnostics:ping"}, {"test": True}),
        "unknown": ({"x-event-key": "pullrequest:created"}, {}),
    }


def _server_events() -> dict[str, tuple[dict[str, str], Any]]:
    header = {"x-event-key": "repo:refs_changed"}

    def push(ref: str, kind: str = "UPDATE", slug: str = "fleet") -> tuple[dict[str, str], Any]:
        after = NONE if kind == "DELETE" else NEW
        change = {"ref": {"id": ref}, "type": kind, "fromHash": OLD, "toHash": after}
        repository = {"slug": slug, "project": {"key": "TEAM"}}
        return header, {"changes": [change], "repository": repository}

    return {
        "push": push("refs/heads/main"),
        "other branch": push("refs/heads/MAIN"),
        "tag": push("refs/tags/v1", "ADD"),
        "deletion": push("refs/heads/main", "DELETE"),
        "other repository": push("refs/heads/main", slug="other"),
        "ping": ({"x-event-key": "diagnostics:ping"}, {"test": True}),
        "unknown": ({"x-event-key": "repo:forked"}, {}),
    }


def _generic_events(*, nested: bool = False) -> dict[str, tuple[dict[str, str], Any]]:
    def push(**content: Any) -> tuple[dict[str, str], Any]:
        return {}, {"type": "push", "data": content} if nested else content

    return {
        "push": push(ref="refs/heads/main", after=NEW, repository="team/fleet"),
        "other branch": push(ref="refs/heads/other", after=NEW),
        "tag": push(ref="refs/tags/v1", after=NEW),
        "deletion": push(ref="refs/heads/main", after=NONE),
        "other repository": push(ref="refs/heads/main", after=NEW, repository="team/other"),
        "ping": ({}, {"type": "ping"}),
        "unknown": push(ref="refs/notes/commits", after=NEW),
    }


_SIGNED = {"secret": STANDARD_SECRET, "other_secret": OTHER_STANDARD_SECRET, "timed": True}
KNOWN_EVENTS = (
    *("push", "other branch", "tag", "deletion", "other repository", "ping", "unknown"),
)
"""The event names of each Git host that the product knows."""
SENDERS = (
    Sender(
        name="GitHub",
        scheme="github",
        sign=_github,
        signature="x-hub-signature-256",
        events=_github_events("x-github-event"),
    ),
    Sender(
        name="GitLab token",
        scheme="gitlab",
        sign=_gitlab_token,
        signature="x-gitlab-token",
        events=_gitlab_events(),
        signs_body=False,
    ),
    Sender(
        name="GitLab signing",
        scheme="gitlab",
        sign=_standard,
        signature="webhook-signature",
        events=_gitlab_events(),
        **_SIGNED,
    ),
    Sender(
        name="Gitea",
        scheme="gitea",
        sign=_gitea,
        signature="x-gitea-signature",
        events=_github_events("x-gitea-event"),
    ),
    Sender(
        name="Forgejo",
        scheme="forgejo",
        sign=_forgejo,
        signature="x-forgejo-signature",
        events=_github_events("x-forgejo-event"),
    ),
    Sender(
        name="older Forgejo",
        scheme="forgejo",
        sign=_gitea,
        signature="x-gitea-signature",
        events=_github_events("x-gitea-event"),
    ),
    Sender(
        name="Bitbucket Cloud",
        scheme="bitbucket",
        sign=_bitbucket_cloud,
        signature="x-hub-signature",
        events=_cloud_events(),
    ),
    Sender(
        name="Bitbucket Data Center",
        scheme="bitbucket",
        sign=_bitbucket_server,
        signature="x-hub-signature",
        events=_server_events(),
    ),
    Sender(
        name="generic SHA-256",
        scheme="generic",
        sign=_generic("sha256"),
        signature="x-signature",
        events=_generic_events(),
        identified=False,
    ),
    Sender(
        name="generic SHA-512",
        scheme="generic",
        sign=_generic("sha512"),
        signature="x-signature",
        events=_generic_events(),
        identified=False,
    ),
    Sender(
        name="Standard Webhooks",
        scheme="standard",
        sign=_standard,
        signature="webhook-signature",
        events=_generic_events(nested=True),
        **_SIGNED,
    ),
)
"""All Git hosts, with each method to authenticate their webhook requests."""
