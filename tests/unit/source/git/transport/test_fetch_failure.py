"""Tests the explanations for fetch failures that git, libcurl and OpenSSH report."""

import pytest

from reconciler.source.git.git_process import Output
from reconciler.source.git.transport.fetch_failure import fetch_error

URL = "https://bot:s3cret@git.example.com/fleet.git"
ACCESS = "fatal: unable to access 'https://git.example.com/fleet.git/': "
TOO_EARLY = "the server ended the connection too early"
UNVERIFIED = "the certificate of the server cannot be verified"


def explained(messages, *, url=URL, has_login=True):
    output = Output(status=128, stdout=b"", stderr=messages)
    error = fetch_error(url, output, has_login=has_login)
    assert "s3cret" not in f"{error}{error.hint}"
    assert error.hint
    return str(error).removeprefix("https://git.example.com/fleet.git cannot be fetched: ")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("SSL certificate problem: unable to get local issuer certificate", UNVERIFIED),
        ("SSL certificate problem: certificate has expired", UNVERIFIED),
        ("SSL: no alternative certificate subject name matches target host name", UNVERIFIED),
        ("OpenSSL SSL_read: error:0A000126:SSL routines::unexpected eof while reading", TOO_EARLY),
        ("OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to git.example.com", TOO_EARLY),
        ("gnutls_handshake() failed: Error in the pull function.", TOO_EARLY),
        ("Recv failure: Connection reset by peer", TOO_EARLY),
        ("CONNECT tunnel failed, response 407", "the proxy rejects the credentials"),
        ("Received HTTP code 407 from proxy after CONNECT", "the proxy rejects the credentials"),
        (
            "Could not resolve proxy: proxy.example.com",
            "the host name of the proxy cannot be resolved",
        ),
        (
            "Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds",
            "the server sends no data",
        ),
        ("The requested URL returned error: 401", "the server rejects the credentials"),
        ("The requested URL returned error: 503", "the server has an internal problem"),
        (
            "The requested URL returned error: 429",
            "the server receives too many requests (429)",
        ),
    ],
)
def test_git_fetch_failure_over_https_is_explained_for_messages_of_each_tls_library(
    message, expected
):
    assert explained(f"{ACCESS}{message}\n") == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("error: unable to write file: No space left on device\n", "the disk is full"),
        ("fatal: write error: No space left on device\n", "the disk is full"),
        ("fatal: the remote end hung up unexpectedly\n", TOO_EARLY),
        ("fatal: something else\n", "something else"),
    ],
)
def test_git_fetch_failure_without_an_https_error_is_explained(message, expected):
    assert explained(message) == expected


def test_message_from_the_git_server_does_not_change_the_explanation_of_a_fetch_failure():
    message = "remote: Host key verification failed.\nremote: HTTP 407\nfatal: something else\n"
    assert explained(message) == "something else"


def test_url_to_which_a_git_server_redirects_is_shown_without_its_password():
    message = "fatal: could not read Username for 'https://u:s3cret@other.example.com': x\n"
    assert explained(message).startswith(
        "the server redirects to https://other.example.com, which asks"
    )
