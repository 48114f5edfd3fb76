"""``ReasonEntry``: describes one reason code and the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial


class Mark(StrEnum):
    """The kind of evidence for a reason."""

    RECORDED = "recorded"
    """Observed on a real control plane of KubeVirt v1.3.1, v1.6.3 or v1.9.0."""
    SOURCE = "source"
    """Derived from the source code of KubeVirt or of the CR's operator, but not observed."""
    OWN = "own"
    """Does not depend on KubeVirt, but on the user's configuration or a rule of this program."""


@dataclass(frozen=True, slots=True)
class ReasonEntry:
    """One reason code with its evidence, its meaning, and what the user should do."""

    mark: Mark
    where: str
    """The scenarios and versions of the observation, or a file of KubeVirt's source code."""
    meaning: str
    action: str = ""
    """What the user should do; empty if no action is necessary."""
    since: str = field(default="v1.1", kw_only=True)
    """The first KubeVirt version that the reason applies to."""
    until: str = field(default="", kw_only=True)
    """The last KubeVirt version that the reason applies to; empty for all later versions."""


recorded = partial(ReasonEntry, Mark.RECORDED)
"""Create the entry of a reason that was observed on a real KubeVirt control plane."""
source = partial(ReasonEntry, Mark.SOURCE)
"""Create the entry of a reason that was derived from KubeVirt's source code."""
own = partial(ReasonEntry, Mark.OWN)
"""Create the entry of a reason that does not depend on KubeVirt."""
