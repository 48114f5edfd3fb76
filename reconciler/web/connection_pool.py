"""``connection_pool``: creates connection pools for servers, with or without a proxy."""

from __future__ import annotations

import ssl
from base64 import b64encode
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

import urllib3

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Pool: TypeAlias = urllib3.PoolManager
"""A urllib3 pool that reuses connections; ``connection_pool`` creates such pools."""
_CONNECT_S, _READ_S = 10.0, 30.0


def connection_pool(
    base_url: str,
    *,
    ca: Path | None,
    environ: Mapping[str, str],
    server: str,
    connect_s: float = _CONNECT_S,
    read_s: float = _READ_S,
) -> Pool:
    """Return a connection pool for a server, without opening a connection.

    Args:
        base_url: The URL of the server; no error contains it.
        ca: A file with CA certificates; None means those of the operating system.
        environ: The environment; HTTPS_PROXY, ALL_PROXY and NO_PROXY are used, also in lower case.
        server: The name of the server in errors, such as ``Prometheus``.
        connect_s: The maximum time in seconds to open a connection.
        read_s: The maximum time in seconds to wait for the next byte of the response.

    Raises:
        UsageError: The file with CA certificates, or the proxy URL, cannot be used.
    """
    timeout = urllib3.Timeout(connect=connect_s, read=read_s)
    # Reading the authorities of the system takes 30 ms, and plain HTTP does not use them.
    secure = ca or urlsplit(base_url).scheme == "https"
    context = _context(ca, server) if secure else None
    proxy = _proxy(base_url, environ, server)
    if not proxy:
        return urllib3.PoolManager(retries=False, timeout=timeout, ssl_context=context)
    parts = urlsplit(proxy)
    headers = None
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"}
    return urllib3.ProxyManager(
        parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
        retries=False,
        timeout=timeout,
        ssl_context=context,
        proxy_ssl_context=context,
        proxy_headers=headers,
    )


def _context(ca: Path | None, server: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot read the CA certificates for {server} from {ca}",
            hint="use a file that contains certificates in PEM format",
        ) from error


def _proxy(base_url: str, environ: Mapping[str, str], server: str) -> str:
    """Return the URL of the proxy for a server, or an empty string for a direct connection.

    Requests without TLS stay on this machine or in the cluster, so they never use a proxy.
    """
    target = urlsplit(base_url)
    if target.scheme != "https":
        return ""
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    proxy = next((environ[each] for each in names if environ.get(each)), "")
    direct = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    host, port = target.hostname or "", target.port or 443
    if not proxy or any(_matches(each.strip(), host, port) for each in direct.split(",")):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"the proxy for {server} is not a valid URL that starts with http:// or https://",
            hint="check the environment variables HTTPS_PROXY, ALL_PROXY and NO_PROXY",
        )
    return proxy


def _matches(pattern: str, host: str, port: int) -> bool:
    """Return whether a NO_PROXY entry (``*``, domain, IP address or network) matches a host."""
    if pattern == "*":
        return True
    try:
        return ip_address(host) in ip_network(pattern, strict=False)
    except ValueError:
        pass
    name, _, only_port = pattern.lower().lstrip("*.").partition(":")
    if not name or only_port not in {"", str(port)}:
        return False
    return host == name or host.endswith(f".{name}")
