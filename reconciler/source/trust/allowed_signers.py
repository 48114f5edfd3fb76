"""``AllowedSigner``: an entry of an SSH allowed signers file, in the ``ssh-keygen(1)`` format.

This program rejects a file with an invalid line. ssh-keygen would skip the line, and so ignore a
misspelt restriction.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.model.quoting import quoted

_LINE = re.compile(
    r"(?P<principals>\"[^\"]+\"|[^\s\"#][^\s\"]*)[ \t]+"
    r"(?:(?P<options>(?!ssh-|ecdsa-|sk-)[^\s\"]*(?:\"[^\"]*\"[^\s\"]*)*)[ \t]+)?"
    r"(?P<kind>(?:ssh|ecdsa|sk)-[\w.@-]+)[ \t]+(?P<key>[A-Za-z0-9+/]+={0,2})(?:[ \t].*)?"
)
_OPTION = re.compile(r"(?P<name>[A-Za-z-]+)(?:=\"(?P<value>[^\"]*)\")?(?:,|$)")
_TIME = re.compile(r"(\d{8})(?:(\d{4})(\d{2})?)?Z?")
_VALUED = frozenset({"namespaces", "valid-after", "valid-before"})
_LEAST_RSA_BITS = 2048
_LENGTH_BYTES = 4


class AllowedSignersError(ValueError):
    """A line in an SSH allowed signers file is invalid; the attribute ``row`` is its number."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row
        """The number of the invalid line; the first line has the number 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedSigner:
    """A public key, and the conditions under which signatures by this key are accepted."""

    line: str
    """The whole line of the allowed signers file, for ssh-keygen."""
    fingerprint: str
    """The fingerprint of the key, such as ``SHA256:…``."""
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def valid_at(self, now: datetime) -> bool:
        """Return whether the key is valid at the given time."""
        early = self.valid_after is not None and now < self.valid_after
        late = self.valid_before is not None and now >= self.valid_before
        return not early and not late


def parse_allowed_signers(text: str) -> tuple[AllowedSigner, ...]:
    """Parse the lines in an SSH allowed signers file, in order.

    Raises:
        AllowedSignersError: A line is invalid, or its key is too weak.
    """
    rows = enumerate(text.splitlines(), start=1)
    return tuple(
        _signer(row, line.strip())
        for row, line in rows
        if line.strip() and not line.strip().startswith("#")
    )


def _signer(row: int, line: str) -> AllowedSigner:
    found = _LINE.fullmatch(line)
    if found is None:
        raise AllowedSignersError(
            row, "expected the principals, the options, the key type and the key"
        )
    times = _times(row, found["options"] or "")
    return AllowedSigner(
        line=line,
        fingerprint=_fingerprint(row, found["kind"], found["key"]),
        valid_after=times.get("valid-after"),
        valid_before=times.get("valid-before"),
    )


def _times(row: int, options: str) -> dict[str, datetime]:
    """Check the options in a line of an SSH allowed signers file; return the validity times."""
    found, position, seen = {}, 0, set()
    while position < len(options):
        match = _OPTION.match(options, position)
        if match is None:
            raise AllowedSignersError(
                row, "separate the options with commas, and quote their values"
            )
        position, name, value = match.end(), match["name"].lower(), match["value"]
        known = value is None if name == "cert-authority" else name in _VALUED and value
        if not known or name in seen:
            raise AllowedSignersError(row, f"the option {quoted(name)} is unknown or incomplete")
        seen.add(name)
        if name.startswith("valid-"):
            found[name] = _time(row, name, value)
    return found


def _time(row: int, name: str, value: str) -> datetime:
    match = _TIME.fullmatch(value)
    # A string of another form becomes empty here, which is not a time.
    text = match[1] + (match[2] or "0000") + (match[3] or "00") if match else ""
    zone = "+0000" if value.endswith("Z") else ""
    try:
        # Like ssh-keygen, interpret a time without Z in the time zone of the machine.
        return datetime.strptime(text + zone, f"%Y%m%d%H%M%S{'%z' if zone else ''}").astimezone(
            UTC
        )
    except (ValueError, OverflowError) as error:
        raise AllowedSignersError(
            row, f"{name} is not a time of the form 20261231 or 20261231235959Z"
        ) from error


def _fingerprint(row: int, kind: str, key: str) -> str:
    try:
        data = base64.b64decode(key, validate=True)
        named, *numbers = _fields(data)
    except (binascii.Error, ValueError) as error:
        raise AllowedSignersError(row, "the key is not complete") from error
    if named.decode("ascii", "replace") != kind:
        raise AllowedSignersError(row, f"the key is not of the type {quoted(kind)}")
    if kind.startswith("ssh-dss"):
        raise AllowedSignersError(row, "DSA keys are not secure")
    if kind == "ssh-rsa" and int.from_bytes(numbers[-1], "big").bit_length() < _LEAST_RSA_BITS:
        raise AllowedSignersError(row, f"the RSA key has fewer than {_LEAST_RSA_BITS} bits")
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def _fields(data: bytes) -> list[bytes]:
    """Split an SSH public key into its fields; each follows its length (RFC 4251 section 5)."""
    found = []
    while data:
        length = int.from_bytes(data[:_LENGTH_BYTES], "big")
        part, data = data[_LENGTH_BYTES:][:length], data[_LENGTH_BYTES + length :]
        if len(part) != length:
            raise ValueError("the key is incomplete")
        found.append(part)
    if len(found) < 2:  # noqa: PLR2004 - the kind and one number
        raise ValueError("a number is missing in the key")
    return found
