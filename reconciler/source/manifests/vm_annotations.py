"""Reads the annotations under ``memory.reconciler.dev/`` that set how one VM is handled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.annotations import PREFIX, PRIORITY, RESTART, SUSPEND
from reconciler.model.desired.config import RestartConsent
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.schema.violations import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.source.manifests.manifest_objects import Manifest

_BOOLEANS = {"true": True, "false": False}
_CONSENTS = {str(each): each for each in RestartConsent}
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


class Treatment(NamedTuple):
    """How one VM is handled."""

    suspended: bool = False
    """Whether the VM is left alone."""
    priority: int = 0
    """VMs with a higher priority start first."""
    restart: RestartConsent | None = None
    """What is allowed if a change needs a restart; None leaves it to the configuration.

    Only Git may set this: the annotation of a VM on the cluster has no effect.
    """


def treatment(annotations: Mapping[str, str]) -> Treatment:
    """Return what the *annotations* say; an invalid annotation is ignored."""
    number = annotations.get(PRIORITY, "")
    return Treatment(
        suspended=_BOOLEANS.get(annotations.get(SUSPEND, ""), False),
        priority=int(number) if _INTEGER.fullmatch(number) else 0,
        restart=_CONSENTS.get(annotations.get(RESTART, "")),
    )


def is_valid(key: str, text: str) -> bool:
    """Whether the annotation *key* may have the value *text*."""
    if key == PRIORITY:
        return _INTEGER.fullmatch(text) is not None
    if key in {SUSPEND, RESTART}:
        return text in (_BOOLEANS if key == SUSPEND else _CONSENTS)
    return not key.startswith(PREFIX)


def findings(manifest: Manifest) -> Iterator[Diagnostic]:
    """Yield what is wrong with the annotations under the prefix."""
    known = (SUSPEND, PRIORITY, RESTART)
    for key, text in texts(manifest).items():
        if is_valid(key, text):
            continue
        path = ("metadata", "annotations", key)
        if key == SUSPEND:
            message = f'{key} is "{text}"; expected "true" or "false"'
            yield manifest.report(Severity.ERROR, "bad-annotation", message, path)
        elif key == PRIORITY:
            message = f'{key} is "{text}"; expected an integer in quotes, for example "10"'
            yield manifest.report(Severity.ERROR, "bad-annotation", message, path)
        elif key == RESTART:
            wanted = " or ".join(f'"{each}"' for each in _CONSENTS)
            message = f'{key} is "{text}"; expected {wanted}'
            hint = did_you_mean(text, _CONSENTS)
            yield manifest.report(Severity.ERROR, "bad-annotation", message, path, hint=hint)
        else:
            yield manifest.report(
                Severity.WARNING,
                "unknown-annotation",
                f"{key} is not a known annotation and has no effect",
                path,
                key=True,
                hint=did_you_mean(key, known) or f"known: {', '.join(known)}",
            )


def texts(manifest: Manifest) -> dict[str, str]:
    """Return the annotations whose values are text."""
    found = manifest.get(("metadata", "annotations"))
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}
