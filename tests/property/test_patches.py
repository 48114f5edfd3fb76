"""Checks that patches, applied as an API server does, make the KubeVirt CR equal to Git."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from support.builders import KUBEVIRT, make_desired, make_live, plan_of

from reconciler.model import fields
from reconciler.model.fields import NameSet
from reconciler.model.live.live_state import LiveKubeVirt
from reconciler.model.quantity import MemoryQuantity
from reconciler.model.references import Uid
from reconciler.simulator.apiserver.patching import json_patch

NAMES = st.lists(
    st.sampled_from(["Snapshot", "HotplugVolumes", "ExpandDisks", "VMLiveUpdateFeatures"]),
    unique=True,
    max_size=4,
)
VALUES = {
    fields.FEATURE_GATES: NAMES,
    fields.UPDATE_METHODS: st.lists(st.sampled_from(["LiveMigrate", "Evict"]), unique=True),
    fields.ROLLOUT_STRATEGY: st.sampled_from(["Stage", "LiveUpdate"]),
    fields.MAX_GUEST: st.sampled_from(["4Gi", "4096Mi", "8Gi"]),
    fields.PARALLEL_MIGRATIONS: st.integers(1, 20),
    (*fields.MIGRATIONS, "allowPostCopy"): st.booleans(),
}
SETTINGS = st.fixed_dictionaries({}, optional=VALUES)
FOREIGN = {"certificateRotateStrategy": {"selfSigned": {}}, "imagePullPolicy": "Always"}


def document(settings, *, bare: bool) -> dict:
    """Convert a KubeVirt CR to JSON; a *bare* CR contains only the settings' parent objects."""
    spec: dict = {} if bare else json.loads(json.dumps(FOREIGN))
    for path, value in settings.items():
        parent = {"spec": spec}
        for key in path[:-1]:
            parent = parent.setdefault(key, {})
        parent[path[-1]] = value
    return {"metadata": {"uid": "uid-kubevirt", "generation": 7}, "spec": spec}


def typed(path, value):
    if isinstance(value, list):
        return NameSet.of(tuple(value))
    return MemoryQuantity.parse(value) if path == fields.MAX_GUEST else value


def live_kubevirt(doc: dict) -> LiveKubeVirt:
    settings, spellings, containers = {}, {}, set()
    for each in fields.KUBEVIRT_FIELDS:
        node = doc
        for depth, key in enumerate(each.path):
            if not isinstance(node, dict) or key not in node:
                break
            node = node[key]
            if depth < len(each.path) - 1:
                containers.add(each.path[: depth + 1])
        else:
            settings[each.path], spellings[each.path] = typed(each.path, node), node
    return LiveKubeVirt(
        ref=KUBEVIRT,
        uid=Uid("uid-kubevirt"),
        generation=doc["metadata"]["generation"],
        observed_generation=None,
        phase="Deployed",
        version="v1.4.0",
        target_version="",
        deployment_id="",
        target_deployment_id="",
        settings=settings,
        spellings=spellings,
        containers=frozenset(containers),
    )


def apply_all(doc: dict, actions) -> dict:
    """Apply each patch to a KubeVirt CR, and increment its generation as the API server does."""
    for action in actions:
        doc = json_patch.apply([each.plain() for each in action.patch], doc)
        doc["metadata"]["generation"] += 1
    return doc


def decide(doc, wanted):
    desired = make_desired(kubevirt={p: typed(p, v) for p, v in wanted.items()} or None)
    decisions = plan_of(desired, make_live(kubevirt=live_kubevirt(doc))).decisions
    return decisions[0] if decisions else None


@given(have=SETTINGS, wanted=SETTINGS, bare=st.booleans())
def test_plan_after_the_kubevirt_cr_is_patched_contains_no_further_change(have, wanted, bare):
    doc = document(have, bare=bare)
    decision = decide(doc, wanted)
    after = apply_all(doc, decision.actions) if decision else doc
    again = decide(after, wanted)
    assert again is None or again.effect.value == "none"


@given(have=SETTINGS, wanted=SETTINGS)
def test_kubevirt_cr_patch_does_not_change_fields_that_git_does_not_set(have, wanted):
    doc = document(have, bare=False)
    before = json.loads(json.dumps(doc))
    decision = decide(doc, wanted)
    after = apply_all(doc, decision.actions) if decision else doc
    assert {key: after["spec"][key] for key in FOREIGN} == FOREIGN
    for path, value in have.items():
        if path in wanted and path != fields.FEATURE_GATES:
            continue
        node = after
        for key in path:
            node = node[key]
        assert node[: len(value)] == value if isinstance(value, list) else node == value
    assert before["metadata"]["uid"] == after["metadata"]["uid"]


@given(have=SETTINGS, wanted=SETTINGS, bare=st.booleans())
def test_patch_for_a_deleted_kubevirt_cr_is_not_applied_after_the_cr_is_recreated(
    have, wanted, bare
):
    doc = document(have, bare=bare)
    decision = decide(doc, wanted)
    if decision is None or not decision.actions:
        return
    recreated = json.loads(json.dumps(doc))
    recreated["metadata"]["uid"] = "uid-of-another"
    for action in decision.actions:
        try:
            json_patch.apply([each.plain() for each in action.patch], recreated)
        except json_patch.NotApplicableError:
            continue
        raise AssertionError("a patch was taken by an object of the same name")
