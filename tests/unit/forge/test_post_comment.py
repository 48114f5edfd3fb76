"""A pull request has one comment per cluster, even if earlier comments were deleted or copied."""

from __future__ import annotations

import pytest
from support.forges.fake_forge import HEAD
from support.forges.fault import Fault
from support.forges.forge_places import MARKER, OPENING, STAMP, place_at
from support.tools.installed import tool

from reconciler.errors import ForgeError
from reconciler.forge.forge import CommitStatus, State
from reconciler.forge.post_comment import Posted, head_commit, marker_of, post_status


def test_fake_github_checks_each_request_against_the_openapi_description(github):
    tool("github-openapi")
    assert github.server.description is not None
    with pytest.raises(ForgeError, match="unknown parameters"):
        github.client.send(
            type(github.forge.user())(method="GET", path="/user", query={"invented": "1"})
        )


def test_first_run_creates_the_pull_request_comment_with_five_api_requests(place):
    assert place.post() is Posted.CREATED
    assert place.server.texts() == [f"{OPENING}\nthe plan"]
    assert place.server.lines == [
        place.line(each) for each in ("user", "list", "pull", "create", "list")
    ]


def test_second_run_edits_the_existing_pull_request_comment_with_four_api_requests(place):
    place.post()
    place.server.requests.clear()
    assert place.post("a newer plan") is Posted.EDITED
    assert place.server.texts() == [f"{OPENING}\na newer plan"]
    assert len(place.server.requests) == 4


def test_unchanged_pull_request_comment_is_not_sent_again(place):
    place.post()
    assert place.post() is Posted.UNCHANGED
    assert [each for each in place.server.lines if not each.startswith("GET")] == [
        place.line("create")
    ]


def test_each_cluster_has_its_own_pull_request_comment(place):
    place.post()
    place.post("other", marker_of("staging"))
    place.post("newer")
    assert place.server.texts() == [
        f"{OPENING}\nnewer",
        f"{marker_of('staging')}\n{STAMP.line()}\nother",
    ]


def test_hidden_comment_marker_in_a_comment_by_a_different_user_is_ignored(place):
    place.server.add("mallory", f"{MARKER}\nall is well")
    place.post()
    assert place.server.texts("mallory") == [f"{MARKER}\nall is well"]
    assert place.server.texts(place.server.user) == [f"{OPENING}\nthe plan"]


def test_hidden_comment_marker_below_the_first_line_is_ignored(place):
    place.server.add(place.server.user, f"quoted:\n{MARKER}\nold")
    place.post()
    assert len(place.server.comments) == 2


def test_hidden_comment_marker_stays_one_html_comment_for_a_hostile_cluster_name():
    assert marker_of("-->\n<script>").count("-->") == 1


def test_existing_comment_is_found_on_a_later_page_of_the_api_list_of_comments(place):
    place.server.page_size = place.server.page_size and 2
    for number in range(5):
        place.server.add("reviewer", f"comment {number}")
    place.post()
    assert place.post("newer") is Posted.EDITED
    assert len(place.server.comments) == 6
    pages = [each.query.get("page") for each in place.server.requests if each.method == "GET"]
    # Gitea returns all comments at once.
    assert set(pages) == ({None} if place.server.page_size is None else {None, "2", "3"})


def test_pull_request_comment_is_created_again_after_its_deletion(place):
    place.post()
    place.server.comments.clear()
    assert place.post() is Posted.CREATED
    assert len(place.server.comments) == 1


def test_pull_request_comment_that_is_deleted_during_the_job_is_created_again(place):
    place.post()

    def delete(received) -> None:
        if received.method in {"PATCH", "PUT"}:
            place.server.comments.clear()

    place.server.on_request = delete
    assert place.post("newer") is Posted.CREATED
    assert place.server.texts() == [f"{OPENING}\nnewer"]


def test_ci_job_deletes_its_comment_if_another_job_commented_first(place):
    def race(received) -> None:
        if received.method == "POST" and not place.server.comments:
            place.server.add(place.server.user, f"{MARKER}\nfrom the other job")

    place.server.on_request = race
    assert place.post() is Posted.EDITED
    assert place.server.texts() == [f"{OPENING}\nthe plan"]


def test_ci_job_that_commented_first_does_not_delete_the_comment_of_another_job(place):
    def race(received) -> None:
        if received.method == "GET" and len(place.server.comments) == 1:
            place.server.add(place.server.user, f"{MARKER}\nfrom the other job")

    place.server.on_request = race
    assert place.post() is Posted.CREATED
    assert len(place.server.comments) == 2


def test_later_run_deletes_a_duplicate_comment_that_a_killed_ci_job_left(place):
    for text in ("first", "second"):
        place.server.add(place.server.user, f"{MARKER}\n{text}")
    place.post()
    assert place.server.texts() == [f"{OPENING}\nthe plan"]


def test_comment_is_not_duplicated_if_the_create_request_took_effect_despite_an_error(place):
    place.server.faults[place.line("create")] = [Fault(502, executed=True)]
    assert place.post() is Posted.UNCHANGED
    assert len(place.server.comments) == 1


def test_comment_by_github_actions_is_found_even_if_the_token_cannot_read_its_own_user(github):
    github.server.user, github.server.user_allowed = "github-actions[bot]", False
    github.post()
    assert github.post("newer") is Posted.EDITED
    assert github.server.texts() == [f"{OPENING}\nnewer"]


def test_comment_by_a_github_app_is_edited_even_if_the_token_cannot_read_its_own_user(github):
    github.server.user, github.server.user_allowed = "my-app[bot]", False
    github.post()
    assert github.post("newer") is Posted.EDITED
    assert github.server.texts() == [f"{OPENING}\nnewer"]


def test_commit_status_is_set_on_the_last_commit_of_the_pull_request(place):
    commit = head_commit(place.client, place.forge, 7)
    assert commit == HEAD
    status = CommitStatus(
        state=State.FAILURE, name="reconciler", description="1 error", link="https://x.example/1"
    )
    post_status(place.client, place.forge, commit, status)
    [(found, body)] = place.server.statuses
    assert found == HEAD
    assert body["description"] == "1 error"
    assert body["target_url"] == "https://x.example/1"
    assert body["state"] == ("failed" if place.server.base == "/api/v4" else "failure")


def test_setting_a_gitlab_status_to_its_current_state_is_not_an_error():
    place = place_at("gitlab")
    with place.server, place.client:
        message = {"message": "Cannot transition status via :run from :running"}
        line = f"POST /api/v4/projects/team%2Fvms/statuses/{HEAD}"
        place.server.faults[line] = [Fault(400, body=message)]
        status = CommitStatus(state=State.PENDING, name="reconciler", description="runs")
        post_status(place.client, place.forge, HEAD, status)
        assert len(place.server.requests) == 1
