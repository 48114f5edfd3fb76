"""The annotations under our prefix by which Git says how one VM is to be treated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.config import RestartConsent
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.schema.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .objects import Manifest

PREFIX = "memory.reconciler.dev/"
SUSPEND = f"{PREFIX}suspend"
PRIORITY = f"{PREFIX}priority"
RESTART = f"{PREFIX}restart"

_BOOLEANS = {"true": True, "false": False}
_CONSENTS = {str(each): each for each in RestartConsent}
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


def suspended(manifest: Manifest) -> bool:
    """Whether the VM is to be left alone."""
    return _BOOLEANS.get(_texts(manifest).get(SUSPEND, ""), False)


def priority(manifest: Manifest) -> int:
    """Higher starts first; 0 where Git says nothing."""
    text = _texts(manifest).get(PRIORITY, "")
    return int(text) if _INTEGER.fullmatch(text) else 0


def restart(manifest: Manifest) -> RestartConsent | None:
    """What may be done where a change needs a restart; None leaves it to the configuration.

    Git alone may say so: on the cluster the annotation counts for nothing.
    """
    return _CONSENTS.get(_texts(manifest).get(RESTART, ""))


def findings(manifest: Manifest) -> Iterator[Diagnostic]:
    """What is wrong with the annotations under our prefix."""
    known = (SUSPEND, PRIORITY, RESTART)
    for key, text in _texts(manifest).items():
        path = ("metadata", "annotations", key)
        if key == SUSPEND and text not in _BOOLEANS:
            message = f'{key} is "{text}"; expected "true" or "false"'
            yield manifest.report(Severity.ERROR, "bad-annotation", message, path)
        elif key == PRIORITY and _INTEGER.fullmatch(text) is None:
            message = f'{key} is "{text}"; expected an integer in quotes, for example "10"'
            yield manifest.report(Severity.ERROR, "bad-annotation", message, path)
        elif key == RESTART and text not in _CONSENTS:
            wanted = " or ".join(f'"{each}"' for each in _CONSENTS)
            message = f'{key} is "{text}"; expected {wanted}'
            hint = did_you_mean(text, _CONSENTS)
            yield manifest.report(Severity.ERROR, "bad-annotation", message, path, hint=hint)
        elif key.startswith(PREFIX) and key not in known:
            yield manifest.report(
                Severity.WARNING,
                "unknown-annotation",
                f"{key} is not a known annotation and changes nothing",
                path,
                key=True,
                hint=did_you_mean(key, known) or f"known: {', '.join(known)}",
            )


def _texts(manifest: Manifest) -> dict[str, str]:
    found = manifest.get(("metadata", "annotations"))
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}
