"""The interfaces to the world outside, such as ``LiveReader``, ``Writer`` and ``Lease``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from reconciler.errors import ClusterError
    from reconciler.model.desired.desired_state import Reading
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveState, LiveVM
    from reconciler.model.plan.plan import Action
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.progress import Progress
    from reconciler.model.run.write_result import Written


class Clock(Protocol):
    """The only source of time in the program."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment, which never decrease."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        ...


class DesiredReader(Protocol):
    """Reads the desired state from Git or from files."""

    def read(self) -> Reading:
        """Return one whole revision of the desired state, with its configuration.

        Mistakes in the files are in its diagnostics.

        Raises:
            SourceError: The desired state cannot be read.
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
        """Read pods and quotas, which only live changes need; None if the reader has none.

        Raises:
            ClusterError: They cannot be read, for a reason other than missing permissions.
        """
        ...


class Informer(LiveReader, Protocol):
    """Keeps a snapshot of the cluster up to date; ``read`` returns the newest one."""

    def wait(self, timeout_s: float) -> LiveState:
        """Return the newest snapshot after a change, or after *timeout_s* without one."""
        ...

    def refresh_capacity(self) -> None:
        """Start to read pods and quotas for later snapshots, unless such a read is running.

        A failure is logged and has no other effect.
        """
        ...


class DryRun(Protocol):
    """Asks the API server about writes; none of its requests takes effect."""

    def check(self, action: Action) -> Written:
        """Return the answer to *action*, a patch or a create, sent with ``dryRun=All``.

        Raises:
            ClusterError: No answer came, or the credentials were rejected.
        """
        ...


class Writer(Protocol):
    """Writes to the cluster; code that only plans never receives a writer."""

    def write(self, action: Action, *, timeout_s: float | None = None) -> Written:
        """Send the request of *action* once; a refusal is a return value, not an exception.

        Args:
            action: A patch, a create or a restart.
            timeout_s: The longest wait for the answer; None for the client's default.

        Raises:
            ClusterError: No answer came, the credentials were rejected, or the API server is
                unavailable.
        """
        ...

    def write_each(
        self, actions: Iterable[Action], *, timeout_s: Callable[[], float]
    ) -> Iterator[tuple[Action, Written | ClusterError]]:
        """Send the requests of *actions*, several at a time, and yield each answer on arrival.

        An action is taken from *actions* only when its request is sent immediately, so that the
        caller can decide right before each request. A missing answer is a value here, not an
        exception.

        Args:
            actions: Patches, creates and restarts of different objects.
            timeout_s: Returns the longest wait for an answer; called before each request.
        """
        ...

    def read_vm(self, ref: ObjectRef) -> LiveVM | None:
        """Return the current VM from the API server; None if the VM does not exist."""
        ...


class Lease(Protocol):
    """The right to write; ``app.leases`` acquires and releases it."""

    def held(self) -> bool:
        """Return whether this run still holds the lease; renew the lease if that is due."""
        ...

    def valid_s(self) -> float:
        """Return the seconds until the lease expires if not renewed; the limit of each request."""
        ...

    def annotations(self) -> Mapping[str, str]:
        """Return the lease's annotations with this program's prefix, as last read or written."""
        ...

    def annotate(self, annotations: Mapping[str, str | None]) -> bool:
        """Write annotations immediately; the value None removes an annotation.

        Annotations that could not be written are written with the next renewal.

        Returns:
            Whether they are written; False if the lease is lost or no answer came.
        """
        ...

    def abandon(self) -> None:
        """Let the lease expire at the end of the run instead of releasing it.

        A write may still be in progress, and it has to end before another run starts.
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
        """Show or record the step *progress*."""
        ...
