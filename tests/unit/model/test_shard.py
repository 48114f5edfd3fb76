"""Tests which namespaces belong to a shard, and the shard's part of the concurrency limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.shard import Shard, ShardError

TOTALS = st.integers(1, 40)
NAMESPACES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


def shards(total: int) -> list[Shard]:
    return [Shard(index=index, total=total) for index in range(total)]


@given(TOTALS, NAMESPACES)
def test_each_namespace_belongs_to_exactly_one_shard(total, namespace):
    assert sum(each.holds(namespace) for each in shards(total)) == 1


@pytest.mark.parametrize(
    ("namespace", "of_4", "of_10"),
    [("default", 1, 9), ("kube-system", 1, 9), ("team-a", 0, 6)],
)
def test_namespace_belongs_to_the_same_shard_in_every_release(namespace, of_4, of_10):
    """The shard's number is the first eight bytes of the SHA-256 modulo the number of shards."""
    found = [
        next(each.index for each in shards(total) if each.holds(namespace)) for total in (4, 10)
    ]
    assert found == [of_4, of_10]


@given(TOTALS, st.integers(1, 200))
def test_concurrency_limits_of_all_shards_add_up_to_the_total_limit(total, limit):
    added = sum(each.share(limit) for each in shards(total))
    assert added == max(limit, total)


@pytest.mark.parametrize("text", ["", "1", "4/4", "1/0", "-1/4", "a/b", "1/4/2", " 1/4", "0/0"])
def test_invalid_shard_string_raises_an_error(text):
    with pytest.raises(ShardError):
        Shard.parse(text)


def test_kubevirt_cr_is_changed_only_by_the_first_shard():
    assert [each.has_config for each in shards(3)] == [True, False, False]


@given(TOTALS)
def test_shard_can_be_parsed_from_its_printed_form(total):
    for each in shards(total):
        assert Shard.parse(str(each)) == each
