"""The API operations of Gitea and Forgejo that the product uses, with example responses.

Sources of the field names: github.com/go-gitea/gitea modules/structs (issue_comment, status, pull,
user). Forgejo has the same fields.
"""

from __future__ import annotations

from support.forges.payloads import Json, Operation, PayloadDescription

_AT = "2026-03-02T09:30:00Z"
_USER: Json = {
    "id": 2,
    "login": "reconciler-bot",
    "full_name": "",
    "email": "reconciler-bot@noreply.example.com",
    "avatar_url": "https://git.example.com/avatars/2",
    "language": "",
    "is_admin": False,
    "last_login": _AT,
    "created": _AT,
    "restricted": False,
    "active": True,
    "prohibit_login": False,
    "location": "",
    "website": "",
    "description": "",
    "visibility": "public",
    "username": "reconciler-bot",
}
_COMMENT: Json = {
    "id": 302,
    "html_url": "https://git.example.com/team/vms/pulls/7#issuecomment-302",
    "pull_request_url": "https://git.example.com/team/vms/pulls/7",
    "issue_url": "",
    "user": _USER,
    "original_author": "",
    "original_author_id": 0,
    "body": "text",
    "created_at": _AT,
    "updated_at": _AT,
}
_STATUS: Json = {
    "id": 93,
    "status": "success",
    "target_url": "",
    "description": "",
    "url": "https://git.example.com/api/v1/repos/team/vms/statuses/18f3e63d",
    "context": "default",
    "creator": _USER,
    "created_at": _AT,
    "updated_at": _AT,
}
_HEAD: Json = {
    "label": "grow",
    "ref": "grow",
    "sha": "8888888888888888888888888888888888888888",
    "repo_id": 5,
    "repo": None,
}
_PULL_REQUEST: Json = {
    "id": 377,
    "url": "https://git.example.com/team/vms/pulls/7",
    "number": 7,
    "user": _USER,
    "title": "Grow",
    "body": "",
    "labels": [],
    "milestone": None,
    "assignee": None,
    "assignees": None,
    "state": "open",
    "is_locked": False,
    "comments": 1,
    "html_url": "https://git.example.com/team/vms/pulls/7",
    "mergeable": True,
    "merged": False,
    "merged_at": None,
    "merge_commit_sha": None,
    "merged_by": None,
    "base": {**_HEAD, "label": "main", "ref": "main"},
    "head": _HEAD,
    "merge_base": "9999999999999999999999999999999999999999",
    "created_at": _AT,
    "updated_at": _AT,
    "closed_at": None,
}
_ISSUE = "/repos/{owner}/{repo}/issues"

GITEA = PayloadDescription(
    "Gitea",
    {
        "GET /user": Operation({200: _USER}),
        "GET /repos/{owner}/{repo}/pulls": Operation(
            {200: [_PULL_REQUEST]},
            query=("state", "sort", "milestone", "labels", "poster", "page", "limit"),
        ),
        "GET /repos/{owner}/{repo}/pulls/{index}": Operation({200: _PULL_REQUEST}),
        f"GET {_ISSUE}/{{index}}/comments": Operation(
            {200: [_COMMENT]}, query=("since", "before")
        ),
        f"POST {_ISSUE}/{{index}}/comments": Operation(
            {201: _COMMENT}, required=("body",), optional=("updated_at",)
        ),
        f"PATCH {_ISSUE}/comments/{{id}}": Operation(
            {200: _COMMENT}, required=("body",), optional=("updated_at",)
        ),
        f"DELETE {_ISSUE}/comments/{{id}}": Operation({204: None}),
        "POST /repos/{owner}/{repo}/statuses/{sha}": Operation(
            {201: _STATUS},
            required=("state",),
            optional=("context", "description", "target_url"),
            values={"state": ("pending", "success", "error", "failure", "warning")},
        ),
    },
)
