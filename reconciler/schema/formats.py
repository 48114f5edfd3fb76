"""``CHECKS``: checks each string format in the schemas with the parser of that format."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.model.alerts.alert_matcher import AlertMatcher
from reconciler.model.quantity import Duration, MemoryQuantity
from reconciler.model.quoting import kind_of, quoted
from reconciler.model.schedule import ScheduleError, check_cron, time_zones, zone_of
from reconciler.model.selector import Selector
from reconciler.schema import violations

if TYPE_CHECKING:
    from collections.abc import Callable

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_SUBDOMAIN = 253
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def memory(value: str | float) -> None:
    """Check that a value is a memory quantity greater than zero."""
    if MemoryQuantity.parse(value).n_bytes == 0:
        raise ValueError(f"{quoted(value)} is zero; write a size such as 2Gi")


def duration(value: str) -> None:
    """Check that a string is a Go duration of zero or more."""
    if Duration.parse(value).nanoseconds < 0:
        raise ValueError(f"{quoted(value)} is negative; write it as 90s, 10m or 1h30m")


def timeout(value: str) -> None:
    """Check that a string is a Go duration greater than zero."""
    if Duration.parse(value).nanoseconds <= 0:
        raise ValueError(
            f"{quoted(value)} is not greater than zero; write it as 90s, 10m or 1h30m"
        )


def dns_label(value: str) -> None:
    """Check that a string is a valid namespace name.

    Source: RFC 1123; apimachinery v0.33 pkg/util/validation (IsDNS1123Label).
    """
    if _LABEL.fullmatch(value) is None:
        raise ValueError(
            f"{quoted(value)} is not a valid namespace; use at most 63 lower-case letters, digits "
            "and '-', with a letter or digit at both ends"
        )


def dns_subdomain(value: str) -> None:
    """Check that a string is a valid Kubernetes object name.

    Source: RFC 1123; apimachinery v0.33 pkg/util/validation (IsDNS1123Subdomain).
    """
    if len(value) > _MAX_SUBDOMAIN or _SUBDOMAIN.fullmatch(value) is None:
        raise ValueError(
            f"{quoted(value)} is not a valid name; use at most 253 lower-case letters, digits, "
            "'-' and '.', with a letter or digit at both ends"
        )


def relative_path(value: str) -> None:
    """Check that a string is a relative path inside the repository."""
    if not value or value.startswith("/") or "\\" in value or ".." in value.split("/"):
        raise ValueError(
            f"{quoted(value)} is not a path inside the repository; use a path relative to its "
            "root, with '/' and without '..'"
        )


def label_key(value: str) -> None:
    """Check that a string is a valid label key, such as ``app.kubernetes.io/instance``.

    Source: apimachinery v0.33 pkg/util/validation (IsQualifiedName).
    """
    prefix, slash, name = value.rpartition("/")
    fits = len(prefix) <= _MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(prefix)
    if _LABEL_NAME.fullmatch(name) is None or (slash and not fits):
        raise ValueError(
            f"{quoted(value)} is not a label key; write a key such as app or "
            "app.kubernetes.io/instance"
        )


def time_zone(value: str) -> None:
    """Check that a string is the IANA name of a time zone."""
    try:
        zone_of(value)
    except ScheduleError as error:
        if guess := violations.did_you_mean(value, time_zones()):
            raise ValueError(f"{kind_of(value)} is not a time zone; {guess}") from error
        raise


def date_time(value: str) -> None:
    """Check that a string is an RFC 3339 timestamp; ``datetime.fromisoformat`` accepts more."""
    try:
        found = _DATE_TIME.fullmatch(value) and datetime.fromisoformat(value)
    except ValueError:
        found = None
    if not found:
        raise ValueError(f"{kind_of(value)} is not a timestamp; write it as 2026-01-31T09:30:00Z")


def _of(kinds: tuple[type, ...], parse: Callable[[Any], object]) -> Callable[[object], bool]:
    """Return a check that parses values of the given types and accepts all other values."""

    def check(value: object) -> bool:
        if isinstance(value, kinds) and not isinstance(value, bool):
            parse(value)
        return True

    return check


_AMOUNT = (str, int, float)
"""The Python types of a memory quantity; integers of more than 64 bits are read as floats."""
_TEXT_PARSERS: dict[str, Callable[[str], object]] = {
    "duration": duration,
    "timeout": timeout,
    "selector": Selector.parse,
    "alert-matcher": AlertMatcher.parse,
    "dns-label": dns_label,
    "dns-subdomain": dns_subdomain,
    "relative-path": relative_path,
    "label-key": label_key,
    "cron": check_cron,
    "time-zone": time_zone,
    "date-time": date_time,
}
CHECKS: dict[str, Callable[[object], bool]] = {
    "quantity": _of(_AMOUNT, MemoryQuantity.parse),
    "memory": _of(_AMOUNT, memory),
    **{name: _of((str,), parse) for name, parse in _TEXT_PARSERS.items()},
}
"""Maps each format to its check, which returns True or raises ValueError with a hint."""
