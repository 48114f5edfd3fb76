"""``Reader``: a fuzz target that reads external data, with its inputs and permitted errors."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A fuzz target, which must return a value or a problem, or raise a permitted error."""

    name: str
    make: Callable[[Random], Any]
    """Builds a fuzz input from a random generator."""
    read: Callable[[Any], object]
    """Reads a fuzz input with the product's code."""
    errors: tuple[type[Exception], ...] = ()
    table: tuple[Any, ...] = ()
    """The first fuzz inputs, which are read before those that ``make`` returns."""
    weight: int = 1
    """The duration of reading one input, relative to the usual duration."""

    def fail(self, seed: int) -> str:
        """Read the input with the number *seed*, and describe the unexpected exception, if any."""
        given = (
            self.table[seed]
            if seed < len(self.table)
            else self.make(Random(f"{self.name}:{seed}"))
        )
        try:
            self.read(given)
        except self.errors:
            return ""
        except Exception as error:  # noqa: BLE001 - every other exception is a failure
            return described(error)
        return ""


def described(error: Exception) -> str:
    """Return an error's type, the place in the code, and the start of its message."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if "/reconciler/" in each.filename] or frames
    at = ours[-1]
    path = at.filename.rpartition("/reconciler/")[2] or at.filename
    return f"{type(error).__name__} at {path}:{at.lineno} ({at.name}): {str(error)[:100]!r}"
