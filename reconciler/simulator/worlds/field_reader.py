"""Fields: reads the fields of a scenario (a cluster description), and checks their types."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reconciler.simulator.encoding.json_codec import Json
from reconciler.simulator.kubevirt import quantity
from reconciler.simulator.kubevirt.cluster_config import UNITS_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_OLDEST_YEAR, _NEWEST_YEAR = 2000, 2999
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem in a scenario (a cluster description): the path of the field and a message."""

    path: str
    """The path of the field in the scenario, such as `vms[3].guest`."""
    message: str
    """A message that explains the problem, including the value and a hint."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class WorldError(ValueError):
    """Raised if a scenario is invalid; the message explains why."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"{source} does not describe a valid cluster:{lines}")
        self.problems = problems


@dataclass(slots=True)
class Fields:
    """Reads a mapping in a scenario, and reports unknown fields."""

    values: Json
    path: str
    problems: list[Problem]
    _read: set[str] = field(default_factory=set)

    def problem(self, name: str, message: str) -> None:
        """Reports a problem with a field or, without a name, with the whole mapping."""
        where = ".".join(part for part in (self.path, name) if part) or "scenario"
        self.problems.append(Problem(path=where, message=message))

    def raw(self, name: str) -> Any:  # noqa: ANN401 - any YAML value
        """Returns the value of a field without a check, or None if the field is absent."""
        self._read.add(name)
        return self.values.get(name)

    def text(self, name: str, default: str = "", *, choices: tuple[str, ...] = ()) -> str:
        """Reads a string field; with `choices`, the value must be one of the choices."""
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.problem(name, f"{value!r} is not a string; put the value in quotes")
            return default
        if choices and value not in choices:
            self.problem(name, f"{value!r} is not one of: {', '.join(choices)}")
            return default
        return value

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Reads a field that must be true or false."""
        return bool(self._typed(name, bool, default, "true or false"))

    def integer(self, name: str, default: int = 0) -> int:
        """Reads a field that must be an integer of at least 0."""
        value = self._typed(name, int, default, "a whole number")
        if isinstance(value, int) and value < 0:
            self.problem(name, f"{value} is negative; use a number of at least 0")
            return default
        return int(value)

    def memory(self, name: str) -> int | None:
        """Reads a Kubernetes quantity in bytes; returns None if the field is absent."""
        return self._parsed(name, quantity.parse, "a quantity; use a quantity such as 2Gi")

    def seconds(self, name: str) -> float | None:
        """Reads a duration such as `90s` in seconds; returns None if the field is absent."""
        return self._parsed(name, _duration_s, "a duration; use a duration such as 90s or 10m")

    def instant(self, name: str) -> datetime | None:
        """Reads a date and time with a UTC offset; returns None if the field is absent."""
        value = self.text(name)
        if not value:
            return None
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            read = None
        if read is not None and not _OLDEST_YEAR <= read.year <= _NEWEST_YEAR:
            self.problem(name, f"{value!r} is not between the years 2000 and 2999")
            return None
        if read is None or read.tzinfo is None:
            self.problem(
                name,
                f"{value!r} is not a time with a UTC offset; use a time such as "
                "2026-07-06T22:00:00+02:00",
            )
            return None
        return read

    def times(self, name: str, always: int) -> int:
        """Reads how often a fault occurs: a number, or `true` or `always` for "every time"."""
        value = self.raw(name)
        if value is True or value == "always":
            return always
        if value is None or value is False:
            return 0
        if not isinstance(value, int) or value < 0:
            self.problem(name, f"{value!r} is not a count; use a number, true or `always`")
            return 0
        return value

    def mapping(self, name: str) -> Json:
        """Reads a mapping without checking its fields; returns an empty mapping if absent."""
        return dict(self._typed(name, dict, {}, "a mapping"))

    def texts(self, name: str) -> tuple[str, ...]:
        """Reads a field that must be a list of strings."""
        values = self._typed(name, list, [], "a list")
        for index, value in enumerate(values):
            if not isinstance(value, str):
                self.problem(
                    f"{name}[{index}]", f"{value!r} is not a string; put the value in quotes"
                )
        return tuple(value for value in values if isinstance(value, str))

    def labels(self, name: str) -> dict[str, str]:
        """Reads a field that maps strings to strings, such as labels."""
        values = self.mapping(name)
        for key, value in values.items():
            if not isinstance(value, str):
                self.problem(
                    f"{name}.{key}", f"{value!r} is not a string; put the value in quotes"
                )
        return {str(key): str(value) for key, value in values.items()}

    def nested(self, name: str) -> Fields:
        """Returns a reader for the nested mapping in a field, which can be absent."""
        path = ".".join(part for part in (self.path, name) if part)
        return Fields(self.mapping(name), path, self.problems)

    def each(self, name: str) -> Iterator[Fields]:
        """Yields a reader for each mapping in the list that a field contains."""
        for index, value in enumerate(self._typed(name, list, [], "a list")):
            where = ".".join(part for part in (self.path, f"{name}[{index}]") if part)
            if isinstance(value, dict):
                yield Fields(value, where, self.problems)
            else:
                self.problems.append(Problem(path=where, message=f"{value!r} is not a mapping"))

    def finish(self) -> None:
        """Reports each field that was not read as an unknown field."""
        for name in sorted(self.values.keys() - self._read, key=str):
            known = ", ".join(sorted(self._read))
            self.problem(str(name), f"unknown field; known fields: {known}")

    def checked(self, name: str, check: Callable[[str], object], default: str) -> str:
        """Reads a string field, and reports a ValueError from the check function as a problem."""
        value = self.text(name, default)
        try:
            check(value)
        except ValueError as error:
            self.problem(name, str(error))
            return default
        return value

    def _parsed(self, name: str, parse: Callable[[Any], T], what: str) -> T | None:
        value = self.raw(name)
        try:
            return None if value is None else parse(value)
        except ValueError:
            self.problem(name, f"{value!r} is not {what}")
            return None

    def _typed(self, name: str, kind: type, default: Any, what: str) -> Any:  # noqa: ANN401 - any YAML value
        value = self.raw(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.problem(name, f"{value!r} is not {what}")
            return default
        return value


def _duration_s(value: object) -> float:
    match = _DURATION.fullmatch(str(value))
    if match is None:
        raise ValueError(value)
    return float(match[1]) * UNITS_S[match[2]]
