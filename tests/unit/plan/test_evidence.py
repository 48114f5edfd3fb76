"""Every reason says how it is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.model.plan.plan import Reason
from reconciler.plan.reason_evidence import EVIDENCE, Mark

SCENARIOS = Path(__file__).resolve().parents[2] / "conformance" / "scenarios.yaml"
RECORDED_TEXT = SCENARIOS.read_text()


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_evidence(reason):
    assert EVIDENCE[reason].where


@pytest.mark.parametrize(
    "reason", [each for each in Reason if EVIDENCE[each].mark is Mark.RECORDED]
)
def test_what_counts_as_recorded_names_a_recorded_scenario(reason):
    where = EVIDENCE[reason].where
    if where.startswith("api mechanics"):
        return
    names = re.findall(r"[a-z]+(?:-[a-z0-9]+)+|halted|misaligned", where)
    assert any(name in RECORDED_TEXT for name in names), where


@pytest.mark.parametrize("reason", [each for each in Reason if EVIDENCE[each].mark is Mark.SOURCE])
def test_what_was_read_from_code_names_version_or_file(reason):
    assert re.search(r"v1\.\d+\.\d+|kubevirt ", EVIDENCE[reason].where)
