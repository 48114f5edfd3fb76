"""Evaluates JSONPath expressions of CRD printer columns, such as `[?(@.type=='Ready')]`."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

_STEP: Final = re.compile(
    r"\.(?P<field>[A-Za-z0-9_-]+)|\[(?P<index>\d+)\]"
    r"|\[\?\(@\.(?P<key>[A-Za-z0-9_]+)==['\"](?P<value>[^'\"]*)['\"]\)\]"
)


def find(obj: Any, path: str) -> list[Any]:  # noqa: ANN401  # any JSON value
    """Returns the list of values that a JSONPath expression selects."""
    found = [obj]
    for field, index, key, value in _steps(path):
        if field:
            found = [one[field] for one in found if isinstance(one, dict) and field in one]
        elif index:
            place = int(index)
            found = [one[place] for one in found if isinstance(one, list) and place < len(one)]
        else:
            lists = [one for one in found if isinstance(one, list)]
            found = [item for one in lists for item in one if item.get(key) == value]
    return found


@cache
def _steps(path: str) -> tuple[tuple[str, str, str, str], ...]:
    steps = tuple(
        (m["field"] or "", m["index"] or "", m["key"] or "", m["value"] or "")
        for m in _STEP.finditer(path)
    )
    if sum(len(m.group()) for m in _STEP.finditer(path)) != len(path):
        raise ValueError(f"printer column path {path!r} is not supported")
    return steps
