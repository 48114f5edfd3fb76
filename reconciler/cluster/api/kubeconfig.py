"""Finds the API server and the credentials, as kubectl does; its errors never quote the file."""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import ClusterError, UnauthorizedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cluster.api.kubernetes_protocols import Configuration

_HOME_CONFIG = "~/.kube/config"
_HINT = "name a kubeconfig with --kubeconfig or KUBECONFIG, or run inside a cluster"

_OTHER = "mend it, or name another one with --kubeconfig"


def load(kubeconfig: str | None, context: str | None) -> Configuration:
    """The library's ``Configuration`` for the cluster that the options name.

    Looks at *kubeconfig*, then at ``KUBECONFIG``, then at ``~/.kube/config``, then for the
    service account of a pod.

    Raises:
        UsageError: A file or context is named that is not there.
        ClusterError: The configuration is there and cannot be used.
        UnauthorizedError: A credential plugin failed.
    """
    from kubernetes import client  # noqa: PLC0415 - takes 0.5 s; only when a cluster is asked for

    configuration: Configuration = client.Configuration()
    files = kubeconfig or os.environ.get("KUBECONFIG") or _HOME_CONFIG
    found = [path for path in files.split(os.pathsep) if path and Path(path).expanduser().exists()]
    if found:
        _from_files(os.pathsep.join(found), context, configuration)
    elif kubeconfig:
        raise UsageError(f"the kubeconfig {kubeconfig} does not exist", hint=_HINT)
    elif context:
        raise UsageError(f"there is no kubeconfig to take the context {context} from", hint=_HINT)
    else:
        _from_pod(configuration)
    # Retries are decided in one place, by method and kind of error; see client.
    configuration.retries = False
    configuration.keep_alive = True
    # 16 patches side by side, a watch a kind, a lease, Events: one too many is opened anew.
    configuration.connection_pool_maxsize = 32
    # Once it is set, the library does not look for it in the environment before each request.
    configuration.proxy = configuration.proxy
    return configuration


def _from_files(files: str, context: str | None, configuration: Configuration) -> None:
    from kubernetes import config  # noqa: PLC0415 - see load
    from yaml import YAMLError  # noqa: PLC0415 - the library's

    try:
        with _unlogged() as failures:
            config.load_kube_config(
                config_file=files,
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )
    # The library's own sentences quote the entry at fault, token and all: `from None`.
    except config.ConfigException as error:
        raise ClusterError(
            f"the kubeconfig {files} cannot be used: {_reason(str(error), context)}",
            hint="kubectl config view shows what it holds",
        ) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ClusterError(f"the kubeconfig {files}{where} is not YAML", hint=_OTHER) from None
    except OSError as error:
        raise ClusterError(
            f"the kubeconfig {files} cannot be read: {error.strerror}", hint=_OTHER
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ClusterError(
            f"the kubeconfig {files} has not the shape of one", hint=_OTHER
        ) from None
    if failures:
        raise UnauthorizedError(
            f"the credential plugin that the kubeconfig {files} names failed",
            hint="run kubectl with the same kubeconfig to see why",
        )


def _from_pod(configuration: Configuration) -> None:
    from kubernetes import config  # noqa: PLC0415 - see load

    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        raise ClusterError("there is no cluster to talk to: no kubeconfig", hint=_HINT) from None


def _reason(text: str, context: str | None) -> str:
    """What is wrong, in words that hold nothing of the file but names."""
    if match := re.search(r"Expected object with name (\S+) in", text):
        return f"it names no {'context' if match[1] == context else 'entry'} {match[1]}"
    if match := re.search(r"Expected key ([\w-]+) in", text):
        return f"the key {match[1]} is missing"
    return "it is empty or incomplete"


@contextmanager
def _unlogged() -> Iterator[list[logging.LogRecord]]:
    """Withhold and collect what is logged on the root logger.

    The library logs a failed credential plugin there and goes on without credentials.
    """
    records: list[logging.LogRecord] = []

    def withhold(record: logging.LogRecord) -> bool:
        records.append(record)
        return False

    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addFilter(withhold)
    root.addHandler(placeholder)  # without a handler, logging.error() would install one
    try:
        yield records
    finally:
        root.removeHandler(placeholder)
        root.removeFilter(withhold)
