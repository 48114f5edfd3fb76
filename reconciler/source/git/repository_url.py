"""Checks URLs of remote repositories, and shows them without credentials."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from reconciler.errors import SourceError

SCHEMES = ("https", "http", "ssh", "file")
_SCP_LIKE = re.compile(
    r"(?P<user>[A-Za-z0-9_][\w.-]*)@(?P<host>[A-Za-z0-9][\w.-]*):(?!//)(?P<path>.+)"
)
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_CREDENTIALS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/\s@]*@")


def is_remote(address: str) -> bool:
    """Return whether *address* refers to a remote repository, not to a local folder."""
    return "://" in address or bool(_HELPER.match(address)) or bool(_SCP_LIKE.fullmatch(address))


def checked(address: str) -> str:
    """Return *address* if it is safe to pass to git.

    Raises:
        SourceError: The scheme or form of the address is not allowed.
    """
    if _SCP_LIKE.fullmatch(address):
        return address
    scheme, separator, rest = address.partition("://")
    if address.startswith("-") or _HELPER.match(address) or not separator or not rest:
        raise _refused(address)
    try:
        host = urlsplit(address).hostname or ""
    except ValueError as error:
        raise _refused(address) from error
    is_local = scheme == "file"
    if scheme not in SCHEMES or host.startswith("-") or (not host and not is_local):
        raise _refused(address)
    return address


def shown(address: str) -> str:
    """Return *address* without user, password, query and fragment."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return without_credentials(address).partition("?")[0]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def without_credentials(text: str) -> str:
    """Return *text* without the user and password in its URLs."""
    return _CREDENTIALS.sub(r"\g<scheme>", text)


def secrets(address: str) -> tuple[str, ...]:
    """Return the parts of *address* that are secret, such as the password."""
    try:
        parts = urlsplit(address if "://" in address else "")
    except ValueError:
        return ()
    userinfo = parts.netloc.rpartition("@")[0]
    found = (userinfo, parts.password or "", parts.query)
    return tuple(each for each in found if each)


def _refused(address: str) -> SourceError:
    return SourceError(
        f"{shown(address)!r} is not a supported repository address",
        hint="use https://, http://, ssh:// or file://, user@host:path, or a local folder",
    )
