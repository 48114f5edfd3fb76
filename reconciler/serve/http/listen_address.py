"""``ListenAddress``: the host and the port on which an HTTP server listens."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass

from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.quoting import quoted

_MAX_PORT = 65_535
_BACKLOG = 128
_REASONS = {
    errno.EADDRINUSE: "another process uses the port",
    errno.EACCES: "this user is not allowed to use the port",
    errno.EADDRNOTAVAIL: "the IP address does not belong to this machine",
}


class ListenError(ReconcilerError):
    """The process cannot listen on an address, for example because the port is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """The host and the port on which an HTTP server accepts connections."""

    host: str
    """An IP address or a host name of this machine."""
    port: int
    """The TCP port, or 0 to select a free port."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only processes on this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_listen_address(text: str, option: str) -> ListenAddress:
    """Parse a listen address such as ``127.0.0.1:8080``, ``[::1]:8080`` or ``:8080``.

    Without a host, the server accepts connections on all addresses of the machine.

    Args:
        text: The address.
        option: The command-line option that sets the address, for the error message.

    Raises:
        UsageError: The string is not an address with a port.
    """
    host, separator, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    is_bracketed = host != bare and f"[{bare}]" == host
    has_port = port.isascii() and port.isdecimal() and len(port) <= len(str(_MAX_PORT))
    if not separator or not has_port or int(port) > _MAX_PORT or (":" in host) != is_bracketed:
        raise UsageError(
            f"{option} {quoted(text)} is not an IP address or host name with a port",
            hint="write, for example, 127.0.0.1:8080, [::1]:8080 or :8080",
        )
    return ListenAddress(host=bare or "0.0.0.0", port=int(port))  # noqa: S104 - as in :8080


def listening_socket(address: ListenAddress, option: str) -> socket.socket:
    """Open a socket that listens on an address.

    Raises:
        ListenError: The address cannot be used.
    """
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except (OSError, UnicodeError) as error:
        raise ListenError(
            f"{option} {address}: cannot resolve the host name", hint="use an IP address"
        ) from error
    family, kind, protocol, _, target = found[0]
    # If the protocol is 0, asyncio keeps Nagle's algorithm, which delays small responses.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = _REASONS.get(error.errno or 0) or os.strerror(error.errno or 0)
        raise ListenError(
            f"cannot listen on {address}: {reason}",
            hint=f"set {option} to a different address or port",
        ) from error
    return listener
