"""Checks URLs of remote Git repositories, and removes credentials before URLs are shown."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reconciler.errors import SourceError
from reconciler.model.quoting import quoted

SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP_LIKE = re.compile(
    r"(?P<user>[A-Za-z0-9_][\w.-]*)@(?P<host>[A-Za-z0-9][\w.-]*):(?!//)(?P<path>.+)"
)
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_PASSWORD = re.compile(r"[^/@:]+:.*@", re.DOTALL)
"""Matches a URL that has a password but no ``://``, such as ``user:password@host``."""
_TAIL = re.compile(r"[/?#]")
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,30}://"
_URL = re.compile(rf"(?<=')({_SCHEME})([^'\n]*)|({_SCHEME})([^\s'\"]*)")
"""Matches a URL in git's output: the scheme, and the rest. A quoted URL can contain spaces."""
_MOST_CHARACTERS = 2_000
"""The maximum length, in characters, of a message from git; a longer message is not shown."""
_HIDDEN = "***"


def is_remote(address: str) -> bool:
    """Return whether a repository argument is the URL of a remote repository.

    An argument with a password but without a scheme also counts as a URL, so that an error message
    does not show the password.
    """
    return (
        "://" in address
        or bool(_HELPER.match(address))
        or bool(_SCP_LIKE.fullmatch(address))
        or bool(_PASSWORD.match(address))
    )


def checked(address: str) -> str:
    """Return a repository URL unchanged if it is safe to pass to git.

    Raises:
        SourceError: The scheme or form of the URL is not allowed.
    """
    if _SCP_LIKE.fullmatch(address):
        return address
    scheme, separator, rest = address.partition("://")
    authority, tail = _split(rest)
    # A transport helper after the scheme, as in https://ext::, would become a part of the host.
    has_helper = _HELPER.match(address) or _HELPER.match(authority.rpartition("@")[2])
    if address.startswith("-") or has_helper or not separator or not rest:
        raise _refused(address)
    if _is_ambiguous(authority, tail):
        raise SourceError(
            f"the repository URL {shown(address)} is ambiguous, because the part after the host "
            "contains @",
            hint="in a password or a path, write @, /, ? and # as %40, %2F, %3F and %23",
        )
    try:
        host = urlsplit(address).hostname or ""
    except ValueError as error:
        raise _refused(address) from error
    is_local = scheme == "file"
    if scheme not in SCHEMES or host.startswith("-") or (not host and not is_local):
        raise _refused(address)
    _reject_visible_secrets(address, scheme, authority, tail)
    return address


def _reject_visible_secrets(address: str, scheme: str, authority: str, tail: str) -> None:
    """Check that git will not show a secret part of a repository URL on a command line.

    Raises:
        SourceError: The URL has a query, a fragment, or a password that the scheme does not use.
    """
    if scheme in {"https", "http"} and re.search("[?#]", tail):
        raise SourceError(
            f"the repository URL {shown(address)} has a query or a fragment, which every user "
            "of this machine could read in the process list",
            hint="remove the query and the fragment; to send a token, use --git-credentials",
        )
    if scheme in {"ssh", "git"} and ":" in authority.rpartition("@")[0]:
        raise SourceError(
            f"the repository URL {shown(address)} has a password, which {scheme} does not use",
            hint="remove the password, and set an SSH key with --git-credentials",
        )


def has_password(address: str) -> bool:
    """Return whether a URL contains a user name with a password."""
    _, separator, rest = address.partition("://")
    return bool(separator) and ":" in _split(rest)[0].rpartition("@")[0]


def local_folder(address: str) -> Path | None:
    """Return the directory to which a ``file://`` URL refers, or None for other URLs.

    If the URL ends with ``.git``, the result is the directory of the working tree.
    """
    scheme, _, rest = address.partition("://")
    if scheme != "file":
        return None
    folder = Path("/", unquote(rest).lstrip("/"))  # git reads file://a/b like file:///a/b
    return folder.parent if folder.name == ".git" else folder


def shown(address: str) -> str:
    """Return a repository URL without user, password, query and fragment.

    If ``@`` occurs after the host, a part of the path could be a password. The result then
    contains neither host nor path.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        masked = _PASSWORD.match(address)
        return f"{_HIDDEN}@{address[masked.end() :]}" if masked else address
    authority, tail = _split(rest)
    if authority and "@" in tail:
        return f"{scheme}://{_HIDDEN}"
    return f"{scheme}://{authority.rpartition('@')[2]}{re.split('[?#]', tail, maxsplit=1)[0]}"


def without_credentials(text: str) -> str:
    """Remove user and password from each URL in a message."""
    return _URL.sub(_without_user, text)


def cleaned(text: str, address: str) -> str:
    """Remove the secret parts of the repository URL, and of other URLs, from a git message."""
    text = text.replace(address, shown(address))
    for secret in sorted(_secrets(address), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    if len(text) > _MOST_CHARACTERS:
        return f"the message from git is not shown, because it has {len(text)} characters"
    return without_credentials(text)


def _without_user(url: re.Match[str]) -> str:
    return (url[1] or url[3]) + (url[2] or url[4] or "").rpartition("@")[2]


def _split(rest: str) -> tuple[str, str]:
    """Split the part of a URL after ``://`` into the authority and the rest."""
    match = _TAIL.search(rest)
    end = match.start() if match else len(rest)
    return rest[:end], rest[end:]


def _is_ambiguous(authority: str, tail: str) -> bool:
    """Return whether an ``@`` in the path of a URL could be the end of a password."""
    if not authority or "@" not in tail:
        return False
    return ":" in authority or "@" in authority or re.search("[^/]@", tail) is not None


def _secrets(address: str) -> set[str]:
    """Return the secret parts of a URL, such as the password, percent-encoded and decoded."""
    _, separator, rest = address.partition("://")
    if not separator:
        return set()
    authority, tail = _split(rest)
    if authority and "@" in tail:
        found = [rest.rpartition("@")[0]]
    else:
        userinfo = authority.rpartition("@")[0]
        found = [userinfo, userinfo.partition(":")[2]]
    path, question_mark, query = tail.partition("?")
    found.extend((query if question_mark else path.partition("#")[2],))
    return {each for secret in found for each in (secret, unquote(secret)) if each}


def _refused(address: str) -> SourceError:
    return SourceError(
        f"{quoted(shown(address))} is not a supported repository URL",
        hint="use https://, ssh://, git://, http:// or file://, user@host:path, or a local "
        "directory",
    )
