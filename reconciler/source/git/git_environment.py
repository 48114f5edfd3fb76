"""``for_reading`` and ``for_fetching``: select the environment variables that git receives.

git gets only those ``GIT_`` variables of the caller that are listed here. Other variables could
run a program (``GIT_EXTERNAL_DIFF``), write a file (``GIT_TRACE``) or select a different
repository (``GIT_DIR``, which git sets for hooks). git also gets none of this program's own
variables, because they can contain a token or a URL with a password.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from reconciler.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

_COUNT = "GIT_CONFIG_COUNT"
_CONFIGURATION = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", _COUNT)
_PAIRS = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")
_TRANSPORT = frozenset(
    {
        *("GIT_HTTP_PROXY_AUTHMETHOD", "GIT_HTTP_USER_AGENT"),
        *("GIT_HTTP_LOW_SPEED_LIMIT", "GIT_HTTP_LOW_SPEED_TIME"),
    }
)
_PROGRAMS = {
    "GIT_ASKPASS": "--git-credentials, or credential.helper in the git configuration",
    "GIT_SSH": "--git-credentials, or core.sshCommand in the git configuration",
    "GIT_SSH_COMMAND": "--git-credentials, or core.sshCommand in the git configuration",
    "GIT_PROXY_COMMAND": "core.gitProxy in the git configuration",
}
"""Variables that name a program that git would run in a fetch; they are not passed to git.

The value for each variable says what to use instead.
"""
_CERTIFICATES = ("GIT_SSL_", "GIT_PROXY_SSL_")
_PUSHED_OBJECTS = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
_MAX_COUNT = 9_999


def for_reading() -> dict[str, str]:
    """Return the environment variables for git commands that do not use the network.

    Raises:
        SourceError: ``GIT_CONFIG_COUNT`` is not a number.
    """
    _count()
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "RECONCILER_"))
        or name in _CONFIGURATION
        or name.startswith(_PAIRS)
    }


def for_fetching() -> dict[str, str]:
    """Return the caller's variables for git's network connections, such as ``GIT_SSL_CAINFO``.

    Variables that name a program are not passed on; a warning says what to use instead.
    """
    for name, instead in _PROGRAMS.items():
        if name in os.environ:
            _warn_once(name, instead)
    return {
        name: value
        for name, value in os.environ.items()
        if name in _TRANSPORT or name.startswith(_CERTIFICATES)
    }


def for_hook(git_dir: Path) -> dict[str, str]:
    """Return the environment variables with which git in a push hook reads the pushed objects."""
    selected = os.environ.get("GIT_DIR")
    if not selected or os.path.realpath(selected) != os.path.realpath(git_dir):
        return {}
    return {name: os.environ[name] for name in _PUSHED_OBJECTS if name in os.environ}


@cache
def _warn_once(name: str, instead: str) -> None:
    log.warning("the environment variable %s has no effect; instead, use %s", name, instead)


def configured(settings: Mapping[str, str], *, alone: bool = False) -> dict[str, str]:
    """Return environment variables that make git use the given settings.

    Args:
        settings: Keys and values that override the Git configuration.
        alone: Whether git ignores the settings in the caller's environment variables.

    Raises:
        SourceError: ``GIT_CONFIG_COUNT`` is not a number.
    """
    first = 0 if alone else _count()
    found = {_COUNT: str(first + len(settings))} if settings else {}
    for n, (key, value) in enumerate(settings.items(), start=first):
        found |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    return found


@contextmanager
def hidden() -> Iterator[None]:
    """Hide all ``GIT_`` environment variables from GitPython, because some can run a program."""
    found = {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
    for name in found:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(found)


def _count() -> int:
    text = os.environ.get(_COUNT) or "0"
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(_MAX_COUNT)):
        raise SourceError(
            f"the environment variable {_COUNT} is not a number from 0 to {_MAX_COUNT}",
            hint=f"unset {_COUNT}, or set it to the number of GIT_CONFIG_KEY_ variables",
        )
    return int(text)
