"""Tests the search for a pull request by its last commit, including pull requests from forks."""

from __future__ import annotations

import pytest
from support.forges.fake_forge import HEAD, Pull
from support.forges.forge_places import place_at

from reconciler.errors import ForgeError
from reconciler.forge.find_pull_request import find_pull_request, require_head

FORK = Pull(9, "a" * 40, owner="mallory", branch="patch-1")
OTHERS = [Pull(number, f"{number:040x}", owner=f"user{number}") for number in range(20, 40)]


def find(place, commit=FORK.head, branch="mallory:patch-1") -> int:
    return find_pull_request(place.client, place.forge, commit, branch)


@pytest.mark.parametrize("branch", [None, "mallory:patch-1"])
def test_pull_request_from_a_fork_is_found_by_its_last_commit(place, branch):
    place.server.pulls += [*OTHERS, FORK]
    assert find(place, branch=branch) == 9


def test_pull_request_is_found_on_a_later_page_of_the_api_list(place):
    place.server.page_size = 5
    place.server.pulls += [*OTHERS, FORK]
    assert find(place, branch=None) == 9
    assert len(place.server.requests) == 5


def test_pull_request_search_keeps_the_branch_filter_on_later_pages_of_the_list():
    """GitHub's Link header percent-encodes the filter; the client must not drop it."""
    place = place_at("github")
    with place.server, place.client:
        place.server.page_size = 2
        branch = [Pull(each, f"{each:040x}", owner="mallory", branch="patch-1") for each in (1, 2)]
        place.server.pulls += [*branch, FORK]
        assert find(place) == 9
        filters = [each.query["head"] for each in place.server.requests]
        assert filters == ["mallory:patch-1"] * 2


def test_pull_request_is_not_found_by_a_commit_older_than_its_last_commit(place):
    place.server.pulls.append(Pull(9, "b" * 40, owner="mallory", branch="patch-1"))
    with pytest.raises(ForgeError, match="last commit of pull request 9 is now b"):
        find(place)


def test_pull_request_with_the_same_branch_name_but_a_different_commit_is_not_found(place):
    place.server.pulls.append(Pull(8, "b" * 40, owner="team", branch="patch-1"))
    with pytest.raises(ForgeError, match="is not the last commit of an open pull request"):
        find(place)


def test_closed_pull_request_is_not_found_by_its_last_commit(place):
    place.server.pulls.append(Pull(9, FORK.head, is_open=False))
    with pytest.raises(ForgeError, match="no result was posted"):
        find(place, branch=None)


def test_pull_request_search_fails_if_several_pull_requests_have_the_same_last_commit(place):
    place.server.pulls += [FORK, Pull(12, FORK.head, owner="mallory", branch="patch-1")]
    with pytest.raises(ForgeError, match=r"last commit of several open pull requests: 9, 12"):
        find(place)


def test_pull_request_given_by_number_must_have_the_expected_last_commit(place):
    require_head(place.client, place.forge, 7, HEAD)
    place.server.pull.head = "c" * 40
    with pytest.raises(ForgeError, match=r"last commit of pull request 7 is c+, not 8b1d"):
        require_head(place.client, place.forge, 7, HEAD)
