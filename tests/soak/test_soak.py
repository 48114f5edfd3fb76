"""Tests that the soak test reports growth and missed changes as problems."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from soak.changes import Change
from soak.fleet import SoakFleet
from soak.report import percentile, verdict
from soak.resources import Sample

from reconciler.simulator.worlds import worlds

FLAT = {"memory_mb": 100.0, "files": 40, "threads": 14}


def soak(change=None, different=(), grow=1.0, **grows):
    """Return a finished soak test of ten minutes; *grows* says what grows by which factor."""

    def value(name, part):
        return FLAT[name] * (1 + (grows.get(name, 1.0) - 1) * part)

    samples = [
        Sample(
            minute=number / 6,
            **{name: value(name, number / 60) for name in FLAT},
            cpu_s=number,
            requests=Counter(GET=round(10 * (1 + (grow - 1) * number / 60))),
        )
        for number in range(60)
    ]
    changes = SimpleNamespace(unseen=[change] if change else [], different=lambda: list(different))
    return SimpleNamespace(samples=samples, changes=changes, minute=10.0)


def test_soak_test_reports_no_problem_if_no_resource_use_grows_and_no_change_is_missed():
    assert verdict(soak()) == []


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (soak(memory_mb=1.5), "memory in MB grew"),
        (soak(files=3), "open files grew"),
        (soak(threads=4), "threads grew"),
        (soak(grow=4), "the number of reads grew"),
        (soak(Change(side="Git", at=1.0, disturbed=False)), "1 changes were never planned"),
        (soak(different=["a/vm"]), "1 VMs differ from Git, such as a/vm"),
    ],
)
def test_soak_test_reports_growing_resource_use_or_a_missed_change_as_a_problem(found, says):
    (problem,) = verdict(found)
    assert problem.startswith(says)


def test_percentile_is_the_value_below_which_the_given_fraction_of_values_lies():
    assert [percentile(range(1, 101), part) for part in (0.5, 0.99)] == [51, 100]
    assert percentile([], 0.99) == 0.0


def test_vms_of_the_soak_test_initially_match_git_and_later_change_in_only_one_place():
    fleet = SoakFleet(n_vms=200)
    assert fleet.changed == ()
    assert len(worlds.parse(fleet.world()).vms) == 200
    groups = (fleet.changed_in_git, fleet.changed_in_cluster, fleet.migrating)
    names = [vm.name for group in groups for vm in group]
    assert len(names) == len(set(names))
    assert min(map(len, groups)) > 10
