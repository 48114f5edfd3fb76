"""Tests that no message, log or traceback contains a token, password, header or body."""

from __future__ import annotations

import logging
import traceback

import pytest

from reconciler.cluster.api.client import Client
from reconciler.errors import ReconcilerError

VMS = "/apis/kubevirt.io/v1/virtualmachines"


@pytest.fixture
def shown(caplog, capsys):
    """Returns a function that collects everything that a user can see about an error."""
    caplog.set_level(logging.DEBUG)

    def show(error: BaseException) -> str:
        trace = "".join(traceback.format_exception(error))
        hint = getattr(error, "hint", "")
        out, err = capsys.readouterr()
        return "\n".join((str(error), repr(error), hint, trace, caplog.text, out, err))

    return show


CASES = {
    "unauthorized": (401, "Unauthorized"),
    "forbidden": (403, "no"),
    "unavailable": (500, "no"),
    "rejected": (422, "no"),
}


@pytest.mark.parametrize("case", CASES)
def test_error_response_leaks_no_credentials(server, make_client, failure, shown, harness, case):
    url = f"http://admin:{harness.PASSWORD}@127.0.0.1:{server.port}"
    client = make_client(url).without_retries()
    echo = (("X-Echo", harness.TOKEN), ("Set-Cookie", f"s={harness.PASSWORD}"))
    code, message = CASES[case]
    answer = failure(code, message)
    server.on(VMS, harness.Reply(code, answer.body, echo))
    with pytest.raises(ReconcilerError) as caught:
        client.get(VMS, {"fieldSelector": "a"})
    text = shown(caught.value)
    assert harness.TOKEN not in text
    assert harness.PASSWORD not in text


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such.invalid", "127.0.0.1:99999", "[::1"])
def test_connection_error_leaks_no_credentials(make_client, shown, harness, host):
    url = f"https://admin:{harness.PASSWORD}@{host}"
    with pytest.raises(ReconcilerError) as caught:
        make_client(url).without_retries().get(VMS)
    text = shown(caught.value)
    assert harness.TOKEN not in text
    assert harness.PASSWORD not in text


def test_error_about_a_token_with_invalid_header_characters_does_not_contain_the_token(
    clock, make_kubeconfig, shown, harness
):
    path = make_kubeconfig("http://127.0.0.1:1", {"token": f"{harness.TOKEN}\nx"})
    with (
        Client.from_options(clock=clock, kubeconfig_path=path) as client,
        pytest.raises(ReconcilerError, match="not allowed in an HTTP header") as caught,
    ):
        client.get(VMS)
    assert harness.TOKEN not in shown(caught.value)


def test_damaged_kubeconfig_leaks_no_credentials(clock, tmp_path, shown, harness):
    path = tmp_path / "k"
    for text in (
        f"token: {harness.TOKEN}\n  bad: [indent",
        f"{{contexts: [{{name: c, token: {harness.TOKEN}}}], current-context: c}}",
        f"[{harness.TOKEN}]",
        f"{harness.TOKEN}",
        "",
    ):
        path.write_text(text)
        with pytest.raises(ReconcilerError) as caught:
            Client.from_options(clock=clock, kubeconfig_path=str(path))
        assert str(path) in str(caught.value)
        assert harness.TOKEN not in shown(caught.value)
