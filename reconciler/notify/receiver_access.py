"""``read_access``: reads the URL and headers of a notification receiver from mounted files.

The files are read before each attempt. No error contains a URL or a header, because the URL of an
incoming webhook is a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler import input_files
from reconciler.model.service.receiver import ReceiverKind

if TYPE_CHECKING:
    from reconciler.model.service.receiver import Receiver

ALERTS_PATH = "/api/v2/alerts"
_MAX_BYTES = 64_000
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]*)")
"""Matches an HTTP header whose value has no control characters and so cannot inject a header."""
_OWN_HEADERS = frozenset({"content-length", "content-type", "host", "transfer-encoding"})


class ReceiverError(Exception):
    """The URL or the headers of a notification receiver cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverAccess:
    """The current URL and HTTP headers of a notification receiver."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def read_access(receiver: Receiver) -> ReceiverAccess:
    """Read the URL and the HTTP headers of a notification receiver.

    Raises:
        ReceiverError: A file cannot be read, or the URL cannot be used.
    """
    url = receiver.url
    if receiver.url_file:
        url = _text(receiver.url_file).strip()
    return ReceiverAccess(
        url=_checked(url, receiver),
        headers=_headers(receiver.headers_file) if receiver.headers_file else {},
    )


def _checked(url: str, receiver: Receiver) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    plain = url.isascii() and url.isprintable() and " " not in url
    if not host or parts.scheme not in {"http", "https"} or parts.fragment or not plain:
        raise ReceiverError("the URL of the receiver is not a valid http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ReceiverError(
            "the URL of the receiver contains a user name or a password; use headersFile instead"
        )
    if receiver.kind is not ReceiverKind.ALERTMANAGER:
        return url
    if parts.query:
        raise ReceiverError("the URL of an Alertmanager must not contain a query string")
    base = url.rstrip("/")
    return base if base.endswith(ALERTS_PATH) else f"{base}{ALERTS_PATH}"


def _headers(path: str) -> dict[str, str]:
    found = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        match = _HEADER.fullmatch(line.rstrip())
        if match is None or match[1].lower() in _OWN_HEADERS:
            raise ReceiverError(
                f"line {number} of {path} does not have the form `Name: value`, or sets a header "
                "that reconciler itself sets"
            )
        found[match[1]] = match[2]
    return found


def _text(path: str) -> str:
    try:
        data = input_files.read(path, _MAX_BYTES + 1)
    except OSError as error:
        raise ReceiverError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    if not text.strip() or len(data) > _MAX_BYTES:
        raise ReceiverError(f"{path} does not contain 1 to {_MAX_BYTES:,} bytes of UTF-8 text")
    return text
