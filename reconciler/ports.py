"""Defines the interfaces to Git, the cluster and the clock, such as ``LiveReader``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from reconciler.errors import ClusterError
    from reconciler.model.alerts.alert_hold import AlertHold
    from reconciler.model.alerts.alert_matcher import AlertMatcher
    from reconciler.model.desired.desired_state import Reading
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState, LiveVM
    from reconciler.model.plan.comparison import Base
    from reconciler.model.plan.plan import Action
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.progress import Progress
    from reconciler.model.run.write_result import Written


class Clock(Protocol):
    """The only source of time in the program."""

    def now(self) -> datetime:
        """Return the current time in UTC, with its time zone."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment; the value never decreases."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        ...


class DesiredReader(Protocol):
    """Reads the desired state from Git or from files."""

    def read(self) -> Reading:
        """Return the desired state of one revision, with its configuration.

        The diagnostics in the result report errors in the files.

        Raises:
            SourceError: The desired state cannot be read.
        """
        ...


class BaseReader(Protocol):
    """Reads the desired state of the base commit with which a plan is compared."""

    def read(self) -> tuple[Base, Reading]:
        """Return the base commit, and its desired state with its configuration.

        Raises:
            SourceError: The base cannot be found or read.
        """
        ...


class LiveReader(Protocol):
    """Reads the live state from the cluster."""

    def read(self) -> LiveState:
        """Return a snapshot of the cluster.

        Raises:
            ClusterError: The cluster cannot be read.
        """
        ...

    def capacity(self) -> Capacity | None:
        """Return the free capacity, computed from pods and quotas; None if they cannot be read.

        Only live changes need the capacity.

        Raises:
            ClusterError: Pods or quotas cannot be read, although permission is granted.
        """
        ...


class Informer(LiveReader, Protocol):
    """Keeps a snapshot of the cluster up to date; ``read`` returns the newest one."""

    def wait(self, timeout_s: float) -> LiveState:
        """Wait for a change in the cluster or a timeout, and return the newest snapshot."""
        ...

    def outage(self) -> tuple[datetime, ClusterError] | None:
        """Return when cluster reads started to fail, and the last error; None if they succeed."""
        ...

    def refresh_capacity(self, wait_s: float = 0.0) -> Capacity | None:
        """Start to list pods and quotas for later snapshots, unless they are already being listed.

        Returns:
            The newest capacity, at most *wait_s* seconds after the start of the list requests.

        Raises:
            ClusterError: Pods and quotas have never been listed successfully.
        """
        ...


class DryRun(Protocol):
    """Sends writes as a server-side dry run: the API server validates them, and stores nothing."""

    def check(self, action: Action) -> Written:
        """Send a patch or a create with ``dryRun=All``, and return the response.

        Raises:
            ClusterError: No response arrived, or the credentials were rejected.
        """
        ...


class Writer(Protocol):
    """Writes to the cluster; code that only plans never receives a writer."""

    def write(self, action: Action, *, timeout_s: float | None = None) -> Written:
        """Send one write request, without retries; a rejection is returned, not raised.

        Args:
            action: A patch, a create or a restart.
            timeout_s: The longest wait for the response; None for the client's default.

        Raises:
            ClusterError: No response arrived, the credentials were rejected, or the API server is
                unavailable.
        """
        ...

    def write_each(
        self, actions: Iterable[Action], *, timeout_s: Callable[[], float]
    ) -> Iterator[tuple[Action, Written | ClusterError]]:
        """Send several write requests in parallel, and yield each response as it arrives.

        An action is taken from *actions* only when its request can be sent at once, so that the
        caller can still decide just before each request. The error of a failed request is yielded,
        not raised.

        Args:
            actions: Patches, creates and restarts, each for a different object.
            timeout_s: Returns the longest wait for a response; called before each request.
        """
        ...

    def read_vm(self, ref: ObjectRef) -> LiveVM | None:
        """Return the current VM from the API server; None if the VM does not exist."""
        ...


class Lease(Protocol):
    """A Lease that gives a run the exclusive permission to write."""

    def held(self) -> bool:
        """Renew the lease if that is due, and return whether this run still holds the lease."""
        ...

    def valid_s(self) -> float:
        """Return for how many seconds the lease stays valid without a renewal.

        No request is allowed to wait longer for a response.
        """
        ...

    def annotations(self) -> Mapping[str, str]:
        """Return the lease's annotations that have this program's prefix."""
        ...

    def annotate(self, annotations: Mapping[str, str | None]) -> bool:
        """Write annotations immediately; the value None removes an annotation.

        Annotations that could not be written are written with the next renewal.

        Returns:
            Whether the annotations are written; False if the lease is lost or no response arrived.
        """
        ...

    def annotate_later(self, annotations: Mapping[str, str | None]) -> None:
        """Write annotations with the next renewal or the release.

        The value None removes an annotation.
        """
        ...

    def abandon(self) -> None:
        """Let the lease expire at the end of the run instead of releasing it.

        A write might still be in progress, and must end before another run starts.
        """
        ...


class Alerts(Protocol):
    """The firing alerts in Prometheus, which a background thread reads."""

    def hold(self, matchers: tuple[AlertMatcher, ...]) -> AlertHold | None:
        """Return why no new VM change can start, or None if no selected alert is firing.

        If the alerts cannot be read, no new change can start either. Only the first call with
        these matchers waits for a response from Prometheus, for at most a few seconds.
        """
        ...


class Recorder(Protocol):
    """Records Events on objects, for users who look at the VM and not at the report."""

    def record(
        self, ref: ObjectRef, uid: str, *, reason: str, message: str, warning: bool = False
    ) -> None:
        """Record one Event with the current time, without waiting for the API server.

        A failure is logged and has no other effect.
        """
        ...


class Listener(Protocol):
    """Receives each step of a run, to show or to record it."""

    def __call__(self, progress: Progress) -> None:
        """Show or record one step of the run."""
        ...
