"""``ParallelEnd``: ends the threads of a process in parallel, so that the process ends sooner.

Each thread might hang in a request to another server, and each wait for a thread has a limit. One
after the other, these waits would take longer than the process is allowed to take to end.
"""

from __future__ import annotations

import logging
import math
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reconciler.model.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class ParallelEnd:
    """A context manager that, when it ends, exits all entered context managers in parallel.

    Args:
        left_s: Returns how many seconds all exits together are allowed to take.
    """

    def __init__(self, left_s: Callable[[], float] = lambda: math.inf) -> None:
        self._left_s = left_s
        self._parts: list[ExitStack] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        threads = [
            threading.Thread(target=each.close, name="end", daemon=True) for each in self._parts
        ]
        for each in threads:
            each.start()
        for each in threads:
            left_s = self._left_s()
            each.join(None if left_s == math.inf else left_s)
        if late := sum(each.is_alive() for each in threads):
            log.warning("the process ends without waiting for %s", plural(late, "thread"))

    def enter(self, part: AbstractContextManager[_T]) -> _T:
        """Enter a context manager whose exit takes a limited time."""
        stack = ExitStack()
        entered = stack.enter_context(part)
        self._parts.append(stack)
        return entered

    def callback(self, end: Callable[..., object], *arguments: Any) -> None:  # noqa: ANN401
        """Call a function when this context ends; the function must take a limited time."""
        stack = ExitStack()
        stack.callback(end, *arguments)
        self._parts.append(stack)
