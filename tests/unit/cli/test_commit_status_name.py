"""The default name of the commit status, by which a newer status replaces an older one."""

from __future__ import annotations

import pytest

from reconciler.cli.commands.serve import status_name
from reconciler.model.shard import Shard


@pytest.mark.parametrize(
    ("cluster", "shard", "expected"),
    [
        (None, "0/1", "reconciler"),
        ("prod", "0/1", "reconciler (prod)"),
        (None, "0/2", "reconciler (shard 0/2)"),
        ("prod", "1/2", "reconciler (prod, shard 1/2)"),
    ],
)
def test_status_of_each_cluster_and_shard_has_a_name_of_its_own(cluster, shard, expected):
    assert status_name(cluster, Shard.parse(shard)) == expected
