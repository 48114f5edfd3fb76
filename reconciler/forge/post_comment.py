"""``post_comment`` and ``post_status``: post one comment and one commit status.

A comment has a hidden first line, its marker. A later run finds the comment by the marker and
edits it. Only a comment by the token's own user counts, since anyone can copy a marker.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING

from reconciler.errors import ForgeError
from reconciler.forge.result_stamp import Outdated, ResultStamp, stamp_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.forge.forge import Comment, CommitStatus, Forge
    from reconciler.forge.forge_client import ForgeClient
    from reconciler.forge.forge_request import ForgeRequest

_ATTEMPTS = 3
_UNCHANGED = "Cannot transition status"
"""Part of GitLab's error 400 if a commit status already has the new state."""


class Posted(StrEnum):
    """What happened to the comment: it was created, updated or left unchanged."""

    CREATED = "created"
    EDITED = "edited"
    UNCHANGED = "unchanged"


def marker_of(cluster: str) -> str:
    """Return the hidden first line of comments about one cluster, by which they are found."""
    return f"<!-- reconciler-comment {sha256(cluster.encode()).hexdigest()[:20]} -->"


def post_comment(
    client: ForgeClient,
    forge: Forge,
    number: int,
    *,
    marker: str,
    stamp: ResultStamp,
    text: str,
) -> Posted | Outdated:
    """Update the comment that an earlier run posted, or create a comment.

    If two jobs create a comment at the same time, both find the older comment when they list the
    comments again; the later job edits the older comment and deletes its own. A result that is
    older than the pull request's last commit, or than the comment, is not written. Immediately
    before each write, the last commit is read again.

    Args:
        client: The client of the forge.
        forge: The requests of the forge.
        number: The number of the pull request.
        marker: The first line, which identifies the comment.
        stamp: The second line, which says which result the comment shows.
        text: The comment below these lines.

    Raises:
        ForgeError: The comment could not be written.
    """
    author = _author(client, forge)
    for _ in range(_ATTEMPTS):
        own = _own(client, forge, number, marker, author)
        head = head_commit(client, forge, number) or None
        stamp = stamp if stamp.commit else replace(stamp, commit=head)
        body = comment_body(marker, stamp, text)
        if outdated := _outdated(stamp, own, head):
            return outdated
        if own:
            if _edited(client, forge, number, own, body):
                return Posted.UNCHANGED if own[0].body == body else Posted.EDITED
            continue  # the comment was deleted after it was listed
        try:
            answer = client.send(forge.create_comment(number, body))
        except ForgeError as error:
            if not error.retryable_now:
                raise
            continue  # the forge may have created the comment
        created = forge.decode_comment(answer.body)
        own = _own(client, forge, number, marker, created.author)
        if not own or own[0].id == created.id:
            return Posted.CREATED
        author = created.author
        others = [each for each in own if each.id != created.id]
        if outdated := _outdated(stamp, others, head):
            _sent_unless_gone(client, forge.delete_comment(number, created.id))
            return outdated
        if _edited(client, forge, number, own, body):
            return Posted.EDITED
    raise ForgeError(
        "the comment could not be written, because it was deleted several times or the forge "
        "failed",
        hint="run the command again",
    )


def comment_body(marker: str, stamp: ResultStamp, text: str) -> str:
    """Return the full text of a comment: two hidden lines, then the visible text."""
    return f"{marker}\n{stamp.line()}\n{text}"


def _outdated(stamp: ResultStamp, own: Iterable[Comment], head: str | None) -> Outdated | None:
    """Return why a result must not replace our comments; None if it may replace them."""
    shown = [stamp_of(each.body) for each in own] or [None]
    reasons = (stamp.outdated(each, head) for each in shown)
    return next((each for each in reasons if each), None)


def post_status(client: ForgeClient, forge: Forge, commit: str, status: CommitStatus) -> None:
    """Set the status of a commit.

    Raises:
        ForgeError: The status could not be set.
    """
    try:
        client.send(forge.set_status(commit, status))
    except ForgeError as error:
        if error.status != HTTPStatus.BAD_REQUEST or _UNCHANGED not in str(error):
            raise


def head_commit(client: ForgeClient, forge: Forge, number: int) -> str:
    """Return the pull request's last commit, as the forge reports it.

    Raises:
        ForgeError: The pull request cannot be read.
    """
    return forge.head_commit(client.send(forge.pull_request(number)).body)


def _author(client: ForgeClient, forge: Forge) -> str:
    """Return the login name of the token's user; for a CI job's token, this name is fixed."""
    try:
        return forge.user_name(client.send(forge.user()).body)
    except ForgeError as error:
        if error.status != HTTPStatus.FORBIDDEN or not forge.default_author:
            raise
        return forge.default_author


def _own(
    client: ForgeClient, forge: Forge, number: int, marker: str, author: str
) -> tuple[Comment, ...]:
    """Return an author's comments that contain a marker, oldest first."""
    found = [
        each
        for page in client.pages(forge.comments(number))
        for each in forge.decode_comments(page.body)
        if each.author == author and each.body.split("\n", 1)[0].rstrip("\r") == marker
    ]
    return tuple(sorted(found, key=lambda each: each.id))


def _edited(
    client: ForgeClient, forge: Forge, number: int, own: tuple[Comment, ...], body: str
) -> bool:
    """Update our oldest comment and delete the others; return False if it no longer exists."""
    first, *later = own
    if first.body != body and not _sent_unless_gone(
        client, forge.edit_comment(number, first.id, body)
    ):
        return False
    for each in later:
        _sent_unless_gone(client, forge.delete_comment(number, each.id))
    return True


def _sent_unless_gone(client: ForgeClient, request: ForgeRequest) -> bool:
    try:
        client.send(request)
    except ForgeError as error:
        if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise
        return False
    return True
