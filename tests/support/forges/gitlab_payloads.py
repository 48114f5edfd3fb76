"""The operations of GitLab's API that the product uses, with example responses.

Sources of the field names: gitlab.com/gitlab-org/gitlab lib/api/entities (note, commit_status,
merge_request_basic, user_basic, user_public) and lib/api/commit_statuses, and docs.gitlab.com,
"Notes API", "Merge requests API" and "Commits API".
"""

from __future__ import annotations

from support.forges.payloads import Json, Operation, PayloadDescription

_AT = "2026-03-02T09:30:00.000Z"
_AUTHOR: Json = {
    "id": 1,
    "username": "reconciler-bot",
    "name": "Reconciler",
    "state": "active",
    "locked": False,
    "avatar_url": None,
    "web_url": "https://gitlab.example.com/reconciler-bot",
}
_NOTE: Json = {
    "id": 302,
    "type": None,
    "body": "text",
    "attachment": None,
    "author": _AUTHOR,
    "created_at": _AT,
    "updated_at": _AT,
    "system": False,
    "noteable_id": 377,
    "noteable_type": "MergeRequest",
    "project_id": 5,
    "resolvable": False,
    "confidential": False,
    "internal": False,
    "imported": False,
    "imported_from": "none",
    "noteable_iid": 7,
    "commands_changes": {},
}
_STATUS: Json = {
    "id": 93,
    "sha": "18f3e63d05582537db6d183d9d557be09e1f90c8",
    "ref": "grow",
    "status": "success",
    "name": "default",
    "target_url": None,
    "description": None,
    "created_at": _AT,
    "started_at": None,
    "finished_at": None,
    "allow_failure": False,
    "coverage": None,
    "pipeline_id": 101,
    "author": _AUTHOR,
}
_MERGE_REQUEST: Json = {
    "id": 377,
    "iid": 7,
    "project_id": 5,
    "title": "Grow",
    "description": "",
    "state": "opened",
    "created_at": _AT,
    "updated_at": _AT,
    "merged_at": None,
    "closed_at": None,
    "target_branch": "main",
    "source_branch": "grow",
    "author": _AUTHOR,
    "source_project_id": 5,
    "target_project_id": 5,
    "draft": False,
    "sha": "8888888888888888888888888888888888888888",
    "merge_commit_sha": None,
    "web_url": "https://gitlab.example.com/team/vms/-/merge_requests/7",
    "has_conflicts": False,
}
_NOTES = "/projects/{id}/merge_requests/{iid}/notes"
_STATES = ("pending", "running", "success", "failed", "canceled", "skipped")

GITLAB = PayloadDescription(
    "GitLab",
    {
        "GET /user": Operation({200: {**_AUTHOR, "bot": False, "created_at": _AT}}),
        "GET /projects/{id}/merge_requests": Operation(
            {200: [_MERGE_REQUEST]},
            query=("state", "source_branch", "target_branch", "per_page", "page"),
        ),
        "GET /projects/{id}/merge_requests/{iid}": Operation({200: _MERGE_REQUEST}),
        f"GET {_NOTES}": Operation(
            {200: [_NOTE]}, query=("per_page", "page", "sort", "order_by", "activity_filter")
        ),
        f"POST {_NOTES}": Operation(
            {201: _NOTE}, required=("body",), optional=("internal", "created_at")
        ),
        f"PUT {_NOTES}/{{note}}": Operation({200: _NOTE}, required=("body",)),
        f"DELETE {_NOTES}/{{note}}": Operation({204: None}),
        "POST /projects/{id}/statuses/{sha}": Operation(
            {201: _STATUS},
            required=("state",),
            optional=("ref", "name", "context", "target_url", "description", "pipeline_id"),
            values={"state": _STATES},
        ),
    },
)
