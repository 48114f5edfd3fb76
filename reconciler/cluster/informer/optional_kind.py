"""``OptionalKind``: watches a kind that might not exist, or that might be forbidden to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from reconciler.cluster.informer.reflector import Target
from reconciler.errors import ClusterError, ForbiddenError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cluster.api.client import Client
    from reconciler.cluster.informer.reflector import Reflector

T = TypeVar("T", bound=Target)
PATIENCE_S = 120.0
"""How many seconds requests for a kind can fail before its objects count as unknown."""


class StartsReflectors(Protocol):
    """Creates a reflector; the options are those of ``Reflector``."""

    def __call__(self, target: Target, path: str, version: str, **options: Any) -> Reflector:  # noqa: ANN401
        """Return a new reflector."""
        ...


class OptionalKind(Generic[T]):
    """Runs a reflector for one kind as long as the server serves the kind and permits reading.

    Call ``follow`` in one thread at a time; the other members can be read in any thread.

    Args:
        start: Creates and starts a reflector.
        change: Calls a function while holding the snapshot's lock, and wakes up waiting readers.
        options: Further options of the reflector.
    """

    def __init__(
        self,
        start: StartsReflectors,
        change: Callable[[Callable[[], None]], None],
        **options: Any,  # noqa: ANN401 - those of Reflector
    ) -> None:
        self._start, self._change, self._options = start, change, options
        self._version = ""
        self._error: ClusterError | None = None
        """Why no reflector could be started; None if one runs or the kind is not served."""
        self._reflector: Reflector | None = None
        self.target: T | None = None
        """The target that contains the newest objects, or None if no reflector runs.

        Each reflector has its own target, so an old reflector cannot change the newest objects.
        """

    def follow(self, client: Client, version: str, target: T, path: str) -> None:
        """Start the reflector; replace it if the API version changed or the permission was lost.

        An empty *version* means that the server does not serve the kind. Without permission, no
        reflector is started; the caller calls this method again later.

        Raises:
            ClusterError: The list request failed, although the kind and permission exist.
        """
        running = self._reflector
        if running is not None:
            if version == self._version and not _is_refused(running):
                return
            running.end()
            self._reflector = None
        self._version = version
        if not version:
            self._error = None
            self._replace(None)
            return
        try:
            listed = target.relist(client)
        except ClusterError as error:
            self._error = None if isinstance(error, NotFoundError) else error
            self._replace(None)
            if isinstance(error, (ForbiddenError, NotFoundError)):
                return
            raise
        self._error = None
        self._replace(target)
        self._reflector = self._start(target, path, listed, **self._options)

    def _replace(self, target: T | None) -> None:
        if target is not self.target:
            self._change(lambda: setattr(self, "target", target))

    def problem(self, now: float) -> ClusterError | None:
        """Return why the objects are unknown at a monotonic time, or None if they are known.

        After requests start to fail, the objects count as known for two more minutes.
        """
        running = self._reflector
        failing = running.failing if running is not None else None
        if running is None:
            return self._error
        return failing[1] if failing is not None and now - failing[0] > PATIENCE_S else None


def _is_refused(running: Reflector) -> bool:
    """Return whether a reflector no longer has the permission to read its kind."""
    return running.failing is not None and isinstance(running.failing[1], ForbiddenError)
