"""Tests the default commit status name, by which a newer status replaces an older one."""

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
def test_default_commit_status_name_differs_between_clusters_and_shards(cluster, shard, expected):
    assert status_name(cluster, Shard.parse(shard)) == expected
