"""Tests a Git fetch with the token of a GitHub App, whose signature a fake GitHub checks."""

from __future__ import annotations

import json
import subprocess
from base64 import urlsafe_b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from support.git_servers.http_backend import basic, http_server
from support.git_servers.outcome import failed
from support.tools.installed import tool

HINT = (
    "check githubAppID, githubAppPrivateKey, githubAppInstallationID (or "
    "githubAppInstallationOwner) and, for GitHub Enterprise Server, githubAppBaseURL"
)


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A directory with the private keys ``app`` and ``stranger``, and a public key of ``app``."""
    folder, openssl = tmp_path_factory.mktemp("keys"), tool("openssl")
    for name in ("app", "stranger"):
        command = [openssl, "genrsa", "-out", folder / name, "2048"]
        subprocess.run(command, check=True, capture_output=True)
    command = [openssl, "rsa", "-in", "app", "-pubout", "-out", "app.pub"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def github(keys, secret, leaks, tmp_path):
    """The URL of a fake GitHub that returns a token only for installation 77 of app 12."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Suppress the request log."""

        def do_GET(self):
            is_known = self.path == "/users/bob-ops/installation"
            self.answer(200 if is_known else 404, {"id": 77} if is_known else {})

        def do_POST(self):
            leaks.look()
            request = self.headers["Authorization"].removeprefix("Bearer ")
            signed, _, signature = request.rpartition(".")
            (tmp_path / "signature").write_bytes(decoded(signature))
            command = ["openssl", "dgst", "-sha256", "-verify", keys / "app.pub"]
            command += ["-signature", tmp_path / "signature"]
            verified = subprocess.run(
                command, input=signed.encode(), capture_output=True, check=False
            )
            header, claims = (json.loads(decoded(part)) for part in signed.split("."))
            is_valid = (
                verified.returncode == 0
                and header == {"alg": "RS256"}
                and claims["iss"] == "12"
                and claims["exp"] - claims["iat"] == 600
                and self.path == "/app/installations/77/access_tokens"
            )
            body = {"token": secret} if is_valid else {"message": "A JSON web token is invalid"}
            self.answer(201 if is_valid else 401, body)

        def answer(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def app(credentials, github, keys, authority):
    """Returns a function that writes the credentials of a GitHub App, with some files replaced."""

    def write(**changed):
        files = {
            "githubAppID": "12\n",
            "githubAppInstallationID": "77\n",
            "githubAppPrivateKey": (keys / "app").read_text(),
            "githubAppBaseURL": github,
            "ca_crt": authority.certificate.read_text(),
        }
        return credentials(**files | changed)

    return write


@pytest.fixture
def address(served, authority, secret, stack, leaks):
    server = stack.enter_context(
        http_server(
            served.root,
            tls=authority.context(),
            authorization=basic("x-access-token", secret),
            on_request=leaks.look,
        )
    )
    return f"{server.url}/fleet.git"


def test_git_repository_is_read_with_the_token_of_a_github_app(validate, app, address, leaks):
    assert validate(address, app()).code == 0
    assert leaks.n_looks >= 4


def test_github_app_installation_is_found_by_its_owner(validate, app, address):
    folder = app(githubAppInstallationOwner="bob-ops")
    (folder / "githubAppInstallationID").unlink()
    assert validate(address, folder).code == 0


@pytest.mark.parametrize(
    ("owner", "end"),
    [
        ("alice", "GET http://127.0.0.1:{port}/users/alice/installation failed with status 404"),
        ("../x", "githubAppInstallationOwner does not contain the name of a GitHub account"),
    ],
)
def test_unknown_owner_of_a_github_app_installation_is_reported(
    validate, app, address, github, owner, end
):
    folder = app(githubAppInstallationOwner=owner)
    (folder / "githubAppInstallationID").unlink()
    code, message, _ = failed(validate(address, folder))
    assert code == 1
    assert end.format(port=github.rpartition(":")[2]) in message


def test_github_app_credentials_that_name_both_installation_and_owner_are_reported(
    validate, app, address
):
    folder = app(githubAppInstallationOwner="bob-ops")
    assert failed(validate(address, folder))[1] == (
        f"the --git-credentials directory {folder} has githubAppInstallationID and "
        "githubAppInstallationOwner, so the GitHub App installation is ambiguous"
    )


def test_private_key_of_a_different_github_app_is_reported(validate, app, address, keys):
    folder = app(githubAppPrivateKey=(keys / "stranger").read_text())
    code, message, hint = failed(validate(address, folder))
    assert code == 1
    assert message.startswith(
        "GitHub returned no access token for the GitHub App 12: POST http://127.0.0.1:"
    )
    assert message.endswith("failed with status 401: A JSON web token is invalid")
    assert hint == HINT


def test_unusable_private_key_of_a_github_app_is_reported(validate, app, address):
    folder = app(githubAppPrivateKey="-----BEGIN RSA PRIVATE KEY-----\n")
    code, message, hint = failed(validate(address, folder))
    assert (code, message) == (
        1,
        f"openssl cannot sign the GitHub App token with {folder}/githubAppPrivateKey",
    )
    assert hint.startswith("check that the file contains the complete private key")


def test_github_app_installation_id_that_is_not_a_number_is_reported(validate, app, address):
    folder = app(githubAppInstallationID="77/../78")
    code, message, _ = failed(validate(address, folder))
    assert (code, message) == (1, f"{folder}/githubAppInstallationID does not contain a number")


def test_incomplete_credentials_of_a_github_app_are_reported(validate, credentials, address):
    folder = credentials(githubAppID="12")
    code, message, hint = failed(validate(address, folder))
    expected = (
        f"the --git-credentials directory {folder} has githubAppID, which also needs "
        "githubAppPrivateKey, and either githubAppInstallationID or githubAppInstallationOwner"
    )
    assert (code, message) == (1, expected)
    assert hint == "add the missing keys to the Secret"
