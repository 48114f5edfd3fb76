"""Each format of a plan shows which field of another operator's object sets a KubeVirt field."""

from __future__ import annotations

from dataclasses import replace

import jsonschema
import pytest
from support.builders import make_desired, plan_of
from support.owners.builders import OWNED, make_owned, make_owner

from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.fields import MAX_HOTPLUG_RATIO
from reconciler.report.html.plan_html import plan_html
from reconciler.report.json_documents import plan_document
from reconciler.report.plan_markdown import plan_markdown
from reconciler.report.plan_text import plan_text
from reconciler.schema import schema_files

IN_FORCE = "spec.configuration.liveUpdateConfiguration.maxHotplugRatio"
WRITTEN = "spec.virtualization.liveUpdateConfiguration.maxHotplugRatio"


@pytest.fixture(scope="module")
def plan():
    settings = {MAX_HOTPLUG_RATIO: 8}
    state = make_desired(kubevirt=settings)
    state = replace(state, kubevirt=DesiredKubeVirt(ref=OWNED, settings=settings))
    return plan_of(state, make_owned(make_owner()))


@pytest.mark.parametrize("render", [plan_text, plan_markdown, plan_html])
def test_plan_shows_the_kubevirt_field_and_the_hyperconverged_field_that_sets_it(render, plan):
    shown = " ".join("".join(render(plan)).split())
    assert IN_FORCE in shown
    assert "hco.kubevirt.io/v1" in shown
    assert WRITTEN in shown


def test_plan_json_contains_the_hyperconverged_field_that_sets_a_kubevirt_field(plan):
    document = plan_document(plan)
    document = {key: list(each) if key == "objects" else each for key, each in document.items()}
    (found,) = document["objects"]
    target = {
        "apiVersion": "hco.kubevirt.io/v1",
        "kind": "HyperConverged",
        "namespace": "kubevirt-hyperconverged",
        "name": "kubevirt-hyperconverged",
    }
    assert found["changes"][0]["written"] == {**target, "field": WRITTEN}
    assert found["actions"][0]["target"] == target
    schema = schema_files.load("plan")
    one = {"$defs": schema["$defs"], "$ref": "#/$defs/object"}
    jsonschema.Draft202012Validator(one).validate(found)
