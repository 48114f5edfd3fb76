"""Each schema format accepts valid values, and explains why it rejects other values."""

from __future__ import annotations

import pytest

from reconciler.model.quoting import kind_of, quoted
from reconciler.schema.formats import CHECKS

WRITE_CRON = (
    "write the five fields minute, hour, day of month, month and day of week, such as 0 22 * * 1-5"
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cron", "0 22 * * 1-5"),
        ("cron", "*/15 0-5,22,23 1 JAN,Jul SUN"),
        ("cron", "0 0 L * *"),
        ("cron", "0 0 29 2 *"),
        ("cron", 5),
        ("time-zone", "UTC"),
        ("time-zone", "Europe/Berlin"),
        ("time-zone", "America/Argentina/Buenos_Aires"),
        ("time-zone", None),
        ("date-time", "2026-01-31T09:30:00Z"),
        ("date-time", "2026-01-31T09:30:00.1234567+05:30"),
        ("date-time", 1),
        ("label-key", "app"),
        ("label-key", "app.kubernetes.io/instance"),
        ("label-key", "a" * 63),
        ("label-key", 1),
    ],
)
def test_schema_format_accepts_a_valid_value(name, value):
    assert CHECKS[name](value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cron", "", f"an empty string is not a cron expression; {WRITE_CRON}"),
        ("cron", "0 22 * *", f"a string of 8 characters is not a cron expression; {WRITE_CRON}"),
        (
            "cron",
            "0 0 22 * * 1",
            f"a string of 12 characters is not a cron expression; {WRITE_CRON}",
        ),
        (
            "cron",
            "60 0 * * *",
            f"a string of 10 characters is not a cron expression: bad minute; {WRITE_CRON}",
        ),
        (
            "cron",
            "0 0 31 4 *",
            f"a string of 10 characters is not a cron expression: bad day-of-month; {WRITE_CRON}",
        ),
        (
            "cron",
            "0 0 */20 * 1L",
            f"the cron expression '0 0 */20 * 1L' never matches a time; {WRITE_CRON}",
        ),
        (
            "time-zone",
            "Europe/Berln",
            "a string of 12 characters is not a time zone; did you mean Europe/Berlin?",
        ),
        *(
            (
                "time-zone",
                name,
                f"{kind_of(name)} is not a time zone; write an IANA name such as Europe/Berlin",
            )
            for name in ("", "+02:00", "..", "/etc/hostname")
        ),
        *(
            (
                "date-time",
                text,
                f"{kind_of(text)} is not a timestamp; write it as 2026-01-31T09:30:00Z",
            )
            for text in (
                "",
                "now",
                "2026-01-31",
                "2026-02-30T09:30:00Z",
                "2026-W05-6T09:30:00Z",
                "2026-01-31T09:30:00",
                "20260131T093000Z",
                "2026-01-31T09:30:00Z\n",
            )
        ),
        *(
            (
                "label-key",
                key,
                (
                    f"{quoted(key)} is not a label key; write a key such as app or "
                    "app.kubernetes.io/instance"
                ),
            )
            for key in ("", "/a", "a/", "a/b/c", "a=b", "a b", "-a", "A/b", "a" * 64, "e." * 127)
        ),
    ],
)
def test_schema_format_rejects_an_invalid_value_with_a_hint(name, value, message):
    with pytest.raises(ValueError, match="; ") as caught:
        CHECKS[name](value)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["localtime", "posixrules", "right/Europe/Berlin", "Europe"])
def test_time_zone_format_rejects_files_that_are_not_time_zones(name):
    with pytest.raises(ValueError, match="time zone"):
        CHECKS["time-zone"](name)
