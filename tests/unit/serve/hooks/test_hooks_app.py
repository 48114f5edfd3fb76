"""Webhook requests are accepted with a valid signature, and only pushes to the branch matter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.fake_ports import FakeClock
from support.serving.asgi_call import ask
from support.serving.raw_http import connect, read_to_end
from support.serving.senders import BRANCH, KNOWN_EVENTS, NEW, REPOSITORY, SENDERS
from support.tools.installed import tool

from reconciler.serve.hooks.body_reader import BodyLimits
from reconciler.serve.hooks.followed_branch import FollowedBranch
from reconciler.serve.hooks.hooks_app import HookOptions, hooks_app
from reconciler.serve.hooks.secret_folder import SecretFolder
from reconciler.serve.http.connection_limits import ConnectionLimits
from reconciler.serve.http.http_server import HttpServer, Listener
from reconciler.serve.http.listen_address import ListenAddress

DOCS = Path(__file__).resolve().parents[4] / ".github" / "docs"
GITHUB = SENDERS[0]
TIMED = [each for each in SENDERS if each.timed]
ALL = pytest.mark.parametrize("sender", SENDERS, ids=lambda each: each.name)


class Receiver:
    """The webhook application with a directory of secrets, and the pushes that it reported."""

    def __init__(self, folder, *, repository=REPOSITORY, revision=BRANCH, **limits) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.pushes = []
        self.counts = Counter()
        options = HookOptions(
            secrets=SecretFolder(folder, self.clock),
            followed=FollowedBranch(repository=repository, revision=revision),
            clock=self.clock,
            body=BodyLimits(**limits),
            count=lambda scheme, result: self.counts.update([(scheme, result)]),
        )
        self.app = hooks_app(options, self.pushes.append)

    def send(self, hook, **changes):
        """Send a webhook request, and return the response."""
        request = {"method": "POST", "headers": hook.headers, "body": hook.body, **changes}
        return ask(self.app, hook.path, **request)


@pytest.fixture
def receiver(tmp_path):
    """Return a function that starts a webhook receiver with the secrets of a sender."""

    def start(sender=GITHUB, *secrets, **options) -> Receiver:
        file = tmp_path / sender.scheme
        file.write_text("\n".join(secrets or [sender.secret]) + "\n")
        file.chmod(0o400)
        return Receiver(tmp_path, **options)

    return start


@ALL
def test_webhook_push_to_the_applied_branch_is_reported_with_its_commit(receiver, sender):
    started = receiver(sender)
    answer = started.send(sender.hook("push"))
    assert (answer.status, answer.text) == (202, "a Git poll starts now\n")
    assert [(each.scheme, each.commit) for each in started.pushes] == [(sender.scheme, NEW)]
    assert started.counts == {(sender.scheme, "accepted"): 1}


@ALL
@pytest.mark.parametrize("event", [each for each in KNOWN_EVENTS if each != "push"])
def test_webhook_request_without_a_push_to_the_applied_branch_gets_status_200(
    receiver, sender, event
):
    started = receiver(sender)
    assert started.send(sender.hook(event)).status == 200
    assert started.pushes == []
    assert started.counts == {(sender.scheme, "ignored"): 1}


@ALL
def test_webhook_push_of_a_tag_is_reported_if_serve_applies_the_tag(receiver, sender):
    started = receiver(sender, revision="refs/tags/v1")
    assert started.send(sender.hook("tag")).status == 202
    assert started.send(sender.hook("push", delivery="delivery-2")).status == 200
    assert len(started.pushes) == 1


REJECTED = (401, "Unauthorized")


@ALL
def test_webhook_request_signed_with_a_wrong_secret_is_rejected(receiver, sender):
    started = receiver(sender)
    answer = started.send(sender.hook(secret=sender.other_secret))
    assert (answer.status, answer.text) == REJECTED
    assert started.pushes == []
    assert started.counts == {(sender.scheme, "unauthenticated"): 1}


@ALL
def test_webhook_request_without_a_signature_is_rejected(receiver, sender):
    started = receiver(sender)
    hook = sender.hook().with_headers(**{sender.signature.replace("-", "_"): None})
    answer = started.send(hook.with_headers(x_gitea_signature=None))
    assert (answer.status, answer.text) == REJECTED
    assert started.pushes == []


@ALL
@pytest.mark.parametrize(
    "value", ["x", "sha256=", "v1,", "sha256=zz", "v1,!!", "=", ",", "ü" * 64]
)
def test_webhook_request_with_a_malformed_signature_is_rejected(receiver, sender, value):
    hook = sender.hook().with_headers(**{sender.signature.replace("-", "_"): value})
    answer = receiver(sender).send(hook.with_headers(x_gitea_signature=None))
    assert (answer.status, answer.text) == REJECTED


@pytest.mark.parametrize(
    "sender", [each for each in SENDERS if each.signs_body], ids=lambda each: each.name
)
def test_webhook_request_with_a_modified_body_is_rejected(receiver, sender):
    hook = sender.hook()
    answer = receiver(sender).send(hook, body=hook.body.replace(b"main", b"mail"))
    assert (answer.status, answer.text) == REJECTED


@ALL
def test_webhook_request_is_accepted_with_either_of_two_secrets_until_that_secret_is_removed(
    receiver, sender
):
    started = receiver(sender, sender.other_secret, sender.secret)
    first = sender.hook(secret=sender.other_secret, delivery="delivery-1")
    second = sender.hook(secret=sender.secret, delivery="delivery-2")
    assert [started.send(each).status for each in (first, second)] == [202, 202]
    (started.folder / sender.scheme).unlink()
    (started.folder / sender.scheme).write_text(sender.secret)
    started.clock.seconds += 2
    first = sender.hook(secret=sender.other_secret, delivery="delivery-3")
    second = sender.hook(secret=sender.secret, delivery="delivery-4")
    assert [started.send(each).status for each in (first, second)] == [401, 202]


@pytest.mark.parametrize("sender", TIMED, ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("age_s", "status"), [(299, 202), (-299, 202), (301, 401), (-301, 401), (1e9, 401)]
)
def test_webhook_request_with_a_signed_time_is_accepted_only_within_five_minutes(
    receiver, sender, age_s, status
):
    assert receiver(sender).send(sender.hook(age_s=age_s)).status == status


@pytest.mark.parametrize("sender", TIMED, ids=lambda each: each.name)
def test_webhook_request_with_a_modified_signed_time_is_rejected(receiver, sender):
    fresh = sender.hook().headers["webhook-timestamp"]
    hook = sender.hook(age_s=1_000).with_headers(webhook_timestamp=fresh)
    assert receiver(sender).send(hook).status == 401


@pytest.mark.parametrize("sender", TIMED, ids=lambda each: each.name)
def test_webhook_request_with_several_signatures_is_accepted_if_one_is_valid(receiver, sender):
    signature = sender.hook().headers["webhook-signature"]
    wrong = sender.hook(secret=sender.other_secret).headers["webhook-signature"]
    hook = sender.hook().with_headers(webhook_signature=f"v1a,x {wrong} {signature}")
    assert receiver(sender).send(hook).status == 202


@pytest.mark.parametrize(
    "sender", [each for each in SENDERS if each.identified], ids=lambda each: each.name
)
def test_repeated_webhook_request_gets_status_200_and_is_reported_once(receiver, sender):
    started = receiver(sender)
    hook = sender.hook()
    assert [started.send(hook).status for _ in range(3)] == [202, 200, 200]
    assert len(started.pushes) == 1
    assert started.counts[sender.scheme, "repeated"] == 2


def test_repeated_generic_webhook_request_is_reported_again_because_it_has_no_id(receiver):
    sender = next(each for each in SENDERS if not each.identified)
    started = receiver(sender)
    assert [started.send(sender.hook()).status for _ in range(2)] == [202, 202]


def test_rejected_webhook_request_does_not_block_a_valid_request_with_the_same_id(receiver):
    started = receiver()
    assert started.send(GITHUB.hook(secret="wrong")).status == 401
    assert started.send(GITHUB.hook()).status == 202


@ALL
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"1", b"null", b"\xff", b"[" * 100_000, b'{"a": 1e999}', b"NaN"]
)
def test_signed_webhook_request_that_is_not_a_json_object_gets_status_200(receiver, sender, body):
    started = receiver(sender)
    answer = started.send(sender.hook(body=body))
    assert (answer.status, answer.text[:8]) == (200, "ignored:")
    assert started.pushes == []


@ALL
def test_signed_webhook_request_with_unexpected_field_types_is_not_an_error(receiver, sender):
    started = receiver(sender)
    for number, value in enumerate(([], {}, 1, None, True, "text", [[]], [{}], {"name": []})):
        names = ("ref", "after", "repository", "project", "changes", "push", "data", "deleted")
        body = json.dumps(dict.fromkeys((*names, "object_kind", "type"), value)).encode()
        answer = started.send(sender.hook(body=body, delivery=f"delivery-{number}"))
        assert answer.status in {200, 202}


@ALL
def test_webhook_request_above_the_size_limit_gets_status_413_before_it_is_read(receiver, sender):
    started = receiver(sender, each=1_000)
    hook = sender.hook(body=b"x" * 1_001)
    announced = hook.with_headers(content_length="1001")
    assert started.send(announced, body=[None]).status == 413
    assert started.send(hook, body=[hook.body[:600], hook.body[600:]]).status == 413
    assert started.counts == {(sender.scheme, "too-large"): 2}


@pytest.mark.parametrize("length", ["99999999999999999999", "1" * 4_000])
def test_webhook_request_that_announces_a_gigantic_body_gets_status_413(receiver, length):
    hook = GITHUB.hook().with_headers(content_length=length)
    assert receiver().send(hook, body=[None]).status == 413


def test_webhook_request_of_three_mebibytes_is_accepted_by_default(receiver):
    _, content = GITHUB.events["push"]
    body = json.dumps({**content, "commits": ["x" * (3 * 1024 * 1024 - 300)]}).encode()
    assert len(body) <= 3 * 1024 * 1024
    assert receiver().send(GITHUB.hook(body=body)).status == 202


@ALL
def test_webhook_request_for_a_signature_scheme_without_a_secret_gets_status_501(
    receiver, sender, tmp_path
):
    other = next(each for each in SENDERS if each.scheme != sender.scheme)
    answer = receiver(other).send(sender.hook())
    assert (answer.status, answer.text) == (501, "Not Implemented")


@pytest.mark.parametrize(
    "path",
    ["/", "/hooks", "/hooks/", "/hooks/other", "/hooks/github/", "/hooks/github/x", "/metrics"],
)
def test_request_for_an_unknown_path_of_the_webhook_server_gets_status_404(receiver, path):
    started = receiver()
    for method in ("GET", "POST"):
        answer = ask(started.app, path, method=method)
        assert (answer.status, answer.text) in {(404, "Not Found"), (405, "Method Not Allowed")}
        assert (answer.status == 405) == (path == "/hooks/other" and method == "GET")
    assert started.counts == {}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_webhook_request_with_a_method_other_than_post_gets_status_405(receiver, method):
    answer = receiver().send(GITHUB.hook(), method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"


def test_all_rejected_webhook_requests_get_identical_responses(receiver):
    started = receiver()
    hooks = (
        GITHUB.hook(secret="wrong"),
        GITHUB.hook(secret="wrong", body=b"{"),
        GITHUB.hook("ping", secret="wrong"),
        GITHUB.hook().with_headers(x_hub_signature_256=None),
        GITHUB.hook().with_headers(x_hub_signature_256="sha256=0"),
    )
    assert len({str(started.send(each)) for each in hooks}) == 1


def test_webhook_request_without_a_signature_is_rejected_before_its_body_is_read(receiver):
    started = receiver()
    hook = GITHUB.hook().with_headers(x_hub_signature_256=None)
    # An application that waited for this body would see the client disconnect.
    assert started.send(hook, body=[None]).status == 401


def test_gitlab_webhook_token_is_checked_before_the_body_is_read(receiver):
    sender = next(each for each in SENDERS if each.name == "GitLab token")
    hook = sender.hook(secret="another-token")
    assert receiver(sender).send(hook, body=[None]).status == 401


def test_webhook_request_has_no_effect_if_the_client_disconnects_while_it_sends_the_body(receiver):
    started = receiver()
    hook = GITHUB.hook()
    started.send(hook, body=[hook.body[:10], None])
    assert started.pushes == []


def test_github_webhook_request_with_a_form_body_is_accepted(receiver):
    _, content = GITHUB.events["push"]
    body = urlencode({"payload": json.dumps(content)}).encode()
    hook = GITHUB.hook(body=body)
    form = hook.with_headers(content_type="application/x-www-form-urlencoded; charset=utf-8")
    assert receiver().send(form).status == 202


@pytest.mark.parametrize("body", [b"", b"payload", b"payload=", b"a=1", b"&" * 100, b"payload=1"])
def test_signed_webhook_request_with_a_form_that_contains_no_json_object_gets_status_200(
    receiver, body
):
    form = GITHUB.hook(body=body).with_headers(content_type="application/x-www-form-urlencoded")
    started = receiver()
    assert (started.send(form).status, started.pushes) == (200, [])


def test_json_webhook_body_with_the_content_type_of_a_form_is_accepted(receiver):
    form = GITHUB.hook().with_headers(content_type="application/x-www-form-urlencoded")
    assert receiver().send(form).status == 202


def test_example_script_in_the_documentation_sends_an_accepted_webhook_request(receiver, tmp_path):
    text = (DOCS / "webhooks.md").read_text(encoding="utf-8")
    (script,) = re.findall("```python\n(.*?)```", text, re.DOTALL)
    sender = next(each for each in SENDERS if each.scheme == "generic")
    started = receiver(sender)
    address = ListenAddress(host="127.0.0.1", port=0)
    listener = Listener(option="--hooks-listen", address=address, app=started.app)
    with HttpServer(listener) as server:
        url = f"http://{server.addresses[0]}/hooks/generic"
        variables = {"SECRET": sender.secret, "URL": url, "no_proxy": "*"}
        run = [sys.executable, "-c", script]
        sent = subprocess.run(run, env=variables, check=True, capture_output=True, text=True)
    assert sent.stdout.startswith("202 ")
    assert len(started.pushes) == 1


def test_sha_1_signature_of_a_github_webhook_is_rejected(receiver):
    hook = GITHUB.hook()
    hook = hook.with_headers(x_hub_signature_256=hook.headers["x-hub-signature"])
    assert receiver().send(hook).status == 401


def test_gitlab_signing_key_is_rejected_if_it_is_sent_as_a_plain_token(receiver):
    token, signing = (
        next(each for each in SENDERS if each.name == f"GitLab {name}")
        for name in ("token", "signing")
    )
    assert receiver(signing).send(token.hook(secret=signing.secret)).status == 401


def test_gitlab_webhook_request_is_accepted_with_either_kind_of_secret(receiver):
    token, signing = (
        next(each for each in SENDERS if each.name == f"GitLab {name}")
        for name in ("token", "signing")
    )
    started = receiver(token, token.secret, signing.secret)
    assert started.send(token.hook(delivery="delivery-1")).status == 202
    assert started.send(signing.hook(delivery="delivery-2")).status == 202


def test_webhook_secrets_and_signatures_do_not_appear_in_the_log(receiver, caplog):
    caplog.set_level("DEBUG")
    started = receiver()
    started.send(GITHUB.hook())
    started.send(GITHUB.hook(secret="an attempt"))
    assert "webhook request to /hooks/github: a Git poll starts now" in caplog.text
    assert GITHUB.secret not in caplog.text
    assert GITHUB.hook().headers["x-hub-signature-256"] not in caplog.text
    assert "an attempt" not in caplog.text


def test_many_rejected_webhook_requests_cause_one_log_message_per_minute(receiver, caplog):
    started = receiver()
    for _ in range(50):
        started.send(GITHUB.hook(secret="wrong"))
    assert caplog.text.count("without a valid signature") == 1
    started.clock.seconds += 61
    started.send(GITHUB.hook(secret="wrong"))
    assert "requests to /hooks/github without a valid signature: 50." in caplog.text


def test_branch_name_in_a_webhook_request_cannot_add_a_line_to_the_response_or_the_log(
    receiver, caplog
):
    caplog.set_level("INFO")
    _, content = GITHUB.events["push"]
    body = json.dumps({**content, "ref": "refs/heads/a\r\n\x1b[31m::error::"}).encode()
    answer = receiver().send(GITHUB.hook(body=body))
    assert answer.text.count("\n") == 1
    assert "\x1b" not in answer.text + caplog.text
    assert "\r" not in answer.text + caplog.text


def test_github_example_requests_are_accepted_but_only_pushes_to_the_applied_branch_are_reported(
    receiver,
):
    examples = json.loads(tool("github-webhooks").read_text())
    started = receiver(revision="master", repository="git@github.com:Codertocat/Hello-World.git")
    answers = Counter()
    for event in examples:
        for number, body in enumerate(event["examples"]):
            hook = GITHUB.hook(
                body=json.dumps(body).encode(), delivery=f"{event['name']} {number}"
            ).with_headers(x_github_event=event["name"])
            answers[event["name"], started.send(hook).status] += 1
    assert {name for name, status in answers if status == 202} == {"push"}
    assert {status for _, status in answers} == {200, 202}
    assert answers["push", 202] == 2
    assert answers["push", 200] == 5
    assert answers["ping", 200] == 4


@pytest.fixture
def listening(receiver):
    """Return a function that serves a webhook receiver on a port, and returns it with its URL."""
    servers = []

    def start(sender=GITHUB, **limits):
        started = receiver(sender)
        address = ListenAddress(host="127.0.0.1", port=0)
        server = HttpServer(
            Listener(
                option="--hooks-listen",
                address=address,
                app=started.app,
                limits=ConnectionLimits(**limits),
            )
        )
        servers.append(server.__enter__())
        return started, server.addresses[0]

    yield start
    for each in servers:
        each.stop()


def _head(hook, n_bytes: int) -> bytes:
    lines = [f"POST {hook.path} HTTP/1.1", "Host: a", f"Content-Length: {n_bytes}"]
    lines += [f"{name}: {value}" for name, value in hook.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_webhook_request_is_received_over_a_tcp_connection(listening):
    started, address = listening()
    hook = GITHUB.hook().with_headers(connection="close")
    with connect(address) as client:
        client.sendall(_head(hook, len(hook.body)) + hook.body)
        assert read_to_end(client).startswith(b"HTTP/1.1 202 ")
    assert len(started.pushes) == 1


@ALL
def test_webhook_request_whose_body_arrives_too_slowly_gets_status_408(listening, sender):
    started, address = listening(sender, body_s=0.05)
    hook = sender.hook()
    with connect(address) as client:
        client.sendall(_head(hook, len(hook.body)) + hook.body[:10])
        assert read_to_end(client).startswith(b"HTTP/1.1 408 ")
    assert started.pushes == []


def test_client_gets_status_413_before_it_sends_the_body_of_a_too_large_webhook_request(listening):
    _, address = listening()
    with connect(address) as client:
        hook = GITHUB.hook().with_headers(expect="100-continue", connection="close")
        client.sendall(_head(hook, 25_000_000))
        assert read_to_end(client).startswith(b"HTTP/1.1 413 ")


def test_client_gets_status_413_even_after_it_has_sent_all_of_a_too_large_webhook_request(
    listening,
):
    _, address = listening(request_bytes=8_000_000)
    with connect(address) as client:
        hook = GITHUB.hook().with_headers(connection="keep-alive")
        client.sendall(_head(hook, 4_000_000) + b"x" * 4_000_000)
        client.sendall(_head(GITHUB.hook("ping").with_headers(connection="close"), 0))
        assert read_to_end(client).startswith(b"HTTP/1.1 413 ")
