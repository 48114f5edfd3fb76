"""Tests that every reason in the catalogue has a meaning, a remedy, evidence and versions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.model.plan.plan import Reason
from reconciler.plan.reason_catalogue import CATALOGUE
from reconciler.plan.reasons.reason_entry import Mark

TESTS = next(each for each in Path(__file__).resolve().parents if each.name == "tests")
RECORDED_TEXT = "".join(
    (TESTS / "conformance" / name).read_text() for name in ("scenarios.yaml", "planner.yaml")
)
VERSION = r"v1\.\d(\.\d)?"


def marked(mark):
    return [each for each in Reason if CATALOGUE[each].mark is mark]


def test_each_reason_code_in_the_catalogue_has_a_meaning_and_evidence():
    assert [reason for reason, entry in CATALOGUE.items() if not entry.where] == []
    odd = [
        f"{reason}: {text}"
        for reason, entry in CATALOGUE.items()
        for text in filter(None, (entry.meaning, entry.action))
        if not re.fullmatch(r"[`\w].{10,}\.", text)
    ]
    assert not odd, "\n".join(odd)


def test_each_reason_in_the_catalogue_lists_the_kubevirt_versions_to_which_it_applies():
    odd = [
        f"{reason}: {entry.since!r} {entry.until!r}"
        for reason, entry in CATALOGUE.items()
        if not re.fullmatch(VERSION, entry.since)
        or not re.fullmatch(rf"({VERSION}(, and {VERSION})?)?", entry.until)
    ]
    assert not odd, "\n".join(odd)


def test_reason_catalogue_lists_reasons_in_the_order_of_the_enum():
    assert list(CATALOGUE) == list(Reason)


@pytest.mark.parametrize("reason", marked(Mark.RECORDED))
def test_reason_that_was_observed_on_a_real_cluster_cites_a_recorded_scenario(reason):
    where = CATALOGUE[reason].where
    if where.startswith("Kubernetes API"):
        return
    names = re.findall(r"[a-z]+(?:-[a-z0-9]+)+|halted|misaligned", where)
    assert any(name in RECORDED_TEXT for name in names), where


@pytest.mark.parametrize("reason", marked(Mark.SOURCE))
def test_reason_that_was_derived_from_source_code_names_a_version_or_a_project(reason):
    projects = "HyperConverged|Harvester|cozystack|deckhouse|openshift-virtualization|kubernetes v"
    assert re.search(rf"v1\.\d+\.\d+|kubevirt |^({projects})", CATALOGUE[reason].where)
