"""The local test servers accept and send only what the real Git hosts document."""

from __future__ import annotations

import pytest
from support.forges.gitea_payloads import GITEA
from support.forges.gitlab_payloads import GITLAB

from reconciler.errors import ForgeError
from reconciler.forge.forge import CommitStatus, State
from reconciler.forge.forge_request import ForgeRequest

WRONG = {
    "path": {"method": "GET", "path": "/repos/team/vms/unknown"},
    "query": {"method": "GET", "path": "/user", "query": {"unknown": "1"}},
    "body": {"method": "GET", "path": "/user", "body": {"unknown": "1"}},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_fake_git_host_rejects_a_request_that_the_real_git_host_does_not_document(place, wrong):
    if place.server.description is None:
        pytest.skip("GitHub's description is not installed: cd .ci && npm ci")
    with pytest.raises(ForgeError, match="418"):
        place.client.send(ForgeRequest(**WRONG[wrong]))


def test_fake_git_host_rejects_an_undocumented_field_in_a_commit_status_request(place):
    if place.server.description is None:
        pytest.skip("GitHub's description is not installed: cd .ci && npm ci")
    status = CommitStatus(state=State.SUCCESS, name="n", description="d")
    request = place.forge.set_status(place.server.pull.head, status)
    place.client.send(request)
    for wrong in ({"unknown": "1"}, {"state": "green"}):
        body = {**(request.body or {}), **wrong}
        with pytest.raises(ForgeError, match="418"):
            place.client.send(ForgeRequest(method=request.method, path=request.path, body=body))


@pytest.mark.parametrize(
    ("description", "path"),
    [
        (GITLAB, "/projects/team%2Fvms/merge_requests/7"),
        (GITEA, "/repos/team/vms/pulls/7"),
    ],
    ids=["gitlab", "gitea"],
)
def test_git_host_response_that_differs_from_the_documented_example_is_rejected(description, path):
    good = description.example("GET", path, 200)
    description.check_answer("GET", path, 200, good)
    for wrong in (good | {"title": 1}, good | {"unknown": "x"}, {"title": "x"}, [good]):
        with pytest.raises(AssertionError):
            description.check_answer("GET", path, 200, wrong)
