"""An approved plan is read from its file, or rejected with the reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.builders import ALWAYS, make_desired, make_live, make_vm, make_vmi, plan_of, want
from support.owners.builders import OWNED, make_owned, make_owner

from reconciler.errors import SourceError
from reconciler.model import fields
from reconciler.model.desired.config import RestartConsent
from reconciler.model.desired.desired_state import DesiredKubeVirt, DesiredVM
from reconciler.model.fields import MAX_HOTPLUG_RATIO, NameSet
from reconciler.model.references import vm_ref
from reconciler.plan.approval_summary import approval_of
from reconciler.report.json_documents import plan_json
from reconciler.schema import check
from reconciler.source.plan_file import read_approval

NEW = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "spec": {"runStrategy": "Always"}}


def rich_plan(**overrides):
    """Return a plan with each kind of write: KubeVirt settings, a patch, a restart, a create."""
    names = {name: vm_ref("db", name) for name in ("grows", "restarts", "as-it-is", "new")}
    vms = [make_vm(ref) for name, ref in names.items() if name != "new"]
    desired = make_desired(
        want("2Gi", names["grows"]),
        want("8Gi", names["restarts"]),
        want("1Gi", names["as-it-is"]),
        DesiredVM(ref=names["new"], guest=None, manifest=NEW),
        kubevirt={
            fields.FEATURE_GATES: NameSet.of(("A", "B")),
            fields.ROLLOUT_STRATEGY: "LiveUpdate",
        },
        **overrides,
    )
    live = make_live(*vms, vmis=tuple(make_vmi(each.ref) for each in vms))
    return plan_of(desired, live, create=True, restart=RestartConsent.WINDOW, windows=(ALWAYS,))


def as_json(plan):
    return json.loads("".join(plan_json(plan)))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "plan.json"


def refused(file, text: str) -> tuple[str, str]:
    file.write_text(text)
    with pytest.raises(SourceError) as caught:
        read_approval(file)
    assert str(file) in str(caught.value)
    return str(caught.value), caught.value.hint


def test_approval_contains_the_planned_changes_in_the_plan_file(file):
    plan = rich_plan()
    file.write_text("".join(plan_json(plan)))
    found = read_approval(file)
    assert found == approval_of(plan)
    changes = [each.change for group in found.actions.values() for each in group]
    assert sorted(changes) == [
        "create",
        "featureGates unset -> [A, B]",
        "guest 1Gi -> 2Gi",
        "guest 1Gi -> 8Gi",
        "restart",
        "vmRolloutStrategy unset -> LiveUpdate",
    ]


def test_approval_of_a_plan_for_uncommitted_files_is_marked_as_dirty(file):
    file.write_text("".join(plan_json(rich_plan(dirty=True))))
    assert read_approval(file).dirty


def test_plan_file_without_planned_changes_approves_nothing(file):
    plan = plan_of(make_desired(want("1Gi")), make_live(make_vm(), vmis=(make_vmi(),)))
    file.write_text("".join(plan_json(plan)))
    assert read_approval(file).actions == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "is not a Plan: it does not contain a JSON object"),
        ('{"kind": "RunReport"}', "is not a Plan: its kind is 'RunReport'"),
        ('{"kind": "Plan", "apiVersion": "reconciler/v9"}', "apiVersion 'reconciler/v9'"),
        ('{"kind": "Plan", "apiVersion": "reconciler/v1alpha1"}', "is missing"),
    ],
)
def test_approved_plan_file_that_is_not_a_plan_is_rejected_with_the_reason(text, says, file):
    message, hint = refused(file, text)
    assert says in message
    assert hint


def test_missing_plan_file_is_reported(tmp_path):
    with pytest.raises(SourceError, match=r"nowhere\.json cannot be read: No such file"):
        read_approval(tmp_path / "nowhere.json")


def grows(document):
    (found,) = (each for each in document["objects"] if each["name"] == "grows")
    return found


def bigger(document):
    grows(document)["actions"][0]["patch"][-1]["value"] = "64Gi"


def another_object(document):
    grows(document)["name"] = "as-it-was-not"


def another_uid(document):
    grows(document)["uid"] = "another"


def another_cluster(document):
    document["cluster"] = "another"


def another_effect(document):
    grows(document)["actions"][0]["effect"] = "cold"


def another_sum(document):
    document["digest"] = "sha256:" + "0" * 64


def fewer_actions(document):
    document["objects"].remove(grows(document))


def fewer_in_the_waves(document):
    document["waves"][-2]["actions"].pop()


def one_more_of_another_plan(document):
    """Add a valid planned change that is not included in the digest of the plan."""
    ref = vm_ref("db", "smuggled")
    plan = plan_of(make_desired(want("2Gi", ref)), make_live(make_vm(ref), vmis=(make_vmi(ref),)))
    document["objects"] += as_json(plan)["objects"]


def twice(document):
    document["objects"].append(grows(document))


@pytest.mark.parametrize(
    "edit",
    [
        bigger,
        another_object,
        another_uid,
        another_cluster,
        another_effect,
        another_sum,
        fewer_actions,
        fewer_in_the_waves,
        one_more_of_another_plan,
        twice,
    ],
    ids=lambda edit: edit.__name__,
)
def test_edited_plan_file_is_rejected(edit, file):
    """The program computes the digests from the values that a reviewer sees in the file."""
    document = as_json(rich_plan())
    edit(document)
    _, hint = refused(file, json.dumps(document))
    assert "was changed after `plan --out` wrote it" in hint


def test_plan_file_with_an_unknown_rollout_wave_is_rejected(file):
    document = as_json(rich_plan())
    grows(document)["actions"][0]["wave"] = "someday"
    message, _ = refused(file, json.dumps(document))
    assert "someday" in message


@pytest.fixture
def asked(monkeypatch):
    """Returns a list that records all mappings that jsonschema checks."""
    seen = []
    inner = check._required

    def counting(validator, required, instance, schema):
        seen.append(instance)
        return inner(validator, required, instance, schema)

    monkeypatch.setattr(check, "_required", counting)
    check._validator.cache_clear()
    yield seen
    check._validator.cache_clear()


def many(n):
    refs = [vm_ref("db", f"vm-{number}") for number in range(n)]
    vms = [make_vm(ref) for ref in refs]
    live = make_live(*vms, vmis=tuple(map(make_vmi, refs)))
    return as_json(plan_of(make_desired(*(want("2Gi", ref) for ref in refs)), live))


def test_plan_file_that_passes_the_fast_schema_check_is_not_checked_with_jsonschema(file, asked):
    file.write_text(json.dumps(many(30)))
    assert len(read_approval(file).actions) == 30
    assert asked == []


def test_only_plan_objects_that_fail_the_fast_schema_check_are_checked_with_jsonschema(
    file, asked
):
    seen = []
    for n in (3, 30):
        document = many(n)
        document["objects"][n - 1]["actions"][0]["wave"] = "someday"
        message, _ = refused(file, json.dumps(document))
        assert f"objects[{n - 1}].actions[0].wave" in message
        seen.append(len(asked))
        asked.clear()
    assert seen[0] == seen[1] > 0


def test_plan_objects_without_planned_changes_are_not_validated(file):
    """In a plan for 10,000 VMs, nearly all VMs might need no change."""
    document = as_json(rich_plan())
    (still,) = (each for each in document["objects"] if each["name"] == "as-it-is")
    still["reason"] = 7
    file.write_text(json.dumps(document))
    assert len(read_approval(file).actions) == 4


def owned_plan():
    """Return a plan that changes the KubeVirt CR through HyperConverged."""
    settings = {MAX_HOTPLUG_RATIO: 8}
    state = make_desired(kubevirt=settings)
    state = replace(state, kubevirt=DesiredKubeVirt(ref=OWNED, settings=settings))
    return plan_of(state, make_owned(make_owner()))


def test_approval_of_a_hyperconverged_change_is_invalid_if_the_object_to_write_is_edited(file):
    plan = owned_plan()
    document = as_json(plan)
    file.write_text(json.dumps(document))
    assert read_approval(file) == approval_of(plan)
    target = document["objects"][0]["actions"][0]["target"]
    assert target["apiVersion"] == "hco.kubevirt.io/v1"
    for key, value in (("apiVersion", "hco.kubevirt.io/v1beta1"), ("name", "other")):
        changed = json.loads(json.dumps(document))
        changed["objects"][0]["actions"][0]["target"][key] = value
        message, _ = refused(file, json.dumps(changed))
        assert "is inconsistent" in message
