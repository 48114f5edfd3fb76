"""Decides whether a webhook request concerns the applied repository and branch or tag."""

from __future__ import annotations

import pytest

from reconciler.serve.hooks.followed_branch import FollowedBranch
from reconciler.serve.hooks.push_event import Delivery, EventKind, PushedRef


def is_relevant(
    *refs: str,
    address="https://git.example/team/fleet",
    path="team/fleet",
    revision="main",
    branch="",
) -> bool:
    delivery = Delivery(
        kind=EventKind.PUSH,
        repository=path,
        default_branch=branch,
        refs=tuple(PushedRef(name=each) for each in refs),
    )
    return (
        FollowedBranch(repository=address, revision=revision).relevance(delivery).ref is not None
    )


@pytest.mark.parametrize(
    ("address", "path", "relevant"),
    [
        ("https://git.example/team/fleet", "team/fleet", True),
        ("https://git.example/team/fleet.git", "Team/Fleet", True),
        ("https://git.example/team/fleet/", "team/fleet", True),
        ("https://git.example/gitlab/team/sub/fleet.git", "team/sub/fleet", True),
        ("https://user:token@git.example:8443/team/fleet", "team/fleet", True),
        ("ssh://git@git.example:7999/team/fleet.git", "TEAM/fleet", True),
        ("https://git.example/scm/team/fleet.git", "TEAM/fleet", True),
        ("git@git.example:team/fleet.git", "team/fleet", True),
        ("git@git.example:/team/fleet.git", "team/fleet", True),
        ("file:///srv/fleet.git", "team/other", True),
        ("/srv/fleet", "team/other", True),
        (".", "team/other", True),
        ("https://git.example/team/fleet", "", True),
        ("https://git.example/team/fleet", "team/other", False),
        ("https://git.example/team/fleet", "team", False),
        ("https://git.example/team/fleet", "other/team/fleet", False),
        ("https://git.example/xteam/fleet", "team/fleet", False),
        ("git@git.example:team/fleet.git", "team/fleet2", False),
    ],
)
def test_push_is_relevant_if_the_repository_url_ends_with_the_repository_path_in_the_request(
    address, path, relevant
):
    assert is_relevant("refs/heads/main", address=address, path=path) is relevant


@pytest.mark.parametrize(
    ("revision", "ref", "branch", "relevant"),
    [
        ("main", "refs/heads/main", "", True),
        ("refs/heads/main", "refs/heads/main", "", True),
        ("feature/a", "refs/heads/feature/a", "", True),
        ("v1", "refs/tags/v1", "", True),
        ("refs/tags/v1", "refs/tags/v1", "", True),
        ("main", "main", "", True),
        ("", "refs/heads/trunk", "trunk", True),
        ("HEAD", "refs/heads/trunk", "trunk", True),
        ("HEAD", "refs/heads/any", "", True),
        ("main", "refs/heads/feature/main", "", False),
        ("main", "refs/heads/Main", "", False),
        ("refs/heads/v1", "refs/tags/v1", "", False),
        ("a" * 40, "refs/heads/main", "", False),
        ("HEAD", "refs/heads/other", "trunk", False),
        ("HEAD", "refs/tags/v1", "", False),
        ("main", "refs/notes/commits", "", False),
        ("main", "", "", False),
    ],
)
def test_push_is_relevant_if_it_changes_the_applied_branch_or_tag(revision, ref, branch, relevant):
    assert is_relevant(ref, revision=revision, branch=branch) is relevant


def test_push_without_a_branch_or_tag_is_relevant():
    assert is_relevant()


def test_push_that_deletes_and_recreates_the_applied_branch_is_reported_with_the_new_commit():
    refs = (
        PushedRef(name="refs/heads/main", deleted=True),
        PushedRef(name="refs/heads/main", commit="abc"),
        PushedRef(name="refs/heads/other", commit="def"),
    )
    followed = FollowedBranch(repository="/srv/fleet", revision="main")
    found = followed.relevance(Delivery(kind=EventKind.PUSH, refs=refs))
    assert found.ref == refs[1]


def test_webhook_response_names_the_pushed_branch_if_it_is_not_the_applied_branch():
    followed = FollowedBranch(repository="/srv/fleet", revision="main")
    refs = (PushedRef(name="refs/heads/a"), PushedRef(name="refs/heads/b"))
    found = followed.relevance(Delivery(kind=EventKind.PUSH, refs=refs))
    assert (
        found.message
        == "ignored: the push changes 'refs/heads/a' and 1 more, but not the configured branch or "
        "tag"
    )
