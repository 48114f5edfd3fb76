"""``post_comment`` and ``post_status``: post a pull request comment and a commit status.

The first line of the comment is a hidden marker, by which a later run finds the comment to edit.
Comments by users other than the token's user are ignored, because anyone can copy a marker.
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
"""Part of GitLab's error message (status 400) if a commit status already has the new state."""


class Posted(StrEnum):
    """Whether the pull request comment was created, edited or left unchanged."""

    CREATED = "created"
    EDITED = "edited"
    UNCHANGED = "unchanged"


def marker_of(cluster: str) -> str:
    """Return the hidden first line by which a later run finds the comment about a cluster."""
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
    """Edit the pull request comment of an earlier run, or create a comment if none exists.

    Two CI jobs can create a comment at the same time, so each job then lists the comments again.
    The job with the newer comment edits the older comment and deletes the newer one.

    A result is not posted if the pull request has a newer commit, or if the comment shows a newer
    result. The pull request's last commit is therefore read before each write.

    Args:
        client: The HTTP client of the Git host.
        forge: Builds the API requests for the Git host.
        number: The number of the pull request.
        marker: The hidden first line, which identifies the comment.
        stamp: The hidden second line, which identifies the result that the comment shows.
        text: The visible text of the comment.

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
            continue  # the comment was deleted after the comments were listed
        try:
            answer = client.send(forge.create_comment(number, body))
        except ForgeError as error:
            if not error.retryable_now:
                raise
            continue  # the Git host might have created the comment despite the error
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
        f"cannot write the comment: in each of {_ATTEMPTS} attempts, the comment was deleted "
        "or the Git host returned an error",
        hint="run the command again",
    )


def comment_body(marker: str, stamp: ResultStamp, text: str) -> str:
    """Build the full text of a comment: two hidden lines, and then the visible text."""
    return f"{marker}\n{stamp.line()}\n{text}"


def _outdated(stamp: ResultStamp, own: Iterable[Comment], head: str | None) -> Outdated | None:
    """Return why a new result must not replace the existing comments, or None if it can."""
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
    """Read the hash of the pull request's last commit from the Git host.

    Raises:
        ForgeError: The pull request cannot be read.
    """
    return forge.head_commit(client.send(forge.pull_request(number)).body)


def _author(client: ForgeClient, forge: Forge) -> str:
    """Return the login name of the token's user, or the fixed name of the user of CI job tokens.

    A CI job token is not allowed to read its own login name.
    """
    try:
        return forge.user_name(client.send(forge.user()).body)
    except ForgeError as error:
        if error.status != HTTPStatus.FORBIDDEN or not forge.default_author:
            raise
        return forge.default_author


def _own(
    client: ForgeClient, forge: Forge, number: int, marker: str, author: str
) -> tuple[Comment, ...]:
    """Return the author's comments whose first line is the hidden marker, oldest first."""
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
    """Edit the oldest of the comments *own* and delete the rest; return False if it is gone."""
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
