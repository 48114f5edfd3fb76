"""The parts of the untyped ``kubernetes`` library, and of urllib3 under it, that are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Headers(Protocol):
    """``urllib3.HTTPHeaderDict``."""

    def get(self, name: str) -> str | None:
        """The value of the header *name*."""
        ...

    def getlist(self, name: str) -> list[str]:
        """The values of the header *name*, which may come several times."""
        ...


class Response(Protocol):
    """``urllib3.HTTPResponse``, unread."""

    status: int
    reason: str | None
    headers: Headers

    @property
    def data(self) -> bytes:
        """The whole body."""
        ...

    def read1(self, amount: int) -> bytes:
        """What has come of the body, waiting for at least one byte; empty at its end."""
        ...

    def release_conn(self) -> None:
        """Give the connection back to its pool."""
        ...

    def shutdown(self) -> None:
        """Wake a thread that is reading, which then finds the end."""
        ...

    def close(self) -> None:
        """Drop the connection."""
        ...


class Wrapped(Protocol):
    """``kubernetes.client.rest.RESTResponse``."""

    response: Response


class Configuration(Protocol):
    """``kubernetes.client.Configuration``."""

    host: str
    retries: bool
    keep_alive: bool
    connection_pool_maxsize: int
    proxy: str | None


class Api(Protocol):
    """``kubernetes.client.ApiClient``."""

    configuration: Configuration
    user_agent: str

    def param_serialize(
        self,
        method: str,
        resource_path: str,
        *,
        query_params: list[tuple[str, str]],
        header_params: Mapping[str, str],
        body: object,
        auth_settings: list[str],
    ) -> tuple[str, str, dict[str, str], object, object]:
        """Method, URL, headers with the credentials, body and form of a request."""
        ...

    def call_api(
        self,
        method: str,
        url: str,
        header_params: dict[str, str],
        body: object,
        post_params: object,
        _request_timeout: tuple[float, float],
    ) -> Wrapped:
        """Send the request; an answer of any status is handed back."""
        ...

    def close(self) -> None:
        """Close every idle connection."""
        ...
