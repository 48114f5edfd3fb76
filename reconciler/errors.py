"""Defines the exceptions that end a command; most are subclasses of ``ReconcilerError``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.diagnostic import Diagnostic


class ReconcilerError(Exception):
    """The base class of errors that end a command; each has a message and a hint for the user."""

    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ReconcilerError):
    """The command line is invalid or contradicts itself."""


class OutputError(ReconcilerError):
    """A result cannot be written, for example because a disk is full or a pipe is closed."""


class SourceError(ReconcilerError):
    """The desired state cannot be read, for example because the repository is missing."""


class InvalidError(ReconcilerError):
    """The desired state is invalid; ``diagnostics`` has every reported problem."""

    def __init__(
        self, message: str, diagnostics: tuple[Diagnostic, ...], *, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = diagnostics


class WrongClusterError(ReconcilerError):
    """The desired state is meant for another cluster."""


class StaleError(ReconcilerError):
    """The approved plan differs from the current plan."""


class DeclinedError(ReconcilerError):
    """The user declined to apply the plan."""


class ClusterError(ReconcilerError):
    """A request to the API server failed; the message never contains headers or bodies."""

    def __init__(self, message: str, *, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnreachableError(ClusterError):
    """The API server did not respond: connection refused, reset, timeout or bad certificate."""

    retryable = True


class UnavailableError(ClusterError):
    """The API server responded with 429 or 5xx: it cannot process the request now."""

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, status=status)
        self.retry_after_s = retry_after_s


class UnauthorizedError(ClusterError):
    """The API server responded with 401: the credentials are missing, wrong or expired."""


class ForbiddenError(ClusterError):
    """The API server responded with 403: the credentials lack a permission."""


class NotFoundError(ClusterError):
    """The API server responded with 404: the object or its kind does not exist."""


class ConflictError(ClusterError):
    """The API server responded with 409: another client wrote the object first."""


class RejectedError(ClusterError):
    """The API server rejected the request with another 4xx status, such as 400, 415 or 422."""


class ExpiredError(ClusterError):
    """The API server responded with 410: a page token or a watch is too old; list again."""


class KubeVirtMissingError(ClusterError):
    """The cluster has no KubeVirt CR, or more than one."""


class ClocksDifferError(ClusterError):
    """The API server's and the local clock disagree on whether a maintenance window is open."""


class BackgroundError(ClusterError):
    """A background thread ended unexpectedly, so the data that it provided is out of date."""


class LeaseHeldError(ReconcilerError):
    """Another run holds the lease."""

    def __init__(self, message: str, *, holder: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.holder = holder


class ForgeError(ReconcilerError):
    """A request to a Git host such as GitHub failed; the message never contains the token."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int | None = None,
        retryable_now: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retryable_now = retryable_now
        """Whether the failure is temporary; the Git host might still have executed the request."""
        self.retry_after_s = retry_after_s
        """The seconds to wait if a rate limit of the Git host prevented the request, or None."""


class BrokenOff(BaseException):
    """A signal asked the process to end, and the current step of the run took too long.

    A timer can raise this exception at any point in the code. The API server might still execute a
    request that the exception interrupts.
    """
