"""``fetch_error``: explains why git could not fetch, and how to solve the problem.

The patterns match messages of git, libcurl (with OpenSSL or GnuTLS) and OpenSSH.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.errors import SourceError
from reconciler.source.git import repository_url

if TYPE_CHECKING:
    from reconciler.source.git.git_process import Output

MAX_PACK_BYTES = 500_000_000
"""The maximum size in bytes of the data that git receives in one fetch."""
_ASKED = re.compile(r"could not read (?:Username|Password) for '([^']*)'")
_REDIRECTED = re.compile(r"returned error: 30[1278]\b|unable to update url base from redirection")
_CHECK_NETWORK = "check the repository URL, the network and the proxy (HTTPS_PROXY, NO_PROXY)"
_CHECK_LOGIN = (
    "check `username` and `password`, or `bearerToken`, in --git-credentials; the token might "
    "have expired, or might lack permission to read the repository"
)
_ENDED = (
    r"\Afatal: could not read from remote|empty reply|unexpected disconnect|early eof|hung up"
    r"|expected 'packfile'|bad pack header|curl \d+|recv failure|ssl_read|ssl_error_syscall"
    r"|unexpected eof|gnutls (?:recv|send) error|gnutls_handshake"
    r"|connection (?:reset|closed|to \S+ closed)"
)
_CAUSES = (
    (
        r"host identification has changed",
        "the SSH host key of the server is not the one in known_hosts",
        (
            "ask the operator of the server whether the key has changed; if so, replace the "
            "line in known_hosts, otherwise another server might be responding"
        ),
    ),
    (
        r"host key verification failed",
        "the SSH host key of the server is not in known_hosts",
        (
            "print the host key with ssh-keyscan, confirm it with the operator of the server, "
            "and add it to `known_hosts` in --git-credentials"
        ),
    ),
    (
        r"unprotected private key|bad permissions",
        "ssh rejects the SSH private key, because other users can read its file",
        "run chmod 600 on the file of the private key",
    ),
    (
        r"load key .*: (?:invalid format|error in libcrypto)",
        "the SSH private key cannot be read",
        (
            "check that `identity` in --git-credentials contains the whole private key and "
            "ends with a newline"
        ),
    ),
    (
        r"permission denied \(|too many authentication failures",
        "the server rejects the SSH key",
        (
            "register the public key on the server, and add the private key as `identity` to "
            "--git-credentials or to an SSH agent"
        ),
    ),
    (
        r"\b407\b",
        "the proxy rejects the credentials",
        ("add the credentials to the proxy URL: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"),
    ),
    (r"could not resolve proxy", "the host name of the proxy cannot be resolved", _CHECK_NETWORK),
    (
        r"certificate",
        "the certificate of the server cannot be verified",
        ("add the CA certificate as `ca.crt` to --git-credentials, or set GIT_SSL_CAINFO"),
    ),
    (
        r"protocol \"?http\"? not supported|protocol \"?http\"? (?:is )?disabled",
        "the server redirects to a URL without encryption",
        "set --repo to the new https:// URL of the repository",
    ),
    (
        r"file too large",
        "the server sends more data than the size limit for a fetch",
        "remove large files from the branch, or use a repository that has only manifests",
    ),
    (
        r"no space left on device|disk quota exceeded",
        "the disk is full",
        "free some space, or set --cache-dir or TMPDIR to another disk",
    ),
    (
        r"authentication failed|returned error: 401",
        "the server rejects the credentials",
        _CHECK_LOGIN,
    ),
    (r"returned error: 403", "the server denies access (403)", _CHECK_LOGIN),
    (r"returned error: 429", "the server receives too many requests (429)", "try again later"),
    (r"returned error: 5\d\d", "the server has an internal problem", "try again later"),
    (
        r"repository .* not found|does not appear to be a git repository|not exported",
        "the server has no such repository, or hides it from this user",
        "check the repository URL and the credentials; some servers hide private repositories",
    ),
    (r"operation too slow", "the server sends no data", _CHECK_NETWORK),
    (
        r"could not resolve host|name or service not known",
        "the host name of the server cannot be resolved",
        _CHECK_NETWORK,
    ),
    (
        r"failed to connect|unable to connect|connection refused|connection timed out|no route",
        "the connection to the server failed",
        _CHECK_NETWORK,
    ),
    (
        _ENDED,
        "the server ended the connection too early",
        "try again; if this happens again, check the server and the network",
    ),
)
"""The known causes of a failed fetch: a pattern for git's messages, a description and a hint."""
_OTHER_HINT = "check the repository URL, the network and the credentials"


def fetch_error(url: str, output: Output, *, has_login: bool) -> SourceError:
    """Return the error for a fetch that has failed.

    Args:
        url: The URL of the repository, which can contain a user and a password.
        output: The exit status and the output of git.
        has_login: Whether git received a password or a token from this program.
    """
    text, hint = _explained(url, output, has_login=has_login)
    return SourceError(f"{repository_url.shown(url)} cannot be fetched: {text}", hint=hint)


def _explained(url: str, output: Output, *, has_login: bool) -> tuple[str, str]:
    # Lines that start with `remote:` are text that the server chooses.
    lines = [line for line in output.stderr.split("\n") if not line.startswith("remote:")]
    messages = "\n".join(lines)
    if asked := _ASKED.search(messages):
        parts = urlsplit(repository_url.shown(url))
        own = f"{parts.scheme}://{parts.netloc}"
        other = repository_url.shown(asked[1])
        if other != own:
            return (
                (
                    f"the server redirects to {other}, which asks for credentials, but the "
                    f"credentials for {own} are sent only to {own}"
                ),
                "set --repo to the new URL of the repository",
            )
        if not has_login:
            return (
                "the server asks for credentials, but none are set",
                "set --git-credentials to a directory with `username` and `password`",
            )
        return "the server rejects the credentials", _CHECK_LOGIN
    if _REDIRECTED.search(messages):
        return (
            "the server redirects to another URL, to which the bearer token is not sent",
            "set --repo to the new URL of the repository",
        )
    for pattern, text, hint in _CAUSES:
        if re.search(pattern, messages, re.IGNORECASE):
            return text, hint
    return repository_url.cleaned(output.reason, url), _OTHER_HINT
