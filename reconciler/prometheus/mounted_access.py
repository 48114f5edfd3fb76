"""``read_access``: reads the URL and the credentials of Prometheus from options and files.

The user mounts the files, which are read again for each query, so that a rotated token is used
immediately. The Git repository can set neither the URL nor the credentials.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from reconciler import input_files
from reconciler.errors import UsageError

URL, USERNAME, PASSWORD = "url", "username", "password"
TOKENS = ("bearerToken", "token")
"""The file names for a bearer token, in a Flux Secret and in a service account volume."""
CA = "ca.crt"
_MAX_BYTES = 64_000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_URL_HINT = "write, for example, http://prometheus-operated.monitoring.svc:9090"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusAccess:
    """The current URL, credentials and CA certificates for Prometheus."""

    url: str
    """The URL without a final slash and without credentials."""
    headers: Mapping[str, str]
    """The HTTP header with the credentials, or no header if no credentials are set."""
    ca: Path | None
    """A file with CA certificates, or None to use those of the operating system."""


def read_access(url: str | None, folder: Path | None) -> PrometheusAccess | None:
    """Read the URL and the credentials of Prometheus, or return None if no URL is set.

    Args:
        url: The URL from the command line; None means the content of the file ``url`` in *folder*.
        folder: The directory with one file per credential; None means no credentials.

    Raises:
        UsageError: The URL or a file cannot be used. The message contains no credentials.
    """
    files = _files(folder) if folder is not None else frozenset[str]()
    if url is None:
        if folder is None or URL not in files:
            return None
        url = _text(folder / URL)
    address, headers = checked_url(url), {}
    if folder is not None:
        headers = _headers(folder, files)
    if headers and not address.startswith("https://"):
        host = urlsplit(address).hostname
        if host not in _LOOPBACK:
            raise UsageError(
                f"the credentials for Prometheus would be sent to {host} without encryption",
                hint="use a URL that starts with https://",
            )
    return PrometheusAccess(
        url=address,
        headers=headers,
        ca=folder / CA if folder is not None and CA in files else None,
    )


def checked_url(url: str) -> str:
    """Check the URL of Prometheus, and return it without a final slash.

    Raises:
        UsageError: *url* is not an http or https URL, or contains credentials.
    """
    text = url.rstrip("/")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the URL of Prometheus contains credentials",
            hint="write the credentials to files, and set --prometheus-credentials to the "
            "directory of these files",
        )
    plain = text.isascii() and text.isprintable() and " " not in text
    if not host or parts.scheme not in {"http", "https"} or parts.query or not plain:
        raise UsageError(
            "the URL of Prometheus is not a valid http or https URL without a query string",
            hint=_URL_HINT,
        )
    return text


def _files(folder: Path) -> frozenset[str]:
    try:
        return frozenset(each.name for each in folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"cannot read the --prometheus-credentials directory {folder}: {error.strerror}",
            hint="create the directory, or mount a Secret there",
        ) from error


def _headers(folder: Path, files: frozenset[str]) -> dict[str, str]:
    kinds = [name for name in (PASSWORD, *TOKENS) if name in files]
    if not kinds:
        return {}
    if len(kinds) > 1:
        raise UsageError(
            f"{folder} contains {' and '.join(kinds)}, so the credentials are ambiguous",
            hint=f"keep only one of the files {PASSWORD}, {TOKENS[0]} and {TOKENS[1]}",
        )
    secret = _text(folder / kinds[0])
    if kinds == [PASSWORD]:
        name = _text(folder / USERNAME) if USERNAME in files else ""
        login = b64encode(f"{name}:{secret}".encode()).decode()
        return {"Authorization": f"Basic {login}"}
    if not secret.isascii():
        raise UsageError(
            f"{folder / kinds[0]} contains non-ASCII characters", hint="write only the token"
        )
    return {"Authorization": f"Bearer {secret}"}


def _text(path: Path) -> str:
    """Return the content of a file, which must be one line."""
    try:
        data = input_files.read(path, _MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}",
            hint="give the user that runs this process read permission (for a mounted Secret, "
            "set defaultMode or fsGroup)",
        ) from error
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or len(data) > _MAX_BYTES:
        raise UsageError(
            f"{path} is not one line of text with at most {_MAX_BYTES:,} bytes",
            hint="write only the value to the file",
        )
    return text
