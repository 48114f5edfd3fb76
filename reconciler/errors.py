"""The exceptions that end a command: ``ReconcilerError``. Expected results are values instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.diagnostic import Diagnostic


class ReconcilerError(Exception):
    """An error that ends a command: one sentence, and a hint on what to do."""

    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ReconcilerError):
    """The command line asks for something impossible."""


class SourceError(ReconcilerError):
    """The desired state cannot be read, such as for a missing repository, revision or path."""


class InvalidError(ReconcilerError):
    """The desired state is invalid; ``diagnostics`` has every finding."""

    def __init__(
        self, message: str, diagnostics: tuple[Diagnostic, ...], *, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = diagnostics


class WrongClusterError(ReconcilerError):
    """The desired state is meant for another cluster."""


class StaleError(ReconcilerError):
    """The approved plan differs from the current one."""


class DeclinedError(ReconcilerError):
    """The user was asked, and does not want the plan applied."""


class ClusterError(ReconcilerError):
    """A request to the API server failed; the message has no headers and bodies, for secrets."""

    def __init__(self, message: str, *, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UnreachableError(ClusterError):
    """No answer came: connection refused, reset, timed out, or a certificate is not trusted."""

    retryable = True


class UnavailableError(ClusterError):
    """429 or 5xx: the server cannot answer now."""

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
    """404: the object or the kind does not exist."""


class ConflictError(ClusterError):
    """409: another client wrote the object first."""


class RejectedError(ClusterError):
    """400, 415 or 422: the server rejects the request."""


class ExpiredError(ClusterError):
    """410: a page token or a watch is too old; list again."""


class KubeVirtMissingError(ClusterError):
    """The cluster has no KubeVirt CR, or more than one."""


class BackgroundError(ClusterError):
    """A background thread ended unexpectedly, so its data is no longer up to date."""


class LeaseHeldError(ReconcilerError):
    """Another run holds the lease."""

    def __init__(self, message: str, *, holder: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.holder = holder


class BrokenOff(BaseException):
    """A signal asked the process to end, and its last step took too long.

    A timer raises it, at any point. A request that it interrupts may have been carried out.
    """
