"""Tests the retries of the Git host client, and that the client never leaks its token."""

from __future__ import annotations

import pytest
from support.builders import NOW
from support.fake_ports import FakeClock
from support.forges.fake_forge import TOKEN
from support.forges.fault import Fault

from reconciler.errors import ForgeError, UsageError
from reconciler.forge.forge_client import ATTEMPTS, SECONDARY_LIMIT_S, ForgeClient
from reconciler.forge.github import GitHub
from reconciler.forge.post_comment import Posted

RESET = str(int(NOW.timestamp()) + 90)
LIMITS = {
    "Retry-After in seconds": (Fault(429, {"Retry-After": "17"}), 17),
    "Retry-After of a 403": (Fault(403, {"Retry-After": "17"}), 17),
    "Retry-After of a 503": (Fault(503, {"Retry-After": "17"}), 17),
    "primary limit of GitHub": (
        Fault(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": RESET}),
        90,
    ),
    "limit of GitLab": (Fault(429, {"RateLimit-Remaining": "0", "RateLimit-Reset": RESET}), 90),
    "secondary limit of GitHub": (
        Fault(403, body={"message": "You have exceeded a secondary rate limit."}),
        SECONDARY_LIMIT_S,
    ),
    "secondary limit of an older GitHub Enterprise Server": (
        Fault(403, body={"message": "You have triggered an abuse detection mechanism."}),
        SECONDARY_LIMIT_S,
    ),
    "429 without a time": (Fault(429), 0.5),
}


@pytest.mark.parametrize("name", LIMITS)
def test_rate_limited_git_host_request_is_retried_after_the_time_that_the_response_names(
    place, name
):
    fault, seconds = LIMITS[name]
    place.server.faults[place.line("create")] = [fault]
    assert place.post() is Posted.CREATED
    assert seconds <= place.clock.seconds < seconds + 30
    assert len(place.server.comments) == 1
    assert place.server.lines.count(place.line("create")) == 2


def test_git_host_request_fails_if_retry_after_exceeds_the_total_retry_time(place):
    place.server.faults[place.line("list")] = [Fault(429, {"Retry-After": "3600"})]
    with pytest.raises(ForgeError, match="429"):
        place.post()
    assert place.clock.seconds == 0


def test_git_host_list_request_is_retried_after_temporary_failures(place):
    place.server.faults[place.line("list")] = [Fault(502), Fault(500)]
    assert place.post() is Posted.CREATED
    assert place.server.lines.count(place.line("list")) == 4


def test_git_host_list_request_fails_after_the_maximum_number_of_attempts(place):
    place.server.faults[place.line("list")] = [Fault(500)] * 20
    with pytest.raises(ForgeError, match="500"):
        place.post()
    assert place.server.lines.count(place.line("list")) == ATTEMPTS


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_git_host_request_is_not_retried_after_a_permanent_failure(place, status):
    body = {"message": "Validation Failed"}
    place.server.faults[place.line("create")] = [Fault(status, body=body)]
    with pytest.raises(ForgeError, match=f"{status}: Validation Failed"):
        place.post()
    assert place.server.lines.count(place.line("create")) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_git_host_client_does_not_follow_redirects(place, status):
    place.server.faults[place.line("list")] = [
        Fault(status, {"Location": f"{place.server.url}/elsewhere"})
    ]
    with pytest.raises(ForgeError, match="redirect"):
        place.post()
    assert len(place.server.requests) == 2


def test_git_host_error_message_is_shown_without_the_token(place):
    body = {"message": f"bad token {TOKEN}\x1b[31m"}
    place.server.faults[place.line("list")] = [Fault(401, body=body)]
    with pytest.raises(ForgeError) as raised:
        place.post()
    assert TOKEN not in str(raised.value)
    assert "bad token ***\\x1b[31m" in str(raised.value)


@pytest.mark.parametrize("content", [b"<html>", b"[" * 100_000, b'[{"id": "x"}]', b"\xff", b""])
def test_git_host_response_that_does_not_match_the_api_documentation_is_an_error(place, content):
    with pytest.raises(ForgeError, match="does not match the documentation of its API"):
        place.forge.decode_comments(content)


def test_git_host_token_never_appears_in_a_request_path_query_or_body(place):
    place.post()
    assert all(
        TOKEN not in f"{each.path}{each.query}{each.body}" for each in place.server.requests
    )


def test_error_about_an_unreachable_git_host_does_not_contain_the_token():
    clock = FakeClock()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    client = ForgeClient("http://127.0.0.1:1", token=TOKEN, headers=headers, clock=clock)
    with (
        client,
        pytest.raises(ForgeError, match=r"failed: no response \(NewConnectionError\)") as raised,
    ):
        client.send(GitHub("team/vms").user())
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example.com/api/v1",
        "https://user:secret@git.example.com",
        "ftp://git.example.com",
        "git.example.com",
        "https://git.example.com/?q=1",
        "https://git.example.com/\r\nX: y",
        "https://[",
        "",
    ],
)
def test_unsafe_git_host_url_is_rejected_without_showing_its_password(url):
    with pytest.raises(UsageError) as raised:
        ForgeClient(url, token=TOKEN, headers={}, clock=FakeClock())
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ümlaut"])
def test_malformed_git_host_token_is_rejected_without_showing_the_token(token):
    with pytest.raises(UsageError) as raised:
        ForgeClient("https://git.example.com", token=token, headers={}, clock=FakeClock())
    assert not token or token not in str(raised.value)
