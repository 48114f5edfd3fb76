"""Parses Kubernetes quantities in any valid notation, and formats them in canonical form.

The simulator has its own implementation, so that tests can compare it with the implementation in
the planner.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, localcontext
from functools import lru_cache
from typing import Final

MI: Final = 1024**2
GI: Final = 1024**3

PATTERN_MESSAGE: Final = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
"""The error message for an invalid quantity.

Source: k8s.io/apimachinery v0.36 pkg/api/resource/quantity.go (ErrFormatWrong); recorded on a real
cluster.
"""

_BINARY: Final = {"": 0, "Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL: Final = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
_LARGEST: Final = 2**63 - 1
"""The largest size in bytes that a binary suffix can express; observed on KubeVirt v1.9.0."""
_MAX_LENGTH: Final = 256
"""The maximum length of a quantity in characters; Kubernetes has no such limit."""
_MAX_EXPONENT: Final = 4
"""The maximum length of an exponent in characters, such as `e-24`."""
_DIGITS: Final = 1000
"""The number of decimal digits in computations with quantities, so that no size is rounded."""
_SPELLING: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")


class QuantityError(ValueError):
    """Raised if a string is not a valid Kubernetes quantity."""


def parse(value: str | float) -> int:
    """Parses a quantity as a whole number of bytes, rounded up.

    Raises:
        QuantityError: The value is not a quantity.
    """
    with localcontext(prec=_DIGITS):
        return int(_decimal(str(value)).to_integral_value(rounding=ROUND_CEILING))


def thousandths(value: str | float) -> int:
    """Parses a quantity, such as a number of CPUs, as thousandths, rounded up.

    Raises:
        QuantityError: The value is not a quantity.
    """
    with localcontext(prec=_DIGITS):
        return int((1000 * _decimal(str(value))).to_integral_value(rounding=ROUND_CEILING))


def canonical(value: str | float) -> str:
    """Converts a quantity to the canonical form that webhooks store: `1024Mi` becomes `1Gi`.

    A binary quantity gets the largest binary suffix that keeps the number whole. Other quantities
    get the largest decimal suffix.

    Raises:
        QuantityError: The value is not a quantity.

    Source: k8s.io/apimachinery v0.36 pkg/api/resource/quantity.go (CanonicalizeBytes).
    """
    with localcontext(prec=_DIGITS):
        return _canonical(str(value))


def created(value: str | float) -> str:
    """Converts a quantity to the form in which a webhook stores it in a new object.

    A whole number that fits in 64 bits is unchanged (`01Gi`, `+1Gi`, `1E9`). Other quantities get
    the canonical form. Source: observed on KubeVirt v1.9.0.

    Raises:
        QuantityError: The value is not a quantity.
    """
    text = str(value).strip()
    kept = "." not in text and abs(parse(text)) <= _LARGEST
    return text if kept else canonical(text)


def _canonical(text: str) -> str:
    amount = _decimal(text)
    if amount == 0:
        return "0"
    suffix = _SPELLING.fullmatch(text.strip()).group(2) or ""  # type: ignore[union-attr]  # _decimal has matched it
    if suffix.endswith("i"):
        return binary(min(int(amount.to_integral_value(rounding=ROUND_CEILING)), _LARGEST))
    if suffix[:1] in {"e", "E"} and len(suffix) > 1:
        return _with_exponent(amount)
    return _with_decimal_suffix(amount)


def binary(n_bytes: int) -> str:
    """Formats bytes with the largest binary suffix that divides them: `1Gi`, `1500001Ki`."""
    for suffix in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
        unit = 1024 ** _BINARY[suffix]
        if n_bytes and n_bytes % unit == 0:
            return f"{n_bytes // unit}{suffix}"
    return str(n_bytes)


@lru_cache(maxsize=4096)
def _decimal(text: str) -> Decimal:
    match = _SPELLING.fullmatch(text.strip()) if len(text) <= _MAX_LENGTH else None
    if match is None or len(match[2] or "") > _MAX_EXPONENT:
        raise QuantityError(PATTERN_MESSAGE)
    number, suffix = Decimal(match.group(1)), match.group(2) or ""
    if suffix.endswith("i"):
        return number * Decimal(1024) ** _BINARY[suffix]
    if suffix[:1] in {"e", "E"} and len(suffix) > 1:
        return number.scaleb(int(suffix[1:]))
    return number.scaleb(_DECIMAL[suffix])


def _with_decimal_suffix(amount: Decimal) -> str:
    for suffix in ("E", "P", "T", "G", "M", "k", "", "m", "u"):
        scaled = amount.scaleb(-_DECIMAL[suffix])
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    return f"{int(amount.scaleb(9).to_integral_value(rounding=ROUND_CEILING))}n"


def _with_exponent(amount: Decimal) -> str:
    sign, digits, exponent = amount.normalize().as_tuple()
    lowest = int(exponent) // 3 * 3
    number = int("".join(map(str, digits))) * 10 ** (int(exponent) - lowest)
    return f"{'-' if sign else ''}{number}" + (f"e{lowest}" if lowest else "")
