"""``MemoryQuantity`` and ``Duration``: parse quantities and durations as Kubernetes does."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from reconciler.model.quoting import kind_of, quoted

_QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?"
)
_DECIMAL_EXPONENT = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_EXPONENT = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_INT64_MAX = 2**63 - 1
_MAX_EXPONENT = 24
_MAX_LENGTH = 256
"""The maximum number of characters in a quantity or duration."""
_DURATION_UNIT = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h)"
_DURATION = re.compile(rf"(?P<sign>[+-]?)(?P<parts>(?:{_DURATION_UNIT})+)")
_DURATION_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}

KIB, MIB, GIB = 2**10, 2**20, 2**30


class QuantityError(ValueError):
    """Raised if a value is not a Kubernetes quantity or duration; the message explains why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryQuantity:
    """An amount of memory, compared by value and not by notation."""

    n_bytes: int
    """The amount in whole bytes, rounded up as ``resource.Quantity.Value`` does."""
    raw: str | int = field(compare=False)
    """The amount in its original notation (that of Git or of the server), which patches use."""

    @classmethod
    def parse(cls, value: object) -> MemoryQuantity:
        """Parse a memory size as Kubernetes parses a quantity.

        Args:
            value: A string such as ``2Gi``, ``1.5G`` or ``1e9``, or a number of bytes.

        Raises:
            QuantityError: *value* is not a quantity, is negative, or exceeds 2^63-1 bytes.

        Source: apimachinery v0.33 pkg/api/resource/quantity.go (ParseQuantity, Value).
        """
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise QuantityError(f"{kind_of(value)} is not a quantity; write a size such as 2Gi")
        text = value if isinstance(value, str) else _digits(value)
        _check_length(text, "quantity")
        return cls(n_bytes=_whole_bytes(text), raw=value if isinstance(value, str | int) else text)

    @classmethod
    def of(cls, n_bytes: int) -> MemoryQuantity:
        """Convert a number of bytes to a quantity in the shortest exact notation."""
        return cls(n_bytes=n_bytes, raw=canonical(n_bytes))

    def __str__(self) -> str:
        return str(self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A duration in Go's notation; ``60s`` equals ``1m0s``."""

    nanoseconds: int
    raw: str = field(compare=False)

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Parse a duration as Go's ``time.ParseDuration`` does.

        Raises:
            QuantityError: *value* is not a duration, such as a number without a unit.
        """
        if isinstance(value, str):
            _check_length(value, "duration")
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None or not isinstance(value, str):
            if value == "0":
                return cls(nanoseconds=0, raw="0")
            raise QuantityError(
                f"{kind_of(value)} is not a duration; write it as 90s, 10m or 1h30m"
            )
        parts = _DURATION_PART.findall(match["parts"])
        total = sum(Fraction(number.rstrip(".")) * _NANOSECONDS[unit] for number, unit in parts)
        if total > _INT64_MAX:
            raise QuantityError(
                f"{kind_of(value)} is more than 2^63-1 nanoseconds, about 292 years"
            )
        return cls(nanoseconds=int(-total if match["sign"] == "-" else total), raw=value)

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return self.nanoseconds / 10**9

    def __str__(self) -> str:
        return self.raw


def thousandths(value: object) -> int:
    """Convert a quantity such as ``100m`` CPUs to thousandths of its unit, rounded up.

    Raises:
        QuantityError: *value* is not a quantity, is negative, or exceeds 2^63-1.

    Source: apimachinery v0.33 pkg/api/resource/quantity.go (MilliValue).
    """
    text = str(MemoryQuantity.parse(value).raw)
    match = _QUANTITY.fullmatch(text)
    if match is None:  # pragma: no cover - parse has accepted the text
        raise QuantityError(f"{kind_of(text)} is not a quantity")
    return math.ceil(1000 * _exact(match["number"], match["suffix"] or "", text))


def canonical(n_bytes: int) -> str:
    """Format a number of bytes exactly, with the largest binary suffix that divides the number."""
    for suffix, exponent in reversed(_BINARY_EXPONENT.items()):
        if n_bytes and n_bytes % (1 << exponent) == 0:
            return f"{n_bytes >> exponent}{suffix}"
    return str(n_bytes)


def human(n_bytes: float) -> str:
    """Format a number of bytes for people: with a binary unit and at most one decimal place."""
    for suffix, exponent in reversed(_BINARY_EXPONENT.items()):
        if abs(n_bytes) >= 1 << exponent:
            return f"{n_bytes / (1 << exponent):.1f}".removesuffix(".0") + suffix
    return f"{n_bytes:.0f}"


def _check_length(text: str, noun: str) -> None:
    """Raise QuantityError if a string is too long for fast exact arithmetic."""
    if len(text) > _MAX_LENGTH:
        raise QuantityError(
            f"{kind_of(text)} is not a {noun}; use at most {_MAX_LENGTH} characters"
        )


def _digits(value: float) -> str:
    try:
        return repr(value)
    except ValueError as error:  # Python converts integers of at most 4300 digits
        raise QuantityError("a number with thousands of digits is not a quantity") from error


@lru_cache(maxsize=4096)  # a fleet has few sizes, and exact arithmetic is slow
def _whole_bytes(text: str) -> int:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise QuantityError(f"{kind_of(text)} is not a quantity{_suggestion(text)}")
    exact = _exact(match["number"], match["suffix"] or "", text)
    n_bytes = math.ceil(-exact if match["sign"] == "-" else exact)
    if n_bytes < 0:
        raise QuantityError(f"{quoted(text)} is negative; memory is zero or more")
    if n_bytes > _INT64_MAX:
        raise QuantityError(f"{quoted(text)} is more than 2^63-1 bytes")
    return n_bytes


def _exact(number: str, suffix: str, text: str) -> Fraction:
    amount = Fraction(number.rstrip(".") if number != "." else "0")
    if suffix in _BINARY_EXPONENT:
        return amount * (1 << _BINARY_EXPONENT[suffix])
    # E without digits is the decimal suffix exa; E with digits is an exponent.
    exponent = _DECIMAL_EXPONENT.get(suffix) if suffix else 0
    if exponent is None:
        exponent = int(suffix[1:])
    if abs(exponent) > _MAX_EXPONENT:
        raise QuantityError(f"{quoted(text)} has an exponent beyond {_MAX_EXPONENT}")
    return amount * Fraction(10) ** exponent


def _suggestion(text: str) -> str:
    """Suggest a correction for a common mistake, such as ``2GB``, ``2gi`` or ``2 Gi``."""
    squeezed = re.sub(r"\s+", "", text)
    match = re.fullmatch(r"([0-9.]{1,8})([kKmMgGtTpPeE])(i?)[bB]?", squeezed)
    if match is None:
        return "; write a size such as 2Gi, 1536Mi or 2147483648"
    number, unit, binary = match.groups()
    if binary:
        return f"; did you mean {number}{unit.upper()}i?"
    decimal = "k" if unit in "kK" else unit.upper()
    return f"; did you mean {number}{unit.upper()}i, or {number}{decimal} for the decimal size?"
