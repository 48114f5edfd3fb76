"""``transport``: prepares the environment variables and files that git needs for a fetch.

Passwords and tokens are in files in memory, and git inherits the file descriptors. git reads a
part of its configuration from such a file, so that no secret is on a command line, in an
environment variable or on a disk. The credential helper is configured for one origin, such as
``https://git.example.com``. git does not call the helper for a different scheme, host or port, for
example after a redirect.
"""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reconciler.errors import SourceError
from reconciler.source.git import git_environment, repository_url
from reconciler.source.git.git_process import execute, file_in_memory
from reconciler.source.git.transport import git_credentials
from reconciler.source.git.transport.git_credentials import Login
from reconciler.source.git.transport.ssh_key import require_no_passphrase
from reconciler.source.git.transport.user_settings import selected_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.source.git.transport.git_credentials import GitCredentials

REMOTE = "desired"
"""The name of the Git remote whose URL is the repository URL during a fetch."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_USER = "git"
"""The user name for servers that expect a token as the password and ignore the user name."""
_SSH_OPTIONS = (
    *("-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no"),
    "-oServerAliveInterval=15",
)
"""Options of ssh: no prompts, only known host keys, no changes to ``known_hosts``, and a
disconnect if the server does not respond three times."""
_ISOLATED = {
    "HOME": "/dev/null",  # libcurl looks for .netrc there
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ASKPASS": "",  # otherwise, git runs the program in SSH_ASKPASS
}
"""Environment variables that make git ignore credentials outside the credentials directory."""
_CLIENT_IDENTITY = ("GIT_SSL_CERT", "GIT_SSL_KEY", "GIT_SSL_CERT_PASSWORD_PROTECTED")
"""The caller's environment variables for a client certificate, which identifies the caller."""
_HTTP_LIMITS = {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "60"}
"""Environment variables that make git stop if a server sends less than 1 byte/s for 60 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """The environment variables and open files that git needs to connect to a server."""

    environment: dict[str, str]
    descriptors: tuple[int, ...] = ()
    """The open file descriptors that git and git's child processes inherit."""
    has_login: bool = False
    """Whether this program gives git a password or a bearer token."""


@contextmanager
def transport(url: str, credentials: GitCredentials | None) -> Iterator[Transport]:
    """Yield the environment variables and open files that git needs for a fetch.

    Args:
        url: A checked URL, which can contain a user and a password.
        credentials: The directory with credentials for the URL's scheme, host and port. None means
            git's own mechanisms: credential helpers, ``~/.netrc`` and SSH keys.

    Raises:
        SourceError: The credentials cannot be read, or would be sent without encryption.
    """
    scheme = url.partition("://")[0] if "://" in url else "ssh"
    allowed = set(repository_url.SCHEMES)
    if scheme == "https":
        allowed -= {"http", "git"}  # a redirect must not remove the encryption
    environment = _HTTP_LIMITS | git_environment.for_fetching()
    environment["GIT_ALLOW_PROTOCOL"] = ":".join(sorted(allowed))
    settings: dict[str, str] = {}
    descriptors: tuple[int, ...] = ()
    login = Login()
    with ExitStack() as stack:
        if scheme == "ssh":
            environment |= _ssh(credentials)
        elif scheme in {"https", "http"}:
            url, login = _without_login(url)
            if credentials is None:
                descriptors = _write_config(stack, url, login)
                settings["include.path"] = f"/dev/fd/{descriptors[-1]}"
            else:
                login = _login(url, login, credentials)
                descriptors = _write_config(stack, url, login, _isolated_config())
                for name in (*_CLIENT_IDENTITY, "GIT_SSL_NO_VERIFY"):
                    environment.pop(name, None)
                environment |= {**_ISOLATED, **_certificates(credentials)}
                environment["GIT_CONFIG_GLOBAL"] = f"/dev/fd/{descriptors[-1]}"
        elif scheme == "git" and credentials and credentials.login():
            raise _unencrypted(url)
        settings |= {f"remote.{REMOTE}.url": url, "fetch.unpackLimit": "1"}
        environment |= git_environment.configured(
            settings, alone="GIT_CONFIG_GLOBAL" in environment
        )
        has_login = bool(login.password or login.bearer_token)
        yield Transport(environment=environment, descriptors=descriptors, has_login=has_login)


def _login(url: str, in_address: Login, credentials: GitCredentials) -> Login:
    """Return the credentials for a fetch; the user name in the URL is used if no file sets one.

    Raises:
        SourceError: The URL also has a password, or is not encrypted.
    """
    found = credentials.login()
    if in_address.password:
        raise SourceError(
            f"the URL {repository_url.shown(url)} contains a password, but --git-credentials is "
            "also set",
            hint="remove the user and the password from the URL",
        )
    if found is None:
        return in_address
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise _unencrypted(url)
    return replace(found, username=found.username or in_address.username or _ANY_USER)


def _isolated_config() -> str:
    """Return the Git configuration that replaces the user's and the system's configuration."""
    lines = []
    for key, value in selected_settings():
        section, _, rest = key.partition(".")
        subsection, _, variable = rest.rpartition(".")
        header = f"{section} {_quoted(subsection)}" if subsection else section
        lines += [f"[{header}]", f"{variable} = {_quoted(value)}"]
    # With emptyAuth, git could use a Kerberos ticket of the user.
    return "\n".join((*lines, "[http]", "sslVerify = true", "emptyAuth = false", ""))


def _write_config(stack: ExitStack, url: str, login: Login, isolated: str = "") -> tuple[int, ...]:
    """Write a Git configuration with credentials to a file in memory.

    Args:
        stack: Closes the files.
        url: The URL of the repository, without user and password.
        login: The credentials for the scheme, host and port of *url*.
        isolated: Settings that precede the credentials in the configuration.

    Returns:
        The file descriptors that git must inherit; the last one is that of the configuration.
    """
    parts = urlsplit(url)
    origin = _quoted(f"{parts.scheme}://{parts.netloc}")
    lines: list[str] = []
    descriptors: tuple[int, ...] = ()
    if login.bearer_token:
        header = _quoted(f"Authorization: Bearer {login.bearer_token}")
        # Without the last line, git would send the header to the host to which a redirect leads.
        lines += [f"[http {origin}]", f"extraHeader = {header}", "followRedirects = false"]
    elif login.password:
        answer = f"username={login.username}\npassword={login.password}\n"
        descriptors = (_secret(stack, answer),)
        helper = _quoted(f'!f() {{ test "$1" = get && cat /dev/fd/{descriptors[0]}; }}; f')
        lines += [f"[credential {origin}]", "helper =", f"helper = {helper}"]
    elif login.username:
        lines += [f"[credential {origin}]", f"username = {_quoted(login.username)}"]
    return (*descriptors, _secret(stack, isolated + "\n".join((*lines, ""))))


def _without_login(url: str) -> tuple[str, Login]:
    """Return a URL without user and password, and a ``Login`` with the user and password.

    git repeats the URL on the command line of its transport helper, where other users of the
    machine could read a password.
    """
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    userinfo, _, host = authority.rpartition("@")
    username, _, password = userinfo.partition(":")
    login = Login(username=unquote(username), password=unquote(password))
    if not (login.username + login.password).isprintable():
        raise SourceError(
            f"the user or the password in the URL {repository_url.shown(url)} contains control "
            "characters",
            hint="use a user and a password without control characters",
        )
    return f"{scheme}://{host}{slash}{path}", login


def _certificates(credentials: GitCredentials) -> dict[str, str]:
    """Return the environment variables for a CA certificate and a client certificate."""
    names = {
        "GIT_SSL_CAINFO": git_credentials.CA,
        "GIT_SSL_CERT": git_credentials.CLIENT_CERTIFICATE,
        "GIT_SSL_KEY": git_credentials.CLIENT_KEY,
    }
    files = {variable: credentials.file(name) for variable, name in names.items()}
    return {variable: str(path.absolute()) for variable, path in files.items() if path}


def _ssh(credentials: GitCredentials | None) -> dict[str, str]:
    """Return the environment variable that sets git's ssh command and its options."""
    options = list(_SSH_OPTIONS)
    if credentials is None:
        configured = execute(Path("/"), ("config", "--get", "core.sshCommand")).stdout
        command = os.fsdecode(configured).strip() or "ssh"
    else:
        # ssh uses the first value of an option, so a user's command could accept any host.
        command = "ssh"
        if identity := credentials.file(*git_credentials.IDENTITIES):
            require_no_passphrase(identity)
            # Without -F none, ssh would also try the keys that the user's configuration contains.
            options += ["-F", "none", "-oIdentitiesOnly=yes", "-oIdentityAgent=none"]
            options += [f"-oIdentityFile={_ssh_path(identity)}"]
        if known_hosts := credentials.file(git_credentials.KNOWN_HOSTS):
            options += [f"-oUserKnownHostsFile={_ssh_path(known_hosts)}"]
            options += ["-oGlobalKnownHostsFile=/dev/null"]
    return {"GIT_SSH_COMMAND": f"{command} {shlex.join(options)}"}


def _ssh_path(path: Path) -> str:
    """Quote a path for an option of ssh, and escape percent signs."""
    return '"' + str(path.absolute()).replace("%", "%%").replace('"', '\\"') + '"'


def _secret(stack: ExitStack, text: str) -> int:
    """Write a secret to a file in memory, and return the file's descriptor."""
    file = stack.enter_context(file_in_memory())
    file.write(text.encode())
    file.flush()
    file.seek(0)
    return file.fileno()


def _quoted(text: str) -> str:
    """Quote a string as a value or a subsection of a Git configuration file."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unencrypted(url: str) -> SourceError:
    return SourceError(
        f"the URL {repository_url.shown(url)} has no encryption, so credentials are not sent to "
        "it",
        hint="use a URL with https:// or ssh://, or remove --git-credentials",
    )
