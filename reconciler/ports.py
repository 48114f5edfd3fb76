"""What the inner rooms need of the outside: readers, a writer, a lease, a clock, a listener."""

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
        """The time of day, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never runs backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass."""
        ...


class DesiredReader(Protocol):
    """Reads the desired state."""

    def read(self) -> Reading:
        """One revision, whole, with the configuration at its root.

        Raises:
            SourceError: It cannot be read. What it says wrongly is in its diagnostics.
        """
        ...


class LiveReader(Protocol):
    """Reads the cluster once."""

    def read(self) -> LiveState:
        """One snapshot.

        Raises:
            ClusterError: The cluster cannot be read.
        """
        ...

    def capacity(self) -> Capacity | None:
        """Pods and quotas now, asked for where a live change needs them; None if there are none.

        Raises:
            ClusterError: They cannot be read, for another reason than missing rights.
        """
        ...


class Informer(LiveReader, Protocol):
    """Keeps a snapshot of the cluster up to date; ``read`` returns the newest one."""

    def wait(self, timeout_s: float) -> LiveState:
        """The newest snapshot, after a change or *timeout_s*, whichever is first."""
        ...

    def refresh_capacity(self) -> None:
        """Begin to read them, unless that is under way; snapshots hold them once they are read.

        A failure is logged, and leaves what there was.
        """
        ...


class Writer(Protocol):
    """Writes to the cluster; survey is never handed one."""

    def write(
        self, action: Action, *, dry_run: bool = False, timeout_s: float | None = None
    ) -> Written:
        """Send the one request of *action*, once; a refusal is a value.

        Args:
            action: A patch, a create or a restart.
            dry_run: Let the server check it and change nothing.
            timeout_s: The longest to wait for the answer; None for the client's own.

        Raises:
            ClusterError: No answer, 401, or a server that is unavailable.
        """
        ...

    def write_each(
        self, actions: Iterable[Action], *, timeout_s: Callable[[], float]
    ) -> Iterator[tuple[Action, Written | ClusterError]]:
        """Send the requests of *actions*, several at a time; each answer as it comes.

        An action is taken from *actions* only when it is sent at once, so that whoever makes them
        decides right before each. That no answer came is a value here.

        Args:
            actions: Patches, creates and restarts of different objects.
            timeout_s: The longest to wait for an answer, asked before each request.
        """
        ...

    def read_vm(self, ref: ObjectRef) -> LiveVM | None:
        """The VM as it is now; None if it is not there."""
        ...

    def read_kubevirt(self, ref: ObjectRef) -> LiveKubeVirt:
        """The KubeVirt CR as it is now."""
        ...


class Lease(Protocol):
    """The right to patch; taking it and giving it back is wiring's."""

    def held(self) -> bool:
        """Whether the lease is still ours; renews it when due. False stops every new patch."""
        ...

    def spare_s(self) -> float:
        """For how long it stays ours though nothing renews it; no request may wait longer."""
        ...

    def notes(self) -> Mapping[str, str]:
        """The annotations under our prefix, as they were last read or written."""
        ...

    def note(self, notes: Mapping[str, str | None]) -> bool:
        """Write annotations at once, None removes one; False if the lease is lost or not heard of.

        What could not be written is tried again when the lease is next renewed.
        """
        ...

    def abandon(self) -> None:
        """Do not give it back at the end, but let it run out.

        For a write that may still be under way: nobody may follow before it is over.
        """
        ...


class Recorder(Protocol):
    """Leaves Events on objects, for people who look at the VM and not at our report."""

    def record(
        self, ref: ObjectRef, uid: str, *, reason: str, message: str, warning: bool = False
    ) -> None:
        """Leave one Event of what happens now, without waiting for the server.

        A failure is logged and changes nothing else.
        """
        ...


class Listener(Protocol):
    """Hears each step of a run."""

    def __call__(self, progress: Progress) -> None:
        """Take notice of *progress*."""
        ...
