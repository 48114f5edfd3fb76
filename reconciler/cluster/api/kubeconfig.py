"""``load``: finds the API server and the credentials in the same places as kubectl.

Error messages do not quote the kubeconfig, which contains secrets.
"""

from __future__ import annotations

import io
import logging
import os
import re
import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler import input_files
from reconciler.errors import ClusterError, UnauthorizedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.api.kubernetes_protocols import Configuration

_HOME_CONFIG = "~/.kube/config"
_HINT = "set --kubeconfig or KUBECONFIG, or run inside a cluster"

_FILES = {
    "user": ("tokenFile", "client-certificate", "client-key"),
    "cluster": ("certificate-authority",),
}
"""The keys of a kubeconfig that refer to files, by the kind of the entry."""
_OTHER = "correct the file, or select another one with --kubeconfig"


def load(kubeconfig: str | None, context: str | None) -> Configuration:
    """Return the library's ``Configuration`` for the cluster that the options select.

    The function tries *kubeconfig*, then ``KUBECONFIG``, then ``~/.kube/config``, then the
    service account of the pod. A kubeconfig ``-`` is read from standard input.

    Raises:
        UsageError: The file or context does not exist.
        ClusterError: The configuration exists and cannot be used.
        UnauthorizedError: A credential plugin failed.
    """
    from kubernetes import client  # noqa: PLC0415 - takes 0.5 s; only for commands that use a cluster

    configuration: Configuration = client.Configuration()
    named = kubeconfig or os.environ.get("KUBECONFIG")
    files = named or _HOME_CONFIG
    found = [files] if kubeconfig == input_files.STDIN else _existing(files)
    if found:
        _from_files(os.pathsep.join(found), context, configuration)
    elif named:
        origin = "" if kubeconfig else " of KUBECONFIG"
        raise UsageError(f"the kubeconfig {named}{origin} does not exist", hint=_HINT)
    elif context:
        message = f"there is no kubeconfig with the context {context}: {files} does not exist"
        raise UsageError(message, hint=_HINT)
    else:
        _from_pod(configuration)
    _check_addresses(configuration, named or _HOME_CONFIG)
    # The client alone decides on retries, by method and kind of error.
    configuration.retries = False
    configuration.keep_alive = True
    # Enough for 16 parallel patches, a watch per kind, leases and Events without reconnecting.
    configuration.connection_pool_maxsize = 32
    # If it is set, the library does not read the environment before each request.
    configuration.proxy = configuration.proxy
    return configuration


def context_names(kubeconfig: str | None) -> tuple[str, ...]:
    """Return the names of the contexts in *kubeconfig*, or in the file that ``load`` would read.

    Raises:
        ClusterError: The kubeconfig does not exist or cannot be used.
    """
    from kubernetes import config  # noqa: PLC0415 - see load

    files = kubeconfig or os.environ.get("KUBECONFIG") or _HOME_CONFIG
    try:
        for path in _existing(files):
            input_files.check(path)
        found, _ = config.list_kube_config_contexts(config_file=files)
    except Exception as error:
        raise ClusterError(f"the kubeconfig {files} cannot be used") from error
    return tuple(str(each["name"]) for each in found)


def _existing(files: str) -> list[str]:
    """Return the existing paths in *files*, a list with the separator of ``KUBECONFIG``."""
    paths = (str(Path(each).expanduser()) for each in files.split(os.pathsep) if each)
    return [each for each in paths if Path(each).exists()]


def _from_files(files: str, context: str | None, configuration: Configuration) -> None:
    from kubernetes import config  # noqa: PLC0415 - see load
    from yaml import YAMLError  # noqa: PLC0415 - the library's

    try:
        with _unlogged() as failures:
            config.load_kube_config(
                config_file=_checked(files),
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )
    # The library's messages quote the wrong entry with its token, hence `from None`.
    except config.ConfigException as error:
        raise ClusterError(
            f"the kubeconfig {files} cannot be used: {_reason(str(error), context)}",
            hint="run kubectl config view to see its content",
        ) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ClusterError(f"the kubeconfig {files}{where} is not YAML", hint=_OTHER) from None
    except OSError as error:
        raise ClusterError(
            f"the kubeconfig {files} cannot be read: {error.strerror}", hint=_OTHER
        ) from None
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise ClusterError(
            f"the kubeconfig {files} does not have the structure of a kubeconfig", hint=_OTHER
        ) from None
    if failures:
        raise UnauthorizedError(
            f"the credential plugin in the kubeconfig {files} failed",
            hint="run kubectl with the same kubeconfig to see why",
        )
    _check_certificates(configuration, files)


def _checked(files: str) -> str | io.StringIO:
    """Return *files* for the library, or the text from standard input if *files* is ``-``.

    Raises:
        OSError: A kubeconfig, or a file to which one refers, is not a regular file.
    """
    from kubernetes.config.kube_config import KubeConfigMerger  # noqa: PLC0415 - see load

    source: str | io.StringIO = files
    if files == input_files.STDIN:
        source = io.StringIO(input_files.read(files).decode())
    else:
        for path in files.split(os.pathsep):
            input_files.check(path)
    merged = KubeConfigMerger(source).config
    for kind, keys in _FILES.items():
        for entry in getattr(merged, "value", merged)[f"{kind}s"]:
            values, folder = getattr(entry, "value", entry)[kind], getattr(entry, "path", "")
            for key in keys if isinstance(values, dict) else ():
                file = Path(folder).parent / str(values.get(key) or "")
                if values.get(key) and file.exists():
                    _check_file(file, key)
    return source


def _check_file(path: Path, key: str) -> None:
    try:
        input_files.check(path)
    except OSError as error:
        raise OSError(error.errno, f"{key} cannot be read: {error.strerror}") from error


def _from_pod(configuration: Configuration) -> None:
    from kubernetes import config  # noqa: PLC0415 - see load
    from kubernetes.config.incluster_config import SERVICE_TOKEN_FILENAME  # noqa: PLC0415

    try:
        if Path(SERVICE_TOKEN_FILENAME).exists():
            input_files.check(SERVICE_TOKEN_FILENAME)
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        raise ClusterError(
            f"no cluster is configured: there is no kubeconfig, as {_HOME_CONFIG} does not exist",
            hint=_HINT,
        ) from None
    except (OSError, ValueError):  # the messages of both may quote the token
        raise ClusterError(
            "the pod's service account cannot be used: its token or its certificate is not text, "
            "or KUBERNETES_SERVICE_HOST is not an address",
            hint="check the volume of the service account, or set --kubeconfig",
        ) from None


def _check_addresses(configuration: Configuration, files: str) -> None:
    """Check the addresses, which the library would reject only at the first request."""
    if not _is_http(configuration.host):
        raise ClusterError(
            f"the kubeconfig {files} has no usable server",
            hint="set server to an address such as https://192.0.2.1:6443",
        )
    if configuration.proxy and not _is_http(configuration.proxy):
        raise ClusterError(
            "the proxy for the cluster is not an address that starts with http:// or https://",
            hint="check HTTPS_PROXY, HTTP_PROXY, NO_PROXY, and proxy-url in the kubeconfig",
        )


def _check_certificates(configuration: Configuration, files: str) -> None:
    """Check the certificates, which the library would load only at the first request."""
    trust, key = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "the certificate-authority"
    try:
        if configuration.ssl_ca_cert:
            trust.load_verify_locations(configuration.ssl_ca_cert)
        key = "the client-certificate or client-key"
        if configuration.cert_file:
            # The empty password prevents a question on the terminal.
            trust.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
    except OSError as error:
        raise ClusterError(
            f"{key} in the kubeconfig {files} is not a usable PEM file", hint=_OTHER
        ) from error


def _is_http(address: str | None) -> bool:
    try:
        parts = urlsplit(address or "")
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _reason(text: str, context: str | None) -> str:
    """Return what is wrong with the kubeconfig; only names from the file are quoted."""
    if match := re.search(r"Expected object with name (\S+) in", text):
        return f"it has no {'context' if match[1] == context else 'entry'} {match[1]}"
    if match := re.search(r"Expected key ([\w-]+) in", text):
        return f"the key {match[1]} is missing"
    if match := re.search(r"File does not exist: (.+)", text):
        return f"the file {match[1]} does not exist"
    return "it is empty or incomplete"


@contextmanager
def _unlogged() -> Iterator[list[logging.LogRecord]]:
    """Suppress and collect the messages of the root logger.

    The library logs the failure of a credential plugin there and continues without credentials.
    """
    records: list[logging.LogRecord] = []

    def withhold(record: logging.LogRecord) -> bool:
        records.append(record)
        return False

    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addFilter(withhold)
    root.addHandler(placeholder)  # else logging.error() would install one
    try:
        yield records
    finally:
        root.removeHandler(placeholder)
        root.removeFilter(withhold)
