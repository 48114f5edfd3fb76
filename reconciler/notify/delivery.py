"""``attempt``: sends one notification to a receiver once, and decides whether to retry.

Chat services cannot recognize a repeated message, so an attempt with an unknown result is not
repeated for them. Webhook requests contain the identifier of the notification, and Alertmanager
merges equal alerts, so such attempts are repeated.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.errors import UsageError
from reconciler.model.service.receiver import ReceiverKind
from reconciler.notify.receiver_access import ReceiverError, read_access
from reconciler.web.connection_pool import connection_pool
from reconciler.web.exchange import ExchangeError, HttpRequest, exchange, retry_after_s

if TYPE_CHECKING:
    from reconciler.model.service.receiver import Receiver
    from reconciler.ports import Clock

ID_HEADER = "Idempotency-Key"
_CONNECT_S, _READ_S, _MOST_S = 5.0, 10.0, 10.0
_MOST_BYTES = 64 * 1024
_LONGEST_WAIT_S = 600.0
"""The longest pause in seconds that a receiver can request with a Retry-After header."""
_REPEATABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
_REFUSED = frozenset({425, 429, 503})
"""The HTTP status codes after which a receiver has certainly not processed the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The result of one attempt to send a notification."""

    sent: bool = False
    repeat: bool = False
    """Whether another attempt might succeed, without the risk of a duplicate notification."""
    wait_s: float = 0.0
    """The pause that the receiver requests before the next attempt, in seconds."""
    problem: str = ""
    """Why the attempt failed, without URL and headers; an empty string if it succeeded."""


def attempt(receiver: Receiver, body: object, clock: Clock, *, key: str = "") -> Attempt:
    """Send a notification to a receiver once.

    Args:
        receiver: The receiver of the notification.
        body: The request body as JSON values.
        clock: Measures the time.
        key: The identifier of the notification; empty if existing problems are sent again.
    """
    try:
        access = read_access(receiver)
        pool = connection_pool(
            access.url,
            ca=Path(receiver.ca_file) if receiver.ca_file else None,
            environ=os.environ,
            server=f"the notification receiver {receiver.name}",
            connect_s=_CONNECT_S,
            read_s=_READ_S,
        )
    except (ReceiverError, UsageError) as error:
        return Attempt(repeat=True, problem=str(error))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"kubevirt-memory-reconciler/{__version__}",
        **({ID_HEADER: key} if key else {}),
        **access.headers,
    }
    request = HttpRequest(
        method="POST", url=access.url, headers=headers, body=json.dumps(body).encode()
    )
    with pool:
        try:
            answer = exchange(
                pool,
                request,
                clock=clock,
                most_s=_MOST_S,
                most_bytes=_MOST_BYTES,
                truncate=True,
            )
        except ExchangeError as error:
            return Attempt(
                repeat=not error.received or _merges(receiver),
                problem=f"the request failed: {error}",
            )
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Attempt(sent=True)
    wait_s = 0.0
    if (after := answer.headers.get("retry-after")) is not None:
        wait_s = min(retry_after_s(after, clock, otherwise_s=0.0), _LONGEST_WAIT_S)
    again = answer.status in (_REPEATABLE if _merges(receiver) else _REFUSED)
    return Attempt(
        repeat=again, wait_s=wait_s, problem=f"the receiver returned status {answer.status}"
    )


def _merges(receiver: Receiver) -> bool:
    """Return whether a receiver recognizes a notification that is sent twice."""
    return receiver.kind is not ReceiverKind.SLACK
