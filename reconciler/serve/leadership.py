"""``Leadership``: holds the Lease that makes one of several ``serve`` replicas the leader.

This Lease decides which replica applies plans and sends notifications. Its annotations store state
for a new leader, such as which notifications were sent. This Lease does not prevent two processes
from writing at the same time; the rollout Leases do.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import ClusterError, LeaseHeldError
from reconciler.model import backoff
from reconciler.model.service.view import Role, Wait, WaitKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from reconciler.ports import Clock, Lease

log = logging.getLogger(__name__)

_RENEW_CHECK_S = 1.0
_STANDBY_S = 2.0
"""The seconds between two checks of the Lease by a standby replica."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


class _Ended(Exception):  # noqa: N818 - not an error
    """The process stops while it waits for the Lease."""


class _Withdrawn(Exception):  # noqa: N818 - not an error
    """The process no longer competes for the Lease, so the wait for the Lease must end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderState:
    """Which ``serve`` replica is the leader, as far as this process knows."""

    role: Role = Role.STANDBY
    leader: str = ""
    """The name of the leader, or an empty string if it is unknown."""
    wait: Wait | None = None
    """Why this process is not the leader, or None if it is the leader or has just started."""


class Leadership(threading.Thread):
    """A daemon thread that acquires and renews the leader's Lease.

    Args:
        lease_in: Acquires the Lease in a namespace; calls its second argument during the wait.
        clock: Measures how long this process has been waiting.
        instance: The name of this process.
        changed: Called in the leader election thread when the role or the leader has changed.
    """

    def __init__(
        self,
        lease_in: Callable[[str, Callable[[], None]], AbstractContextManager[Lease]],
        clock: Clock,
        *,
        instance: str,
        changed: Callable[[], None],
    ) -> None:
        super().__init__(name="leadership", daemon=True)
        self._lease_in, self._clock, self._instance = lease_in, clock, instance
        self._changed = changed
        self._namespace, self._withdrawn = "", False
        self._opened: AbstractContextManager[Lease] | None = None
        self._lease: Lease | None = None
        self._failures = 0
        self.term = 0
        """The number of times that this process has acquired the Lease."""
        self._ended = threading.Event()
        self.steps: list[Callable[[], None]] = []
        """Functions that the leader election thread calls once per second, leader or not."""
        self.state = LeaderState()
        """The role and the leader; set by the leader election thread, read by other threads."""

    def begin(self, namespace: str) -> None:
        """Start to compete for the Lease in *namespace*, the namespace of the KubeVirt CR."""
        self._withdrawn = False
        if not self._namespace:
            self._namespace = namespace
            self.start()

    def withdraw(self) -> None:
        """Release the Lease soon, and do not acquire it until ``begin`` is called again."""
        self._withdrawn = True

    @property
    def namespace(self) -> str:
        """The namespace of the Lease, or an empty string if this process does not compete."""
        return "" if self._withdrawn else self._namespace

    def leads(self) -> bool:
        """Return whether this process currently holds the Lease; any thread can call this method.

        The result is False as soon as another replica can take the Lease, even if this process was
        frozen and its thread has not run since.
        """
        lease = self._lease
        return lease is not None and lease.valid_s() > 0.0

    def annotations(self) -> Mapping[str, str]:
        """Return the Lease annotations that have this program's prefix, keyed by full name.

        Call this method only from the functions in ``steps``.
        """
        return self._lease.annotations() if self._lease is not None else {}

    def annotate(self, annotations: Mapping[str, str | None]) -> bool:
        """Write annotations to the Lease immediately, and return whether this succeeded.

        Call this method only from the functions in ``steps``. The value None removes an
        annotation.
        """
        return self._lease is not None and self._lease.annotate(annotations)

    def end(self, timeout_s: float) -> None:
        """Release the Lease, and wait until the thread has stopped."""
        self._ended.set()
        if self._namespace:
            self.join(timeout_s)

    def run(self) -> None:
        """Acquire and renew the Lease until ``end`` is called, and then release it."""
        try:
            while not self._ended.is_set():
                self._ended.wait(self.step())
        except _Ended:
            pass
        finally:
            self._give_up()

    def step(self) -> float:
        """Acquire or renew the Lease, and return the seconds until the next attempt."""
        try:
            if self._withdrawn:
                left_s = self._rest()
            else:
                left_s = self._acquire() if self._lease is None else self._renew(self._lease)
            self._work()
        except ClusterError as error:
            return self._failed(error)
        except _Ended:
            raise
        except Exception:
            log.exception("leader election failed because of a bug in reconciler")
            self._give_up()
            return _LONGEST_PAUSE_S
        return left_s

    def _acquire(self) -> float:
        opened = self._lease_in(self._namespace, self._while_waiting)
        try:
            lease = opened.__enter__()
        except LeaseHeldError as held:
            self._failures = 0
            self._standby(f"{held.holder} is the leader", held.holder)
            return _STANDBY_S
        except _Withdrawn:
            return self._rest()
        self.term += 1  # first, so that a caller of `leads` never finds the previous number
        self._failures, self._opened, self._lease = 0, opened, lease
        log.info("this process is now the leader")
        self._publish(LeaderState(role=Role.LEADER, leader=self._instance))
        return _RENEW_CHECK_S

    def _renew(self, lease: Lease) -> float:
        if lease.held():
            return _RENEW_CHECK_S
        log.warning("this process is no longer the leader, because it lost the leader Lease")
        self._give_up()
        self._standby("this process lost the leader Lease", "")
        return _RENEW_CHECK_S

    def _rest(self) -> float:
        if self._lease is not None:
            log.info("this process releases the leader Lease, because the mode is observe")
            self._give_up()
        self._publish(LeaderState())
        return _RENEW_CHECK_S

    def _while_waiting(self) -> None:
        if self._ended.is_set():
            raise _Ended
        if self._withdrawn:
            raise _Withdrawn
        self._work()

    def _failed(self, error: ClusterError) -> float:
        self._failures += 1
        if self._failures == 1:
            log.warning("cannot acquire the leader Lease: %s", error)
        self._standby(str(error), "")
        return backoff.pause_s(
            self._failures, first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S, jitter=0.5
        )

    def _standby(self, message: str, leader: str) -> None:
        before = self.state.wait
        since = before.since if before is not None else self._clock.now()
        wait = Wait(kind=WaitKind.LEADERSHIP, since=since, message=message)
        self._publish(LeaderState(leader=leader, wait=wait))

    def _work(self) -> None:
        for each in self.steps:
            each()

    def _give_up(self) -> None:
        opened, self._opened, self._lease = self._opened, None, None
        if opened is not None:
            opened.__exit__(None, None, None)

    def _publish(self, state: LeaderState) -> None:
        if state != self.state:
            self.state = state
            self._changed()
