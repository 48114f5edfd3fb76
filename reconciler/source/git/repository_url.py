"""Addresses of remote repositories: which are allowed, and how they are shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from reconciler.errors import SourceError

SCHEMES = ("https", "http", "ssh", "file")
_SCP_LIKE = re.compile(
    r"(?P<user>[A-Za-z0-9_][\w.-]*)@(?P<host>[A-Za-z0-9][\w.-]*):(?!//)(?P<path>.+)"
)
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_CREDENTIALS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]*@")


def is_remote(address: str) -> bool:
    """Whether *address* is to be fetched, rather than opened as a local folder."""
    return "://" in address or bool(_HELPER.match(address)) or bool(_SCP_LIKE.fullmatch(address))


def checked(address: str) -> str:
    """*address*, which is safe to give to git.

    Raises:
        SourceError: Its form is not one of those that are allowed.
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
    """*address* without user, password, query and fragment."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return without_credentials(address).partition("?")[0]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def without_credentials(text: str) -> str:
    """*text* with user and password taken out of every URL in it."""
    return _CREDENTIALS.sub(r"\g<scheme>", text)


def secrets(address: str) -> tuple[str, ...]:
    """The parts of *address* that must be shown nowhere."""
    if "://" not in address:
        return ()
    try:
        parts = urlsplit(address)
    except ValueError:
        return ()
    userinfo = parts.netloc.rpartition("@")[0]
    found = (userinfo, parts.password or "", parts.query)
    return tuple(each for each in found if each)


def _refused(address: str) -> SourceError:
    return SourceError(
        f"{shown(address)!r} is not an address that is fetched from",
        hint="use https://, http://, ssh:// or file://, user@host:path, or a local folder",
    )
