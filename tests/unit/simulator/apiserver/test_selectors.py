"""Tests the label selectors and field selectors of the simulated API server."""

import pytest
from support.apiserver import VMS, ApiServer

from reconciler.simulator.apiserver.reading import selectors

LABELS = {"tier": "db", "size": "10"}
MATCHES = {
    "": True,
    "tier=db": True,
    "tier==db": True,
    "tier = db , size=10": True,
    "tier=web": False,
    "tier!=web": True,
    "other!=x": True,
    "tier in (web, db)": True,
    "tier in (web)": False,
    "tier notin (web)": True,
    "other notin (x)": True,
    "tier": True,
    "other": False,
    "!other": True,
    "!tier": False,
    "size>9": True,
    "size<9": False,
    "other>1": False,
    "tier=": False,
}


@pytest.mark.parametrize(("text", "want"), MATCHES.items())
def test_label_selector_selects_matching_objects(text, want):
    chosen = selectors.parse("virtualmachines.kubevirt.io", text, "")
    assert chosen.matches({"metadata": {"labels": LABELS}}) is want


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("===", "found '==', expected: !, identifier, or 'end of string'"),
        ("a=b,", "found '', expected: identifier after ','"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
    ],
)
def test_invalid_label_selector_is_rejected(text, message):
    with pytest.raises(selectors.SelectorError) as error:
        selectors.parse_labels(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("storage", "text", "want"),
    [
        ("pods", "status.phase=Running", True),
        ("pods", "status.phase!=Running", False),
        ("pods", "spec.nodeName=n1,metadata.name=p", True),
        ("pods", "spec.nodeName=n2", False),
        ("events", "involvedObject.name=pg", True),
        ("events", "regarding.name=pg", True),
        ("events", "involvedObject.kind=Pod", False),
    ],
)
def test_field_selector_selects_matching_objects(storage, text, want):
    obj = {
        "metadata": {"name": "p"},
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running"},
        "involvedObject": {"name": "pg", "kind": "VirtualMachine"},
    }
    assert selectors.parse(storage, "", text).matches(obj) is want


def test_custom_kinds_support_only_name_and_namespace_as_field_selectors():
    answer = ApiServer().send("GET", f"{VMS}?fieldSelector=spec.runStrategy%3DHalted")
    assert (answer.status, answer.body["message"]) == (
        400,
        "field label not supported: spec.runStrategy",
    )
