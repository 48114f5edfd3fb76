"""Tests that later runs complete a rollout after each fault at each of its steps."""

from __future__ import annotations

import pytest
from faults.judging import begun, pass_of, passes_until, patched_too_often, undisturbed
from faults.stage import desired_of
from faults.steps import reach
from faults.table import FAULTS

CASES = [
    pytest.param(fault, step, id=f"{fault}-{step.control}-{step}")
    for fault in FAULTS
    for step in fault.steps()
]


@pytest.mark.parametrize(("fault", "step"), CASES)
def test_rollout_completes_despite_an_injected_fault_at_any_step(fault, step, tally):
    stage, text = begun(step.control), desired_of(step.kubevirt)
    expected = undisturbed(step.control)
    struck = []
    came = reach(stage, step, lambda: struck.append(fault.begin(stage)))
    first = pass_of(stage, text)
    assert came, f"the step did not happen: {first.code} {first.error}"
    last = passes_until(stage, text, expected, leaves=fault.leaves)
    assert struck[0]() > 0, "the fault did not occur"
    tally("injected")
    found = stage.end_state()
    differs = {
        name: (found.get(name), has)
        for name, has in expected.items()
        if found.get(name) != has and name not in fault.leaves
    }
    assert differs == {}, [(each.code, str(each.error or "")) for each in stage.passes]
    assert stage.problems == []
    assert patched_too_often(stage) == {}
    said = {name: last.outcome(name) and last.outcome(name).reason for name in fault.leaves}
    assert {name: why for name, why in said.items() if why not in fault.leaves[name]} == {}
    tally("survived")
