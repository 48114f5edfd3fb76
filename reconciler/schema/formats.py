"""``CHECKS``: the formats that the schemas use, each checked by the code that parses it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.quantity import Duration, MemoryQuantity
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


def quantity(value: object) -> bool:
    """Check a quantity of zero or more; the keyword ``type`` checks the type."""
    if _is_amount(value):
        MemoryQuantity.parse(value)
    return True


def _is_amount(value: object) -> bool:
    """Return whether *value* may be an amount; numbers too large for Go's integers are floats."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def memory(value: object) -> bool:
    """Check a quantity greater than zero."""
    if _is_amount(value):
        found = MemoryQuantity.parse(value)
        if found.n_bytes == 0:
            raise ValueError(f"{value!r} is zero; write a size such as 2Gi")
    return True


def duration(value: object) -> bool:
    """Check a Go duration of zero or more."""
    if isinstance(value, str) and Duration.parse(value).nanoseconds < 0:
        raise ValueError(f"{value!r} is negative; write it as 90s, 10m or 1h30m")
    return True


def timeout(value: object) -> bool:
    """Check a Go duration greater than zero."""
    if isinstance(value, str) and Duration.parse(value).nanoseconds <= 0:
        raise ValueError(f"{value!r} is not greater than zero; write it as 90s, 10m or 1h30m")
    return True


def selector(value: object) -> bool:
    """Check a label selector."""
    if isinstance(value, str):
        Selector.parse(value)
    return True


def dns_label(value: object) -> bool:
    """Check the name of a namespace.

    Source: RFC 1123; apimachinery v0.33 pkg/util/validation (IsDNS1123Label).
    """
    if isinstance(value, str) and _LABEL.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is not a valid namespace; use at most 63 lower-case letters, digits and "
            "'-', with a letter or digit at both ends"
        )
    return True


def dns_subdomain(value: object) -> bool:
    """Check the name of an object.

    Source: RFC 1123; apimachinery v0.33 pkg/util/validation (IsDNS1123Subdomain).
    """
    if isinstance(value, str) and (
        len(value) > _MAX_SUBDOMAIN or _SUBDOMAIN.fullmatch(value) is None
    ):
        raise ValueError(
            f"{value!r} is not a valid name; use at most 253 lower-case letters, digits, '-' and "
            "'.', with a letter or digit at both ends"
        )
    return True


def relative_path(value: object) -> bool:
    """Check a path inside the repository."""
    if not isinstance(value, str):
        return True
    if not value or value.startswith("/") or "\\" in value or ".." in value.split("/"):
        raise ValueError(
            f"{value!r} is not a path inside the repository; use a path relative to its "
            "root, with '/' and without '..'"
        )
    return True


def label_key(value: object) -> bool:
    """Check the key of a label, such as ``app.kubernetes.io/instance``.

    Source: apimachinery v0.33 pkg/util/validation (IsQualifiedName).
    """
    if not isinstance(value, str):
        return True
    prefix, slash, name = value.rpartition("/")
    fits = len(prefix) <= _MAX_SUBDOMAIN and _SUBDOMAIN.fullmatch(prefix)
    if _LABEL_NAME.fullmatch(name) is None or (slash and not fits):
        raise ValueError(
            f"{value!r} is not a label key; write one such as app or app.kubernetes.io/instance"
        )
    return True


def cron(value: object) -> bool:
    """Check a cron expression of five fields."""
    if isinstance(value, str):
        check_cron(value)
    return True


def time_zone(value: object) -> bool:
    """Check the IANA name of a time zone."""
    if isinstance(value, str):
        try:
            zone_of(value)
        except ScheduleError as error:
            if guess := violations.did_you_mean(value, time_zones()):
                raise ValueError(f"{value!r} is not a time zone; {guess}") from error
            raise
    return True


def date_time(value: object) -> bool:
    """Check a timestamp of RFC 3339, which is stricter than ``datetime.fromisoformat``."""
    if isinstance(value, str):
        try:
            found = _DATE_TIME.fullmatch(value) and datetime.fromisoformat(value)
        except ValueError:
            found = None
        if not found:
            raise ValueError(f"{value!r} is not a timestamp; write it as 2026-01-31T09:30:00Z")
    return True


CHECKS: dict[str, Callable[[object], bool]] = {
    "quantity": quantity,
    "memory": memory,
    "duration": duration,
    "timeout": timeout,
    "selector": selector,
    "dns-label": dns_label,
    "dns-subdomain": dns_subdomain,
    "relative-path": relative_path,
    "label-key": label_key,
    "cron": cron,
    "time-zone": time_zone,
    "date-time": date_time,
}
"""The function for each format, which returns True or raises ValueError with message and hint."""
