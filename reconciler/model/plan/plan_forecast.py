"""``Forecast``: how long a plan's changes take, and how much memory the changes need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.model.references import ObjectRef


@dataclass(frozen=True, slots=True, kw_only=True)
class VMForecast:
    """The forecast of when a VM will have its new memory, in seconds from the run's start."""

    ref: ObjectRef
    position: int
    """The VM's position in the queue, counted from 1."""
    earliest_s: float
    latest_s: float
    node: str = ""
    """The node on which the VM was running when the plan was made."""
    batch: str = ""
    """The name of the VM's batch; empty if the changes are not divided into batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long a plan's changes are estimated to take, and how much memory the changes need."""

    migrations: int
    n_bytes_copied: int
    peak_extra_requests: Mapping[str, int]
    """The largest additional memory requests during migrations, in bytes per namespace."""
    peak_extra_total: int = 0
    """The largest additional memory requests during migrations, in bytes for all namespaces."""
    earliest_s: float
    latest_s: float
    vms: tuple[VMForecast, ...] = ()
    assumptions: tuple[str, ...] = ()
