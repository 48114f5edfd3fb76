"""Tests the phrases that compare a plan with the base commit's plan."""

from __future__ import annotations

import pytest

from reconciler.report.comparison.base_wording import base_commit, indirect_sentence, since_base

COMMIT = "0123456789abcdef0123456789abcdef01234567"
EMPTY = {"new": {}, "updated": {}, "unchanged": {}, "absent": {}}


@pytest.mark.parametrize(
    ("summary", "says"),
    [
        (EMPTY, "new: none"),
        (EMPTY | {"new": {"live": 2, "blocked": 1}}, "new: 2 live, 1 blocked"),
        (
            EMPTY | {"updated": {"restart": 1}, "unchanged": {"live": 7}, "absent": {"live": 1}},
            "new: none; updated: 1 restart; already pending: 7 live; no longer pending: 1 live",
        ),
    ],
)
def test_summary_of_differences_from_the_base_commit_always_shows_new_changes(summary, says):
    assert since_base(summary) == says


@pytest.mark.parametrize(
    ("count", "kubevirt", "config", "says"),
    [
        (1, True, False, "1 object that is not edited: vm-0."),
        (2, True, False, "Edits to the KubeVirt CR change the effect of 2 objects"),
        (2, False, True, "Edits to .reconciler.yaml change "),
        (2, True, True, "Edits to the KubeVirt CR and .reconciler.yaml change "),
        (2, False, False, "Edits to other objects change "),
        (7, True, False, "vm-4 and 2 more."),
    ],
)
def test_message_about_changes_of_unedited_objects_contains_the_cause_and_at_most_five_objects(
    count, kubevirt, config, says
):
    names = (f"vm-{number}" for number in range(count))
    assert says in indirect_sentence(names, count, kubevirt=kubevirt, config=config)


def test_message_about_changes_of_unedited_objects_is_empty_if_no_such_change_exists():
    assert indirect_sentence((), 0, kubevirt=True, config=True) == ""


def test_base_commit_given_by_its_hash_is_not_described_as_a_merge_base():
    assert base_commit(COMMIT, COMMIT) == "commit 0123456789ab"
    assert base_commit("main", COMMIT) == "commit 0123456789ab, the merge base with main"
