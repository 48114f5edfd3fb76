"""Tests where each setting is written, in a table of owners, releases, fields and policies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import make_desired, make_kubevirt, make_live
from support.owners.builders import make_harvester, make_owned, make_owner
from support.owners.field_facts import FIELDS, RATIO, RELEASES

from reconciler.model.desired.config import HyperConvergedPolicy
from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.fields import FIELD_BY_PATH, KUBEVIRT_FIELDS, read_setting
from reconciler.model.references import dotted, kubevirt_ref
from reconciler.plan.kubevirt.kubevirt_decision import decide_kubevirt
from reconciler.simulator.apiserver.patching import json_patch

ANNOTATION = "kubevirt.kubevirt.io/jsonpatch"
HOMELESS = "not-settable-in-hyperconverged"
NAMESPACES = {
    "nobody": "kubevirt",
    "cozystack": "cozy-kubevirt",
    "Deckhouse": "d8-virtualization",
}


def nested(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def parents(path):
    keys = tuple(path.split("."))
    return frozenset(keys[:length] for length in range(1, len(keys)))


def typed(field, raw):
    return read_setting(FIELD_BY_PATH[tuple(field.path.split("."))].type, raw)


def cluster(release, field, *, exists):
    """Return a cluster in which a field has its old value, or does not exist."""
    path = tuple(field.path.split("."))
    known = exists and release.kubevirt_minor >= field.kubevirt
    shown = {
        "settings": {path: typed(field, field.old)} if known else {},
        "spellings": {path: field.old} if known else {},
        "containers": parents(field.path) if known else frozenset({("spec",)}),
    }
    if release.owner == "Harvester":
        setting = ({("value",): "4"} if exists else {}) if release.version else None
        return make_harvester(setting, version=release.kubevirt, **shown)
    if release.owner == "HyperConverged":
        owner = make_owner(f"{release.release}.0", release.version)
        if exists and (home := release.home(field)):
            spellings = {tuple(home.split(".")): field.old}
            owner = replace(owner, spellings=spellings, containers=parents(home))
        return make_owned(owner, version=release.kubevirt, **shown)
    ref = kubevirt_ref(NAMESPACES[release.owner], "kubevirt")
    return make_live(kubevirt=make_kubevirt(release.kubevirt, ref=ref, **shown))


def expected(release, field, policy):
    """Derive from the facts where a setting is written, or why it is not written."""
    known = release.kubevirt_minor >= field.kubevirt
    consent = policy is HyperConvergedPolicy.ANNOTATION
    match release.owner:
        case "nobody":
            return f"kubevirt.io/v1 {field.path}" if known else "unknown-field"
        case "HyperConverged":
            home = release.home(field) or (consent and f"metadata.annotations.{ANNOTATION}")
            if not home:
                return HOMELESS
            return f"hco.kubevirt.io/{release.version} {home}" if known else "unknown-field"
        case "Harvester" if field.path == RATIO and release.version:
            return f"harvesterhci.io/{release.version} value"
        case owner:
            return f"owned-by-{owner.lower()}"


def written_value(place, field, action, *, exists):
    """Return the value that the written object, as changed by a patch, gives to a setting.

    The patch must fail if another client has changed the object.
    """
    path = place.split(" ")[1]
    patch = [each.plain() for each in action.patch]
    generation = 1 if action.target is None or path == "value" else 3
    metadata = {"uid": patch[0]["value"], "generation": generation, "resourceVersion": "42"}
    annotated = path.startswith("metadata.")
    if annotated:
        written = {"metadata": {**metadata, "annotations": {}}}
        changed = {"metadata": {**metadata, "annotations": {}, "resourceVersion": "43"}}
    elif exists:
        written = {"metadata": metadata, **nested(path, "4" if path == "value" else field.old)}
        changed = {"metadata": metadata, **nested(path, "changed by another client")}
    else:
        above = {"spec": {"virtualization": {}}}
        written = {"metadata": metadata, **above}
        changed = {"metadata": {**metadata, "generation": 4}, **above}
    with pytest.raises(json_patch.NotApplicableError):
        json_patch.apply(patch, changed)
    written = json_patch.apply(patch, written)
    if path == "value":
        return int(written["value"])
    if annotated:
        operations = json_patch.parse(written["metadata"]["annotations"][ANNOTATION].encode())
        shown = nested(field.path, field.old) if exists else {"spec": {}}
        written, path = json_patch.apply(operations, shown), field.path
    for name in path.split("."):
        written = written[name]
    return written


@pytest.mark.parametrize("exists", [True, False], ids=["changed", "added"])
@pytest.mark.parametrize("policy", HyperConvergedPolicy)
@pytest.mark.parametrize("release", RELEASES, ids=lambda each: "-".join(filter(None, each)))
def test_kubevirt_setting_is_written_to_the_field_that_the_operator_release_reads(
    release, policy, exists
):
    found, shown = {}, {}
    for field in FIELDS:
        path, live = tuple(field.path.split(".")), cluster(release, field, exists=exists)
        settings = {path: typed(field, field.new)}
        ref = live.kubevirt.ref
        state = replace(make_desired(), kubevirt=DesiredKubeVirt(ref=ref, settings=settings))
        decided = decide_kubevirt(state, live, policy)
        decision, after = decided.decision, decided.after
        if not decision.actions:
            found[field.path] = decision.reason.value
            hinted = decision.reason.value != HOMELESS or f"{ANNOTATION}='" in decision.why.hint
            shown[field.path] = hinted and after.settings == live.kubevirt.settings
            continue
        (action,), (change,) = decision.actions, decision.changes
        target, written = action.target, change.written
        group = f"{target.ref.group}/{target.version}" if target else "kubevirt.io/v1"
        place = f"{group} {dotted(written.path if written else change.field)}"
        found[field.path] = place
        shown[field.path] = (
            written_value(place, field, action, exists=exists) == field.new
            and after.settings[path] == settings[path]
        )
    assert found == {each.path: expected(release, each, policy) for each in FIELDS}
    assert [path for path, right in shown.items() if not right] == []


def test_table_of_kubevirt_settings_contains_every_setting_that_the_program_writes():
    assert {each.path for each in FIELDS} == {dotted(each.path) for each in KUBEVIRT_FIELDS}
