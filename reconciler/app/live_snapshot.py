"""``live_snapshot``: returns the live state of a cluster as the text of a snapshot file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.app import wiring
from reconciler.cluster.read.snapshot_file import dump

if TYPE_CHECKING:
    from reconciler.app.input_options import ClusterOptions
    from reconciler.ports import Clock


def live_snapshot(options: ClusterOptions, clock: Clock) -> bytes:
    """Read the cluster, with pods and quotas, and return the text for ``plan --snapshot``.

    Raises:
        ClusterError: The cluster cannot be read.
    """
    with wiring.live(options, None, clock) as reader:
        return dump(replace(reader.read(), capacity=reader.capacity()))
