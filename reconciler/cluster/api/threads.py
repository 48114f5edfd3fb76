"""``start``, ``each``: call functions in parallel in daemon threads.

The process can end while daemon threads wait for a server. With an executor, Python would wait
until the threads have finished.
"""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from reconciler.errors import BackgroundError, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")
_SLICE_S = 1.0


class Start(Protocol):
    """The type of functions that call another function, in a new thread or directly."""

    def __call__(self, ask: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Future[T]:
        """Call a function, and return a future for its result."""
        ...


def unexpected(what: str, error: BaseException) -> BackgroundError:
    """Return the error that reports a bug in a background thread to the main thread."""
    failure = BackgroundError(
        f"{what} ended unexpectedly: {type(error).__name__}: {error}",
        hint="this is a bug in reconciler; report it together with the log",
    )
    failure.__cause__ = error
    return failure


def _outcome(ask: Callable[..., object], error: BaseException) -> BaseException:
    """Return the exception to raise in the calling thread after a background call failed."""
    if isinstance(error, ReconcilerError) or not isinstance(error, Exception):
        return error
    return unexpected(f"the background call {getattr(ask, '__qualname__', ask)}", error)


def start(ask: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Future[T]:
    """Call a function in a new daemon thread, and return a future for the result.

    If *ask* raises an unexpected error, the future raises a ``BackgroundError``.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            answer = ask(*arguments, **named)
        except BaseException as error:  # noqa: BLE001 - raised where the result is read
            future.set_exception(_outcome(ask, error))
        else:
            future.set_result(answer)

    threading.Thread(target=run, name=f"ask {ask}", daemon=True).start()
    return future


def _next(results: SimpleQueue[T], meanwhile: Callable[[], None] | None) -> T:
    """Wait for the next result, and call *meanwhile* once per second until the result arrives."""
    while meanwhile is not None:
        try:
            return results.get(timeout=_SLICE_S)
        except Empty:
            meanwhile()
    return results.get()


def each(
    ask: Callable[[A], T],
    given: Iterable[A],
    *,
    at_once: int,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[tuple[A, T]]:
    """Call a function for each item, several at a time; yield each result when it arrives.

    The next item is taken from *given* only when a call for it can start immediately. Threads are
    reused, since a new thread starts slowly while other threads are busy. *meanwhile* is called in
    the calling thread, once in each second without a result.
    """
    waiting: SimpleQueue[tuple[A] | None] = SimpleQueue()
    answered: SimpleQueue[tuple[A, Future[T]]] = SimpleQueue()

    def work() -> None:
        while (taken := waiting.get()) is not None:
            future: Future[T] = Future()
            try:
                future.set_result(ask(*taken))
            except BaseException as error:  # noqa: BLE001 - raised where the result is read
                future.set_exception(_outcome(ask, error))
            answered.put((*taken, future))

    left, threads, under_way = iter(given), 0, 0
    try:
        while True:
            for one in itertools.islice(left, at_once - under_way):
                under_way += 1
                if under_way > threads:
                    threads += 1
                    threading.Thread(target=work, name=f"ask {ask}", daemon=True).start()
                waiting.put((one,))
            if not under_way:
                return
            one, future = _next(answered, meanwhile)
            under_way -= 1
            yield one, future.result()
    finally:
        for _ in range(threads):
            waiting.put(None)
