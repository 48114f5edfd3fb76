"""Defines the faults that the simulated API server injects: affected requests, and effects.

Each fault is a failure that a real server can have. A fault never corrupts the store.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.simulator.apiserver.request.request_info import RequestInfo


class Effect(StrEnum):
    """How a fault of the simulated API server affects a request."""

    STATUS = "status"
    """Responds with the HTTP status `code` without handling the request."""
    SLOW = "slow"
    """Delays the normal response by `seconds` of simulated time."""
    DROP = "drop"
    """Disconnects a watch after `events` watch events."""
    EXPIRE = "expire"
    """Responds with 410 to lists with a continue token and to watches with a resourceVersion."""
    SILENT = "silent"
    """Keeps a watch open, but sends only its first `events` watch events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of the simulated API server, and the requests that it affects.

    An empty field matches all requests.
    """

    effect: Effect
    methods: frozenset[str] = frozenset()
    """The HTTP methods of the requests that the fault affects."""
    verbs: frozenset[str] = frozenset()
    """The RBAC verbs of the requests that the fault affects, such as get and list."""
    resource: str = ""
    """The plural name of the resource, with or without group: `virtualmachines.kubevirt.io`."""
    subresource: str | None = None
    namespace: str = ""
    name: str = ""
    user: str = ""
    skip: int = 0
    """The number of matching requests that the fault skips before it affects one."""
    times: int | None = None
    """How many times the fault occurs, or None for no limit."""
    probability: float = 1.0
    """The probability with which the fault affects each matching request."""
    code: int = 500
    message: str = ""
    """The message of the error Status, or an empty string for the default message."""
    retry_after_s: int | None = None
    """The value of the Retry-After header and of details.retryAfterSeconds in the Status."""
    seconds: float = 0.0
    events: int = 0


@dataclass(slots=True)
class _Counter:
    fault: Fault
    seen: int = 0
    fired: int = 0


@dataclass(slots=True)
class Faults:
    """The faults of the simulated API server, and how often each fault has occurred."""

    faults: list[Fault] = field(default_factory=list)
    seed: int = 0
    _counters: dict[int, _Counter] = field(default_factory=dict, init=False)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"faults/{self.seed}")  # noqa: S311  # repeatable, not secret

    def add(self, fault: Fault) -> None:
        """Adds a fault, which can affect all later requests."""
        self.faults.append(fault)

    def remove(self, fault: Fault) -> None:
        """Removes a fault, but keeps the number of its occurrences."""
        self.faults.remove(fault)

    def fired(self, fault: Fault) -> int:
        """Returns how often a fault has occurred."""
        counter = self._counters.get(id(fault))
        return counter.fired if counter else 0

    def hits(self, method: str, target: RequestInfo, user: str) -> tuple[Fault, ...]:
        """Returns the faults that affect a request, and counts one occurrence for each."""
        matching = [f for f in self.faults if _matches(f, method, target, user)]
        return tuple([fault for fault in matching if self._fires(fault)])

    def _fires(self, fault: Fault) -> bool:
        counter = self._counters.setdefault(id(fault), _Counter(fault))
        counter.seen += 1
        if counter.seen <= fault.skip:
            return False
        if fault.times is not None and counter.fired >= fault.times:
            return False
        if fault.probability < 1.0 and self._chance.random() >= fault.probability:
            return False
        counter.fired += 1
        return True


_ONLY_FOR: Final = {
    Effect.DROP: frozenset({"watch"}),
    Effect.SILENT: frozenset({"watch"}),
    Effect.EXPIRE: frozenset({"watch", "list"}),
}


def _matches(fault: Fault, method: str, target: RequestInfo, user: str) -> bool:
    full = f"{target.plural}.{target.group}" if target.group else target.plural
    return (
        target.verb in _ONLY_FOR.get(fault.effect, {target.verb})
        and _any(fault.methods, method)
        and _any(fault.verbs, target.verb)
        and fault.resource in {"", target.plural, full}
        and fault.subresource in {None, target.subresource}
        and fault.namespace in {"", target.namespace}
        and fault.name in {"", target.name}
        and fault.user in {"", user}
    )


def _any(allowed: Iterable[str], value: str) -> bool:
    return not allowed or value in allowed
