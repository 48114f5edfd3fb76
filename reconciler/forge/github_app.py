"""``installation_token``: requests an access token for an installation of a GitHub App.

The program openssl signs the request with the app's private key, so that the reconciler needs no
cryptography code or library. The container image includes openssl, because the package
ca-certificates depends on it.

Source: docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App".
"""

from __future__ import annotations

import json
import subprocess
from base64 import urlsafe_b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from reconciler.errors import ForgeError, SourceError
from reconciler.forge.answer_codec import decoded
from reconciler.forge.forge_client import ForgeClient
from reconciler.forge.forge_request import ForgeRequest

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.ports import Clock

_PAST_S, _VALID_S = 60, 540
"""How far in the past a JSON Web Token is issued, and how long it is valid, in seconds.

The issue time is in the past, because GitHub's clock can be behind this machine's clock. GitHub
accepts an expiry time at most 10 minutes in the future.
"""
_OPENSSL_S = 30.0


class _Installation(msgspec.Struct):
    id: int


class _Token(msgspec.Struct):
    token: str


def installation_token(
    *,
    app_id: str,
    installation_id: str,
    owner: str,
    key: Path,
    base_url: str,
    ca: Path | None,
    clock: Clock,
) -> str:
    """Request a token that gives access to an app installation's repositories for an hour.

    Args:
        app_id: The ID of the GitHub App.
        installation_id: The ID of the installation, or an empty string if only the owner is known.
        owner: The organization or user that installed the app.
        key: The file with the app's private key.
        base_url: The URL of GitHub's API.
        ca: A file with the CA certificates to trust, or None to trust those of the system.
        clock: The clock that provides the current time.

    Raises:
        SourceError: The key cannot be used, or GitHub returns no token.
        UsageError: *base_url* is not a valid API URL.
    """
    request_token = _signed(app_id, key, int(clock.now().timestamp()))
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {request_token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    try:
        with ForgeClient(
            base_url, token=request_token, headers=headers, clock=clock, ca=ca
        ) as client:
            number = installation_id or str(_installation_of(client, owner))
            path = f"/app/installations/{number}/access_tokens"
            answer = client.send(ForgeRequest(method="POST", path=path))
            return decoded(answer.body, _Token).token
    except ForgeError as error:
        raise SourceError(
            f"GitHub returned no access token for the GitHub App {app_id}: {error}",
            hint="check githubAppID, githubAppPrivateKey, githubAppInstallationID (or "
            "githubAppInstallationOwner) and, for GitHub Enterprise Server, githubAppBaseURL",
        ) from error


def _installation_of(client: ForgeClient, owner: str) -> int:
    """Return the ID of the app installation for an organization or a user."""
    try:
        answer = client.send(ForgeRequest(method="GET", path=f"/orgs/{owner}/installation"))
    except ForgeError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        answer = client.send(ForgeRequest(method="GET", path=f"/users/{owner}/installation"))
    return decoded(answer.body, _Installation).id


def _signed(app_id: str, key: Path, now: int) -> str:
    """Build a signed JSON Web Token that authenticates the app to GitHub."""
    claims = {"iat": now - _PAST_S, "exp": now + _VALID_S, "iss": app_id}
    parts = [_encoded(json.dumps(each).encode()) for each in ({"alg": "RS256"}, claims)]
    text = b".".join(parts)
    return b".".join((text, _encoded(_signature(key, text)))).decode()


def _signature(key: Path, text: bytes) -> bytes:
    # The command line contains only the path of the key file, because other processes can read it.
    command = ("openssl", "dgst", "-sha256", "-sign", str(key.absolute()))
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the path is the only argument from outside
            command,
            input=text,
            capture_output=True,
            check=False,
            timeout=_OPENSSL_S,
        )
    except FileNotFoundError as error:
        raise SourceError(
            "openssl, which reconciler needs to authenticate as a GitHub App, is not installed",
            hint="install openssl, or use an access token as `password` instead",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(
            f"openssl did not sign the GitHub App token with {key} within {_OPENSSL_S:g} s"
        ) from error
    if done.returncode:
        raise SourceError(
            f"openssl cannot sign the GitHub App token with {key}",
            hint="check that the file contains the complete private key of the GitHub App (RSA, "
            "PEM, no passphrase)",
        )
    return done.stdout


def _encoded(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
