"""``treatment``: reads a VM's annotations with the prefix ``memory.reconciler.dev/``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.annotations import PREFIX, PRIORITY, RESTART, SUSPEND
from reconciler.model.desired.config import RestartConsent
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.quoting import cut, kind_of, quoted
from reconciler.schema.violations import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.source.manifests.manifest_objects import Manifest

_BOOLEANS = {"true": True, "false": False}
_CONSENTS = {str(each): each for each in RestartConsent}
_EXPECTED = {
    SUSPEND: '"true" or "false"',
    PRIORITY: 'an integer in quotes, for example "10"',
    RESTART: " or ".join(f'"{each}"' for each in _CONSENTS),
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


class Treatment(NamedTuple):
    """The settings for this program that a VM's annotations contain."""

    suspended: bool = False
    """Whether this program must not change the VM."""
    priority: int = 0
    """The VM's priority; VMs with a higher priority are changed first."""
    restart: RestartConsent | None = None
    """When the VM can be restarted, or None if the configuration decides.

    Only Git can set this value: the annotation of the VM in the cluster has no effect.
    """


def treatment(annotations: Mapping[str, str]) -> Treatment:
    """Read this program's settings in a VM's annotations, and ignore invalid annotations."""
    number = annotations.get(PRIORITY, "")
    return Treatment(
        suspended=_BOOLEANS.get(annotations.get(SUSPEND, ""), False),
        priority=int(number) if _INTEGER.fullmatch(number) else 0,
        restart=_CONSENTS.get(annotations.get(RESTART, "")),
    )


def is_valid(key: str, text: str) -> bool:
    """Return whether a string is valid as the value of the annotation with a given key."""
    if key == PRIORITY:
        return _INTEGER.fullmatch(text) is not None
    if key in {SUSPEND, RESTART}:
        return text in (_BOOLEANS if key == SUSPEND else _CONSENTS)
    return not key.startswith(PREFIX)


def findings(manifest: Manifest) -> Iterator[Diagnostic]:
    """Yield a diagnostic for each unknown or invalid annotation with this program's prefix."""
    for key, text in manifest.texts(("metadata", "annotations")).items():
        if is_valid(key, text):
            continue
        path = ("metadata", "annotations", key)
        if key in _EXPECTED:
            found = kind_of(text) if key == PRIORITY else quoted(text)
            message = f"{key} is {found}; expected {_EXPECTED[key]}"
            hint = did_you_mean(text, _CONSENTS) if key == RESTART else ""
            yield manifest.report(Severity.ERROR, "bad-annotation", message, path, hint=hint)
        else:
            yield manifest.report(
                Severity.WARNING,
                "unknown-annotation",
                f"{cut(key)} is not a known annotation and has no effect",
                path,
                key=True,
                hint=did_you_mean(key, _EXPECTED) or f"known: {', '.join(_EXPECTED)}",
            )
