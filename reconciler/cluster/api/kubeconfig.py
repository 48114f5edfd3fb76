"""``load``: finds the API server and the credentials in the same files and variables as kubectl.

Error messages do not quote the kubeconfig, which contains secrets.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler import input_files
from reconciler.errors import ClusterError, UnauthorizedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.api.kubernetes_protocols import Configuration

_HOME_CONFIG = "~/.kube/config"
_MAX_BYTES = 1_000_000
"""The maximum size of a kubeconfig in bytes."""
_MAX_ALIASES = 10
"""The maximum number of YAML aliases in a kubeconfig."""
_MAX_DEPTH = 200
_HINT = "set --kubeconfig or KUBECONFIG, or run inside a cluster"

_LISTS = ("clusters", "contexts", "users")
_FILES = ("tokenFile", "client-certificate", "client-key", "certificate-authority")
"""The kubeconfig keys whose values are file paths."""
_OTHER = "correct the file, or select another one with --kubeconfig"


def load(kubeconfig: str | None, context: str | None) -> Configuration:
    """Load the ``Configuration`` of the ``kubernetes`` library for the selected cluster.

    The function tries *kubeconfig*, then ``KUBECONFIG``, then ``~/.kube/config``, then the pod's
    service account. If *kubeconfig* is ``-``, the kubeconfig is read from standard input.

    Raises:
        UsageError: The selected kubeconfig does not exist.
        ClusterError: No configuration exists, or the configuration cannot be used.
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
        message = f"the context {context} cannot be used: the kubeconfig {files} does not exist"
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
    """Return the context names in a kubeconfig; by default, in the kubeconfig that kubectl uses.

    Raises:
        ClusterError: The kubeconfig does not exist or cannot be used.
    """
    files = kubeconfig or os.environ.get("KUBECONFIG") or _HOME_CONFIG
    try:
        found = _loader(os.pathsep.join(_existing(files))).list_contexts()
    except Exception as error:
        raise ClusterError(f"the kubeconfig {files} cannot be used") from error
    return tuple(str(each["name"]) for each in found)


def _existing(files: str) -> list[str]:
    """Split a list of paths in the format of ``KUBECONFIG``, and return the paths that exist."""
    paths = (str(Path(each).expanduser()) for each in files.split(os.pathsep) if each)
    return [each for each in paths if Path(each).exists()]


def _from_files(files: str, context: str | None, configuration: Configuration) -> None:
    from kubernetes import config  # noqa: PLC0415 - see load
    from yaml import YAMLError  # noqa: PLC0415 - the library's

    try:
        with _unlogged() as failures:
            loader = _loader(files, context)
            for entry in (loader._user, loader._cluster):  # noqa: SLF001 - of the context
                _read_files(entry)
            loader.load_and_set(configuration)
    # The library's messages quote the wrong entry with its token, hence `from None`.
    except config.ConfigException as error:
        raise ClusterError(
            f"the kubeconfig {files} cannot be used: {_reason(str(error), context)}",
            hint="run `kubectl config view` to inspect the kubeconfig",
        ) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ClusterError(
            f"the kubeconfig {files}{where} is not valid YAML", hint=_OTHER
        ) from None
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
            hint="run kubectl with the same kubeconfig to see why the plugin fails",
        )
    _check_certificates(configuration, files)


def _loader(files: str, context: str | None = None) -> Any:  # noqa: ANN401 - an untyped library
    """Return the ``KubeConfigLoader`` for kubeconfig files or for standard input.

    This function reads the files itself, because the library would open a named pipe and wait for
    data without limit.

    Raises:
        OSError: A kubeconfig cannot be read, or is not a regular file.
    """
    from kubernetes.config import ConfigException  # noqa: PLC0415 - see load
    from kubernetes.config.kube_config import ConfigNode, KubeConfigLoader  # noqa: PLC0415
    from yaml import safe_load  # noqa: PLC0415 - the library's

    merged: dict[str, Any] = {}
    for path in files.split(os.pathsep):
        origin = None if path == input_files.STDIN else path
        text = input_files.read(path, _MAX_BYTES + 1)
        _check_text(text)
        config = safe_load(text)
        if config is None:
            raise ConfigException("the file is empty")
        merged = merged or {**config, **{kind: [] for kind in _LISTS}}
        for kind in _LISTS:
            for each in config.get(kind) or ():
                # As in kubectl, the first of several entries with the same name counts.
                if all(found["name"] != each["name"] for found in merged[kind]):
                    merged[kind].append(ConfigNode(kind, each, origin))
        if "current-context" in config:
            merged["current-context"] = config["current-context"]
    node = ConfigNode(files, merged, None)
    return KubeConfigLoader(config_dict=node, active_context=context, config_base_path=None)


def _read_files(entry: Any) -> None:  # noqa: ANN401 - an untyped library
    """Read or check the files that a user or cluster entry in a kubeconfig refers to.

    The library gets the token as text. For the certificates and the key, the library requires
    files, so these files are only checked and not copied; a copy could remain after a crash.

    Raises:
        OSError: A file is not a regular file, or the token cannot be read.
    """
    for key in _FILES if entry is not None else ():
        name = entry.value.get(key)
        contents = "token" if key == "tokenFile" else f"{key}-data"
        if not name or contents in entry.value:
            continue
        path = (Path(entry.path or "").parent / str(name)).absolute()
        entry.value[key] = str(path)  # else relative to the cluster's file
        if not path.exists() and key != "tokenFile":
            continue  # the library reports the file, if the connection needs it
        try:
            content = input_files.read(path)
        except OSError as error:
            raise OSError(error.errno, f"{key} cannot be read: {error.strerror}") from error
        if key == "tokenFile":
            entry.value[contents] = content.decode().strip()


def _check_text(text: bytes) -> None:
    """Check the length, the nesting depth and the number of aliases in YAML text.

    These limits keep parsing cheap, since a few aliases can expand to a very large document.

    Raises:
        OSError: The text is too long, is nested too deeply or has too many aliases.
    """
    import yaml  # noqa: PLC0415 - the library's

    if len(text) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"the file is larger than {_MAX_BYTES:,} bytes")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    n_aliases = depth = 0
    for each in yaml.parse(text, loader):
        n_aliases += isinstance(each, yaml.AliasEvent)
        depth += isinstance(each, yaml.CollectionStartEvent)
        depth -= isinstance(each, yaml.CollectionEndEvent)
        if n_aliases > _MAX_ALIASES:
            raise OSError(errno.EFBIG, f"the file has more than {_MAX_ALIASES} YAML aliases")
        if depth > _MAX_DEPTH:
            raise OSError(errno.EFBIG, "the YAML is nested too deeply")


def _from_pod(configuration: Configuration) -> None:
    from kubernetes.config import ConfigException, incluster_config  # noqa: PLC0415 - see load

    class Loader(incluster_config.InClusterConfigLoader):  # type: ignore[misc]
        """Reads the pod's service account token at each renewal, and only from a regular file."""

        def _read_token_file(self) -> None:
            self._token_filename = input_files.opened(token)  # the library closes it
            try:
                super()._read_token_file()
            finally:
                self._token_filename = token

    token, certificate = (
        incluster_config.SERVICE_TOKEN_FILENAME,
        incluster_config.SERVICE_CERT_FILENAME,
    )
    try:
        if Path(token).exists() and Path(certificate).exists():
            input_files.read(certificate)
        Loader(token_filename=token, cert_filename=certificate).load_and_set(configuration)
    except ConfigException:
        raise ClusterError(
            f"no cluster is configured: the default kubeconfig {_HOME_CONFIG} does not exist",
            hint=_HINT,
        ) from None
    except (OSError, ValueError):  # the messages of both may quote the token
        raise ClusterError(
            "the pod's service account cannot be used: its token or its CA certificate is not "
            "text, or KUBERNETES_SERVICE_HOST is not a host name or IP address",
            hint="check the service account volume of the pod, or set --kubeconfig",
        ) from None


def _check_addresses(configuration: Configuration, files: str) -> None:
    """Check the URLs of the API server and of the proxy before the first request."""
    if not _is_http(configuration.host):
        raise ClusterError(
            f"`server` in the kubeconfig {files} is not an http:// or https:// URL",
            hint="set `server` to a URL such as https://192.0.2.1:6443",
        )
    if configuration.proxy and not _is_http(configuration.proxy):
        raise ClusterError(
            "the proxy for the cluster is not a URL that starts with http:// or https://",
            hint="check HTTPS_PROXY, HTTP_PROXY, NO_PROXY, and `proxy-url` in the kubeconfig",
        )


def _check_certificates(configuration: Configuration, files: str) -> None:
    """Check that the CA and client certificates in a kubeconfig are usable PEM files."""
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
    """Describe a kubeconfig problem from the library's message; quote only names, never values."""
    if match := re.search(r"Expected object with name (\S+) in", text):
        return f"it has no {'context' if match[1] == context else 'entry'} {match[1]}"
    if match := re.search(r"Expected key ([\w-]+) in", text):
        return f"the key {match[1]} is missing"
    if match := re.search(r"File does not exist: (.+)", text):
        return f"the file {match[1]} does not exist"
    return "the file is empty or incomplete"


@contextmanager
def _unlogged() -> Iterator[list[logging.LogRecord]]:
    """Context manager that suppresses the messages of the root logger and collects them in a list.

    The ``kubernetes`` library logs a credential plugin failure to the root logger and continues
    without credentials.
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
