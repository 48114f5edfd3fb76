"""ReasonEntry: one row of the reason catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

VM_CONTROLLER = "pkg/virt-controller/watch/vm/vm.go"
UPDATER = "pkg/virt-controller/watch/workload-updater/workload-updater.go"
MIGRATION_TARGET = "pkg/virt-handler/migration-target.go"
MIGRATIONS = "pkg/virt-controller/watch/migration/migration.go"


class Mark(StrEnum):
    """How a reason is known."""

    RECORDED = "recorded"
    """Seen on a real control plane of KubeVirt v1.3.1, v1.6.3 or v1.9.0."""
    SOURCE = "source"
    """Read from KubeVirt's code, and not seen."""
    OWN = "own"
    """Not a claim about KubeVirt: the user's configuration, or a rule of this program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonEntry:
    """What one reason means, what a person does about it, and how it is known."""

    meaning: str
    action: str
    """Empty where nothing has to be done."""
    mark: Mark
    where: str
    """Scenarios and versions of a recording, or file and version of KubeVirt's code."""
    since: str
    """The first KubeVirt version that the reason applies to."""
    until: str
    """The last one; empty if the newest known version still has it."""


def recorded(
    meaning: str, action: str, where: str, since: str = "v1.1", until: str = ""
) -> ReasonEntry:
    """Return the entry of a reason that was seen on a real control plane."""
    return _entry(Mark.RECORDED, meaning, action, where, since, until)


def source(
    meaning: str, action: str, where: str, since: str = "v1.1", until: str = ""
) -> ReasonEntry:
    """Return the entry of a reason that was read from KubeVirt's code."""
    return _entry(Mark.SOURCE, meaning, action, where, since, until)


def own(meaning: str, action: str, where: str) -> ReasonEntry:
    """Return the entry of a reason that claims nothing about KubeVirt."""
    return _entry(Mark.OWN, meaning, action, where, "v1.1", "")


def _entry(
    mark: Mark, meaning: str, action: str, where: str, since: str, until: str
) -> ReasonEntry:
    return ReasonEntry(
        meaning=meaning, action=action, mark=mark, where=where, since=since, until=until
    )
