"""Tests that a reflector slows down while the API server ends each watch early."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reconciler.cluster.informer.reflector import Reflector
from reconciler.errors import ExpiredError, UnavailableError, UnreachableError

BOOKMARK = ("BOOKMARK", b'{"metadata":{"resourceVersion":"2"}}')


class Pauses:
    """Replaces the stop event of a reflector: pauses take no time, and the last one sets it."""

    def __init__(self, number: int) -> None:
        self.lengths: list[float] = []
        self._number = number

    def is_set(self) -> bool:
        return len(self.lengths) >= self._number

    def wait(self, length_s: float) -> None:
        self.lengths.append(length_s)


class HostileClient:
    """Responds to each list request, and ends every watch in the same way."""

    def __init__(self, *events, opens=None, ends=None) -> None:
        self.lists = 0
        self._events, self._opens, self._ends = events, opens, ends

    def without_retries(self):
        return self

    def watch(self, *_request):
        if self._opens is not None:
            raise self._opens
        return self._watch()

    def _watch(self):
        yield from self._events
        if self._ends is not None:
            raise self._ends


EXPIRED = ExpiredError("410")
CUT = UnreachableError("cut")
BACKOFF = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("client", "pauses", "lists"),
    [
        (HostileClient(opens=EXPIRED), [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0], 8),
        (HostileClient(ends=EXPIRED), [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0], 8),
        (HostileClient(BOOKMARK, ends=CUT), BACKOFF, 6),
        (HostileClient(opens=CUT), BACKOFF, 6),
        (HostileClient(opens=UnavailableError("504", status=504)), BACKOFF, 8),
        (HostileClient(BOOKMARK), [1.0] * 8, 1),
        (HostileClient(), [1.0] * 8, 1),
    ],
    ids=[
        "410 to each watch",
        "410 in each watch",
        "each watch cut after an event",
        "each watch refused",
        "unknown version",
        "each watch ended after an event",
        "each watch ended",
    ],
)
def test_reflector_backs_off_if_the_server_ends_every_watch(clock, client, pauses, lists):
    def relist(_client):
        client.lists += 1
        return "1"

    target = SimpleNamespace(relist=relist, event=lambda *_: None)
    reflector = Reflector(
        client, target, path="/vms", version="", clock=clock, broke=lambda *_: None
    )
    reflector._ended = found = Pauses(len(pauses))
    reflector.run()
    assert found.lengths == pauses
    assert client.lists == lists


def test_reflector_resets_its_backoff_after_a_watch_of_at_least_one_second(clock):
    class Client(HostileClient):
        watches = 0

        def _watch(self):
            self.watches += 1
            clock.elapsed += 2.0 if self.watches == 3 else 0.0
            return super()._watch()

    target = SimpleNamespace(relist=lambda _client: "1", event=lambda *_: None)
    reflector = Reflector(
        Client(ends=CUT), target, path="/vms", version="", clock=clock, broke=lambda *_: None
    )
    reflector._ended = found = Pauses(5)
    reflector.run()
    assert found.lengths == [0.25, 0.5, 0.25, 0.5, 1.0]
