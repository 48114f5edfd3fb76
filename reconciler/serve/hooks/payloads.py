"""Decodes webhook request bodies, with one pure function per kind of sender.

Git hosts add fields and events over time, so a body that is a JSON object is never an error:
fields of an unexpected type are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from reconciler.serve.hooks.push_event import Delivery, EventKind, PushedRef

if TYPE_CHECKING:
    from collections.abc import Iterator

BRANCHES, TAGS = "refs/heads/", "refs/tags/"
MAX_REFS = 1_000
"""The maximum number of pushed branches and tags that are compared with the applied branch."""
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 16


class MalformedError(Exception):
    """The body of a webhook request is not a JSON object."""


def body_object(body: bytes, content_type: str) -> dict[str, Any]:
    """Parse the JSON object in a request body, or in the form field ``payload``.

    A body that starts like an object is parsed as JSON whatever its content type, because programs
    such as curl declare every body as a form by default.

    Raises:
        MalformedError: The body is not a JSON object.
    """
    is_form = content_type.partition(";")[0].strip().lower() == _FORM
    if is_form and not body.lstrip().startswith(b"{"):
        try:
            fields = parse_qs(body, max_num_fields=_MAX_FIELDS, strict_parsing=True)
        except ValueError as error:
            raise MalformedError("the request body is not valid form data") from error
        body = fields.get(b"payload", [b""])[0]
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedError("the request body is not JSON") from error
    if not isinstance(found, dict):
        raise MalformedError("the request body is not a JSON object")
    return found


def github(event: str, body: dict[str, Any]) -> Delivery:
    """Decode a webhook request body from GitHub, Gitea or Forgejo.

    Source: @octokit/webhooks schemas, events "push" and "ping"; Gitea 1.24 and Forgejo 12
    modules/structs/hook.go (PushPayload).
    """
    if event == "ping":
        return Delivery(kind=EventKind.PING)
    if event != "push":
        return Delivery(kind=EventKind.OTHER)
    repository = _object(body, "repository")
    return Delivery(
        kind=EventKind.PUSH,
        repository=_text(repository, "full_name"),
        default_branch=_text(repository, "default_branch"),
        refs=_one_ref(body),
    )


def gitlab(event: str, body: dict[str, Any]) -> Delivery:
    """Decode the body of a GitLab webhook or system hook.

    Source: GitLab 18 doc/user/project/integrations/webhook_events.md (push and tag events);
    doc/administration/system_hooks.md.
    """
    kind = _text(body, "object_kind") or _text(body, "event_name")
    if kind not in {"push", "tag_push"} or not event.endswith("Hook"):
        return Delivery(kind=EventKind.OTHER)
    project = _object(body, "project")
    return Delivery(
        kind=EventKind.PUSH,
        repository=_text(project, "path_with_namespace"),
        default_branch=_text(project, "default_branch"),
        refs=_one_ref(body),
    )


def bitbucket(event: str, body: dict[str, Any]) -> Delivery:
    """Decode a webhook request body from Bitbucket Cloud or Bitbucket Data Center.

    Source: Bitbucket Cloud documentation "Event payloads" (repo:push); Bitbucket Data Center 9
    documentation "Event payload" (repo:refs_changed, mirror:repo_synchronized,
    diagnostics:ping).
    """
    repository = _object(body, "repository")
    if event == "diagnostics:ping":
        return Delivery(kind=EventKind.PING)
    if event == "repo:push":
        changes = _object(body, "push").get("changes")
        path, refs = _text(repository, "full_name"), _cloud_refs(changes)
    elif event in {"repo:refs_changed", "mirror:repo_synchronized"}:
        project = _text(_object(repository, "project"), "key")
        slug = _text(repository, "slug")
        path = f"{project}/{slug}" if project and slug else ""
        refs = _data_center_refs(body.get("changes"))
    else:
        return Delivery(kind=EventKind.OTHER)
    return Delivery(kind=EventKind.PUSH, repository=path, refs=tuple(refs))


def generic(_event: str, body: dict[str, Any]) -> Delivery:
    """Decode a generic webhook request body, which can contain a branch and a repository.

    The fields ``ref`` and ``repository`` are at the top level or, as in Standard Webhooks, in
    ``data``. ``repository`` is a path or an object with ``full_name``. A body whose ``type`` is
    ``ping`` causes no Git poll.
    """
    if _text(body, "type") == "ping":
        return Delivery(kind=EventKind.PING)
    data = body if "ref" in body else _object(body, "data")
    repository = _object(data, "repository")
    return Delivery(
        kind=EventKind.PUSH,
        repository=_text(data, "repository") or _text(repository, "full_name"),
        default_branch=_text(repository, "default_branch"),
        refs=_one_ref(data) if _text(data, "ref") else (),
    )


def _one_ref(body: dict[str, Any]) -> tuple[PushedRef, ...]:
    name, after = _text(body, "ref"), _text(body, "after")
    deleted = body.get("deleted") is True or _is_zero(after)
    return (PushedRef(name=name, commit="" if deleted else after, deleted=deleted),)


def _cloud_refs(changes: Any) -> Iterator[PushedRef]:  # noqa: ANN401 - decoded JSON
    for each in _objects(changes):
        new, old = _object(each, "new"), _object(each, "old")
        found = new or old
        prefix = TAGS if _text(found, "type") == "tag" else BRANCHES
        commit = _text(_object(new, "target"), "hash")
        yield PushedRef(name=prefix + _text(found, "name"), commit=commit, deleted=not new)


def _data_center_refs(changes: Any) -> Iterator[PushedRef]:  # noqa: ANN401 - decoded JSON
    for each in _objects(changes):
        name, after = _text(_object(each, "ref"), "id"), _text(each, "toHash")
        deleted = _text(each, "type") == "DELETE" or _is_zero(after)
        yield PushedRef(name=name, commit="" if deleted else after, deleted=deleted)


def _is_zero(commit: str) -> bool:
    """Return whether a commit hash has only zeros, which means that no commit exists."""
    return bool(commit) and not commit.strip("0")


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - decoded JSON
    found = value if isinstance(value, list) else []
    return [each for each in found[:MAX_REFS] if isinstance(each, dict)]
