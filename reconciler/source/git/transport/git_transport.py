"""Prepares the environment of a fetch: ``transport``.

Passwords and tokens are in files in memory. git inherits their descriptors and reads a part of its
configuration from one of them, so that no secret is on a command line, in an environment variable
or on a disk. The credential helper belongs to one origin, such as ``https://git.example.com``;
git does not call the helper for another scheme, host or port, for example after a redirect.
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.source.git.transport.git_credentials import GitCredentials

REMOTE = "desired"
"""The name under which git knows the address during a fetch."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_USER = "git"
"""A user name for servers that expect a token as the password and ignore the user name."""
_SSH_OPTIONS = (
    *("-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oUpdateHostKeys=no"),
    "-oServerAliveInterval=15",
)
"""Options of ssh: no prompts, only known host keys, no changes to ``known_hosts``, and an end if
the server does not answer three times."""
_CALLERS_PROGRAMS = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_PROXY_COMMAND")
"""Variables of the caller that name a program; a fetch with a credentials folder ignores them."""
_HTTP_LIMITS = {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "60"}
"""Variables with which git stops if a server sends less than 1 byte per second for 60 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """The environment and the open files that git needs to connect to a server."""

    environment: dict[str, str]
    descriptors: tuple[int, ...] = ()
    """The open file descriptors that git and its child processes inherit."""
    has_login: bool = False
    """Whether this program gives git a password or a bearer token."""


@contextmanager
def transport(url: str, credentials: GitCredentials | None) -> Iterator[Transport]:
    """Yield the environment and the files that git needs for a fetch, with any secrets.

    Args:
        url: A checked address, which may contain a user and a password.
        credentials: The folder with credentials for exactly this scheme, host and port. None
            means git's own mechanisms, such as a credential helper, ``~/.netrc`` or an SSH agent.

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
    if credentials is not None:
        for name in _CALLERS_PROGRAMS:
            environment.pop(name, None)
    with ExitStack() as stack:
        if scheme == "ssh":
            environment |= _ssh(credentials)
        elif scheme in {"https", "http"}:
            url, login = _without_login(url)
            if credentials is not None:
                login = _login(url, login, credentials)
                environment |= {"GIT_ASKPASS": "", **_certificates(credentials)}
                environment.pop("GIT_SSL_NO_VERIFY", None)
            descriptors = _write_config(stack, url, login, only=credentials is not None)
            settings["include.path"] = f"/dev/fd/{descriptors[-1]}"
        elif scheme == "git" and credentials and credentials.login():
            raise _unencrypted(url)
        settings |= {f"remote.{REMOTE}.url": url, "fetch.unpackLimit": "1"}
        environment |= git_environment.configured(settings)
        has_login = bool(login.password or login.bearer_token)
        yield Transport(environment=environment, descriptors=descriptors, has_login=has_login)


def _login(url: str, in_address: Login, credentials: GitCredentials) -> Login:
    """Return the folder's credentials; if the folder has no user name, use the address's.

    Raises:
        SourceError: The address has a password as well, or has no encryption.
    """
    found = credentials.login()
    if in_address.password:
        raise SourceError(
            f"{repository_url.shown(url)} has a password in its address, and --git-credentials "
            "is set as well",
            hint="remove the user and the password from the address",
        )
    if found is None:
        return in_address
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise _unencrypted(url)
    return replace(found, username=found.username or in_address.username or _ANY_USER)


def _write_config(stack: ExitStack, url: str, login: Login, *, only: bool) -> tuple[int, ...]:
    """Write the git configuration for a login to a file in memory.

    Args:
        stack: The owner of the files.
        url: The address of the repository, without user and password.
        login: The credentials for the origin of *url*.
        only: Whether git uses no other credentials, and verifies certificates in any case.

    Returns:
        The descriptors that git must inherit; the last one is that of the configuration.
    """
    parts = urlsplit(url)
    origin = _quoted(f"{parts.scheme}://{parts.netloc}")
    lines = ["[credential]", "helper =", "[http]", "sslVerify = true"] if only else []
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
    return (*descriptors, _secret(stack, "\n".join((*lines, ""))))


def _without_login(url: str) -> tuple[str, Login]:
    """Return an address without user and password, and the user and password as a ``Login``.

    git repeats the address on the command line of its transport helper.
    """
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    userinfo, _, host = authority.rpartition("@")
    username, _, password = userinfo.partition(":")
    login = Login(username=unquote(username), password=unquote(password))
    if not (login.username + login.password).isprintable():
        raise SourceError(
            f"the user or the password in {repository_url.shown(url)} has control characters",
            hint="percent-encode only printable characters",
        )
    return f"{scheme}://{host}{slash}{path}", login


def _certificates(credentials: GitCredentials) -> dict[str, str]:
    """Return the environment variables for a certificate authority and a client certificate."""
    names = {
        "GIT_SSL_CAINFO": git_credentials.CA,
        "GIT_SSL_CERT": git_credentials.CLIENT_CERTIFICATE,
        "GIT_SSL_KEY": git_credentials.CLIENT_KEY,
    }
    files = {variable: credentials.file(name) for variable, name in names.items()}
    return {variable: str(path.absolute()) for variable, path in files.items() if path}


def _ssh(credentials: GitCredentials | None) -> dict[str, str]:
    """Return the ssh command with this program's options, as an environment variable."""
    if credentials is None and "GIT_SSH" in os.environ:
        return {}
    options = list(_SSH_OPTIONS)
    if credentials is None:
        configured = execute(Path("/"), ("config", "--get", "core.sshCommand")).stdout
        command = os.environ.get("GIT_SSH_COMMAND") or os.fsdecode(configured).strip() or "ssh"
    else:
        # ssh uses the first value of an option, so a command of the caller could accept any host.
        command = "ssh"
        if identity := credentials.file(*git_credentials.IDENTITIES):
            options += ["-oIdentitiesOnly=yes", "-oIdentityAgent=none"]
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
    """Quote a text for a value or a subsection in a Git configuration file."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unencrypted(url: str) -> SourceError:
    return SourceError(
        f"{repository_url.shown(url)} has no encryption, so credentials are not sent to it",
        hint="use an address with https:// or ssh://, or remove --git-credentials",
    )
