"""Faults of the API server as data: which requests they affect, and how.

A fault makes the server fail as a real one can; it never corrupts the store.
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
    """The effect of a fault."""

    STATUS = "status"
    """Answers with `code` and does nothing."""
    SLOW = "slow"
    """Answers as usual, but `seconds` of simulated time later."""
    DROP = "drop"
    """Ends a watch after `events` events."""
    EXPIRE = "expire"
    """Answers 410 to a continue token or to a watch's resourceVersion."""
    SILENT = "silent"
    """Keeps a watch open and sends nothing more after `events` events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; an empty field matches any request."""

    effect: Effect
    methods: frozenset[str] = frozenset()
    """The HTTP methods that it affects."""
    verbs: frozenset[str] = frozenset()
    """The verbs as RBAC names them: get, list, watch, patch …"""
    resource: str = ""
    """The plural, alone or with its group: `virtualmachines`, `virtualmachines.kubevirt.io`."""
    subresource: str | None = None
    namespace: str = ""
    name: str = ""
    user: str = ""
    skip: int = 0
    """How many matching requests pass first (to hit the nth, skip n-1)."""
    times: int | None = None
    """The number of times that it fires; None: always."""
    probability: float = 1.0
    """The probability that it fires at a matching request; the generator is seeded."""
    code: int = 500
    message: str = ""
    """The message of the Status; empty for the server's default."""
    retry_after_s: int | None = None
    """Adds a Retry-After header and details.retryAfterSeconds."""
    seconds: float = 0.0
    events: int = 0
    id: str = ""
    """A name that identifies it in the counts."""


@dataclass(slots=True)
class _Counter:
    fault: Fault
    seen: int = 0
    fired: int = 0


@dataclass(slots=True)
class Faults:
    """The faults of a world and how often each has fired."""

    faults: list[Fault] = field(default_factory=list)
    seed: int = 0
    _counters: dict[int, _Counter] = field(default_factory=dict, init=False)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"faults/{self.seed}")  # noqa: S311  # repeatable, not secret

    def add(self, fault: Fault) -> None:
        """Adds a fault, which takes effect now."""
        self.faults.append(fault)

    def remove(self, fault: Fault) -> None:
        """Removes a fault and keeps its count."""
        self.faults.remove(fault)

    def fired(self, fault: Fault) -> int:
        """Returns how often a fault has fired."""
        counter = self._counters.get(id(fault))
        return counter.fired if counter else 0

    def counts(self) -> dict[str, int]:
        """Returns how often each current fault has fired, by its id or else its position."""
        return {fault.id or str(i): self.fired(fault) for i, fault in enumerate(self.faults)}

    def hits(self, method: str, target: RequestInfo, user: str) -> tuple[Fault, ...]:
        """Returns the faults that affect a request, and counts them."""
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
