"""The exception tree: what ends a command. Expected results are values, never exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.diagnostic import Diagnostic


class ReconcilerError(Exception):
    """What ends a command: one sentence, and a hint on what to do."""

    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ReconcilerError):
    """The command line asks for something impossible."""


class SourceError(ReconcilerError):
    """The desired state cannot be read: no repository, no such revision, no such path."""


class InvalidError(ReconcilerError):
    """What the user wrote is invalid; every finding is in ``diagnostics``."""

    def __init__(
        self, message: str, diagnostics: tuple[Diagnostic, ...], *, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = diagnostics


class WrongClusterError(ReconcilerError):
    """The desired state is meant for another cluster."""


class StaleError(ReconcilerError):
    """What was approved is not what would be done now."""


class ClusterError(ReconcilerError):
    """The API server's answer, without headers and bodies, which may hold secrets."""

    def __init__(self, message: str, *, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnreachableError(ClusterError):
    """No answer: connection refused, reset, timed out, or a certificate that is not trusted."""

    retryable = True


class UnavailableError(ClusterError):
    """429 or 5xx: the server asks to come back later."""

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
    """401: the credentials are missing, wrong or expired."""


class ForbiddenError(ClusterError):
    """403: the credentials lack a right."""


class NotFoundError(ClusterError):
    """404: the object or the kind is not there."""


class ConflictError(ClusterError):
    """409: somebody else wrote the object first."""


class RejectedError(ClusterError):
    """400, 415, 422: the server does not accept the request as it is."""


class ExpiredError(ClusterError):
    """410: a page token or a watch is too old; list again."""


class KubeVirtMissingError(ClusterError):
    """The cluster has no KubeVirt CR, or more than one."""


class BackgroundError(ClusterError):
    """A background thread ended unexpectedly, so what it kept up to date no longer is."""


class LeaseHeldError(ReconcilerError):
    """Another run holds the lease."""

    def __init__(self, message: str, *, holder: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.holder = holder


class BrokenOff(BaseException):
    """The process was asked to end, and what it did last took too long to be waited for.

    Raised by a timer, in the midst of anything; whether a request that it broke off was carried
    out is not known.
    """
