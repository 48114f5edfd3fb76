"""The interfaces to the outside, such as ``LiveReader``, ``Writer`` and ``Lease``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from reconciler.errors import ClusterError
    from reconciler.model.desired.desired_state import Reading
    from reconciler.model.live.capacity import Capacity
    from reconciler.model.live.live_state import LiveKubeVirt, LiveState, LiveVM
    from reconciler.model.plan.plan import Action
    from reconciler.model.references import ObjectRef
    from reconciler.model.run.progress import Progress
    from reconciler.model.run.write_result import Written


class Clock(Protocol):
    """The only source of time."""

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
    """Reads the desired state."""

    def read(self) -> Reading:
        """Return a whole revision, with the configuration at its root.

        Mistakes in the files are in its diagnostics.

        Raises:
            SourceError: It cannot be read.
        """
        ...


class LiveReader(Protocol):
    """Reads the cluster."""

    def read(self) -> LiveState:
        """Return a snapshot.

        Raises:
            ClusterError: The cluster cannot be read.
        """
        ...

    def capacity(self) -> Capacity | None:
        """Read pods and quotas, which only live changes need; None if the reader has none.

        Raises:
            ClusterError: They cannot be read, for another reason than missing rights.
        """
        ...


class Informer(LiveReader, Protocol):
    """Keeps a snapshot of the cluster up to date; ``read`` returns the newest one."""

    def wait(self, timeout_s: float) -> LiveState:
        """Return the newest snapshot after a change, or after *timeout_s* without one."""
        ...

    def refresh_capacity(self) -> None:
        """Start to read pods and quotas for later snapshots, unless such a read is under way.

        A failure is logged and changes nothing.
        """
        ...


class Writer(Protocol):
    """Writes to the cluster; a survey never receives one."""

    def write(self, action: Action, *, timeout_s: float | None = None) -> Written:
        """Send the request of *action*, once; a refusal is a value.

        Args:
            action: A patch, a create or a restart.
            timeout_s: The longest wait for the answer; None for the client's own.

        Raises:
            ClusterError: No answer came, the credentials were rejected, or the server is
                unavailable.
        """
        ...

    def write_each(
        self, actions: Iterable[Action], *, timeout_s: Callable[[], float]
    ) -> Iterator[tuple[Action, Written | ClusterError]]:
        """Send the requests of *actions*, several at a time, and yield each answer as it arrives.

        An action is taken from *actions* only when it is sent at once, so that the caller can
        decide right before each. A missing answer is a value here.

        Args:
            actions: Patches, creates and restarts of different objects.
            timeout_s: Returns the longest wait for an answer, called before each request.
        """
        ...

    def read_vm(self, ref: ObjectRef) -> LiveVM | None:
        """Return the VM as it is now; None if it does not exist."""
        ...

    def read_kubevirt(self, ref: ObjectRef) -> LiveKubeVirt:
        """Return the KubeVirt CR as it is now."""
        ...


class Lease(Protocol):
    """The right to write; the wiring acquires and releases it."""

    def held(self) -> bool:
        """Return whether this run still holds the lease, which it renews when due."""
        ...

    def valid_s(self) -> float:
        """Return for how long the lease is valid without renewal; no request may wait longer."""
        ...

    def annotations(self) -> Mapping[str, str]:
        """Return the annotations under our prefix, as last read or written."""
        ...

    def annotate(self, annotations: Mapping[str, str | None]) -> bool:
        """Write annotations at once; None removes one.

        Annotations that could not be written are tried again at the next renewal.

        Returns:
            Whether they are written; False if the lease is lost or no answer came.
        """
        ...

    def abandon(self) -> None:
        """Let the lease expire at the end instead of releasing it.

        A write may still be under way, which has to end before another run starts.
        """
        ...


class Recorder(Protocol):
    """Records Events on objects, for people who look at the VM and not at the report."""

    def record(
        self, ref: ObjectRef, uid: str, *, reason: str, message: str, warning: bool = False
    ) -> None:
        """Record one Event with the current time, without waiting for the server.

        A failure is logged and changes nothing else.
        """
        ...


class Listener(Protocol):
    """Receives each step of a run."""

    def __call__(self, progress: Progress) -> None:
        """Handle *progress*."""
        ...
