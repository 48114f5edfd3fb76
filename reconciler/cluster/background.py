"""Asks for several things at once, without ever keeping the process from ending."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def begin(ask: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Future[T]:
    """Call *ask* in a thread of its own; the answer is the future's result.

    The threads of an executor are waited for when the process ends, for as long as a server does
    not answer; this one is not.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            answer = ask(*arguments, **named)
        except BaseException as error:  # noqa: BLE001 - whoever asked gets it
            future.set_exception(error)
        else:
            future.set_result(answer)

    threading.Thread(target=run, name=f"ask {ask}", daemon=True).start()
    return future
