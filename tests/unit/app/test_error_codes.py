"""Tests which exit code a command has that ends with an error."""

from __future__ import annotations

import pytest

from reconciler.app.error_codes import error_code
from reconciler.app.stop import Terminated
from reconciler.errors import (
    ForbiddenError,
    InvalidError,
    LeaseHeldError,
    StaleError,
    UsageError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ForbiddenError("m"), 1),
        (InvalidError("m", ()), 3),
        (Terminated(), 6),
        (LeaseHeldError("m", holder="other"), 7),
        (StaleError("m"), 8),
        (UsageError("m"), 64),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_type_of_the_exception_determines_the_exit_code_of_the_command(error, code):
    assert error_code(error)[0] == code
