"""Types for the parts of urllib3 and the untyped library ``kubernetes`` that this package uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Headers(Protocol):
    """The interface of ``urllib3.HTTPHeaderDict``."""

    def get(self, name: str) -> str | None:
        """Return the value of an HTTP header."""
        ...

    def getlist(self, name: str) -> list[str]:
        """Return all values of an HTTP header that can occur several times."""
        ...


class Response(Protocol):
    """The interface of a ``urllib3.HTTPResponse`` whose body has not been read yet."""

    status: int
    reason: str | None
    headers: Headers

    def read1(self, amount: int, *, decode_content: bool | None = None) -> bytes:
        """Return the bytes that have arrived, at least one, or ``b""`` at the end of the body.

        Args:
            amount: The maximum number of bytes to return.
            decode_content: Whether to decompress the bytes.
        """
        ...

    def release_conn(self) -> None:
        """Return the connection to the connection pool."""
        ...

    def shutdown(self) -> None:
        """Shut down the socket for reading, which wakes up a thread that waits in ``read1``."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Wrapped(Protocol):
    """The interface of ``kubernetes.client.rest.RESTResponse``."""

    response: Response


class Configuration(Protocol):
    """The interface of ``kubernetes.client.Configuration``."""

    host: str
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None
    retries: bool
    keep_alive: bool
    connection_pool_maxsize: int
    proxy: str | None


class Api(Protocol):
    """The interface of ``kubernetes.client.ApiClient``."""

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
        """Return the method, URL, headers with credentials, body and form fields of a request."""
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
        """Send an HTTP request, and return the response for every status code."""
        ...

    def close(self) -> None:
        """Close every idle connection."""
        ...
