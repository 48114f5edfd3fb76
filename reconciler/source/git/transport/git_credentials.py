"""``GitCredentials``: reads credentials for Git servers from the directory ``--git-credentials``.

The file names are the keys of Secrets for Flux GitRepository objects and of Kubernetes' built-in
Secret types, so such a Secret can be mounted unchanged. Files are read at each fetch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconciler.errors import SourceError
from reconciler.model.quoting import quoted

USERNAME, PASSWORD, BEARER_TOKEN = "username", "password", "bearerToken"
APP_ID, APP_KEY, APP_URL = "githubAppID", "githubAppPrivateKey", "githubAppBaseURL"
APP_INSTALLATION, APP_OWNER = "githubAppInstallationID", "githubAppInstallationOwner"
CA, CLIENT_CERTIFICATE, CLIENT_KEY = "ca.crt", "tls.crt", "tls.key"
IDENTITIES = ("identity", "ssh-privatekey")
KNOWN_HOSTS = "known_hosts"
PUBLIC_API = "https://api.github.com"
_MAX_BYTES = 64_000
"""The maximum size of a secret in bytes; some identity providers issue tokens of several kB."""


_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""Matches the name of a GitHub account."""


class InstallationToken(Protocol):
    """Requests an access token for one installation of a GitHub App."""

    def __call__(
        self,
        *,
        app_id: str,
        installation_id: str,
        owner: str,
        key: Path,
        base_url: str,
        ca: Path | None,
    ) -> str:
        """Return a token that can read the repositories of a GitHub App installation.

        Either *installation_id* or *owner* is empty; *owner* is the account that installed the
        app.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The credentials for an HTTPS server: a user with a password, or a bearer token."""

    username: str = ""
    """The user name, or an empty string if only the password is known."""
    password: str = ""
    bearer_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCredentials:
    """A directory with one file per credential; if it is empty, git fetches anonymously."""

    folder: Path
    installation_token: InstallationToken

    def file(self, *names: str) -> Path | None:
        """Return the path of the first of the given names that exists in the directory, or None.

        Raises:
            SourceError: The directory does not exist or cannot be read.
        """
        try:
            present = {each.name for each in self.folder.iterdir()}
        except OSError as error:
            raise SourceError(
                f"the --git-credentials directory {self.folder} cannot be read: {error.strerror}",
                hint="create the directory, or mount a Secret there",
            ) from error
        found = next((name for name in names if name in present), None)
        return self.folder / found if found else None

    def login(self) -> Login | None:
        """Return a password, a bearer token or a GitHub App token, or None if none is configured.

        Raises:
            SourceError: A file cannot be used, or the directory has several kinds of credentials.
        """
        kinds = [name for name in (PASSWORD, BEARER_TOKEN, APP_ID) if self.file(name)]
        if not kinds:
            return None
        if len(kinds) > 1:
            raise SourceError(
                f"the --git-credentials directory {self.folder} has {' and '.join(kinds)}, so "
                "the credentials are ambiguous",
                hint=f"keep only one of {PASSWORD}, {BEARER_TOKEN} and {APP_ID}",
            )
        if kinds == [BEARER_TOKEN]:
            return Login(bearer_token=self._text(BEARER_TOKEN))
        if kinds == [APP_ID]:
            return Login(username="x-access-token", password=self._app_token())
        username = self._text(USERNAME) if self.file(USERNAME) else ""
        return Login(username=username, password=self._text(PASSWORD))

    def _app_token(self) -> str:
        key = self.file(APP_KEY)
        selectors = [name for name in (APP_INSTALLATION, APP_OWNER) if self.file(name)]
        if key is None or not selectors:
            raise SourceError(
                f"the --git-credentials directory {self.folder} has {APP_ID}, which also needs "
                f"{APP_KEY}, and either {APP_INSTALLATION} or {APP_OWNER}",
                hint="add the missing keys to the Secret",
            )
        if len(selectors) > 1:
            raise SourceError(
                f"the --git-credentials directory {self.folder} has {' and '.join(selectors)}, "
                "so the GitHub App installation is ambiguous",
                hint="keep only one of these files",
            )
        return self.installation_token(
            app_id=self._number(APP_ID),
            installation_id=self._number(APP_INSTALLATION)
            if APP_INSTALLATION in selectors
            else "",
            owner=self._owner() if APP_OWNER in selectors else "",
            key=key,
            base_url=self._text(APP_URL) if self.file(APP_URL) else PUBLIC_API,
            ca=self.file(CA),
        )

    def _owner(self) -> str:
        text = self._text(APP_OWNER)
        if not _ACCOUNT.fullmatch(text):
            raise SourceError(
                f"{self.folder / APP_OWNER} does not contain the name of a GitHub account",
                hint="write the organization or the user that installed the GitHub App into "
                "this file",
            )
        return text

    def _number(self, name: str) -> str:
        text = self._text(name)
        if not (text.isascii() and text.isdecimal()):
            raise SourceError(
                f"{self.folder / name} does not contain a number",
                hint="copy the number from the settings of the GitHub App",
            )
        return text

    def _text(self, name: str) -> str:
        """Return the content of a one-line file without the newline at its end.

        A second line is rejected, because the content becomes a value in a line-based protocol.
        """
        path = self.folder / name
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise SourceError(
                f"{path} cannot be read: {error.strerror}",
                hint="give the user that runs this process read permission (for a mounted Secret, "
                "set defaultMode or fsGroup)",
            ) from error
        try:
            text = data.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            text = ""
        if not text or not text.isprintable() or len(data) > _MAX_BYTES:
            raise SourceError(
                f"{path} is not a single line of text with at most {_MAX_BYTES:,} bytes",
                hint=f"write only the value of {quoted(name)} into the file",
            )
        return text
