"""``ReasonEntry``: what the catalogue says about one reason code, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """The kind of evidence for a reason."""

    RECORDED = "recorded"
    """Observed on a real control plane of KubeVirt v1.3.1, v1.6.3 or v1.9.0."""
    SOURCE = "source"
    """Derived from KubeVirt's source code, but not observed."""
    OWN = "own"
    """Independent of KubeVirt: the user's configuration, or a rule of this program."""


@dataclass(frozen=True, slots=True)
class ReasonEntry:
    """One reason with its evidence, its meaning, and what the user should do."""

    mark: Mark
    where: str
    """Recorded scenarios and versions, or a file and version of KubeVirt's source code."""
    meaning: str
    action: str
    """What the user should do; empty if nothing has to be done."""
    since: str
    """The first KubeVirt version that the reason applies to."""
    until: str
    """The last KubeVirt version that the reason applies to; empty if there is none."""


def recorded(
    where: str, meaning: str, action: str = "", *, since: str = "v1.1", until: str = ""
) -> ReasonEntry:
    """Return the entry of a reason that was observed on a real control plane."""
    return ReasonEntry(Mark.RECORDED, where, meaning, action, since, until)


def source(
    where: str, meaning: str, action: str = "", *, since: str = "v1.1", until: str = ""
) -> ReasonEntry:
    """Return the entry of a reason that was derived from KubeVirt's source code."""
    return ReasonEntry(Mark.SOURCE, where, meaning, action, since, until)


def own(where: str, meaning: str, action: str = "") -> ReasonEntry:
    """Return the entry of a reason that does not depend on KubeVirt."""
    return ReasonEntry(Mark.OWN, where, meaning, action, "v1.1", "")
