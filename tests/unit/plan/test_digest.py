"""Tests on which properties of a planned change, and of a plan, its digest depends."""

from __future__ import annotations

import pytest

from reconciler.model.plan.plan import Effect, PatchOp, Reason
from reconciler.model.references import Uid, vm_ref
from reconciler.plan.digest import action_digest, manifest_digest, plan_digest

BASE = {
    "cluster": "c",
    "ref": vm_ref("db", "pg-0"),
    "uid": Uid("u"),
    "effect": Effect.LIVE,
    "reason": Reason.HOTPLUG,
    "patch": (PatchOp(op="replace", path="/spec", value="2Gi"),),
}
PINNED = "sha256:1aeef0c4098aadc230260e150a940393caf436d5c0c0ec4836337ee0dafdb136"


def test_action_digest_is_the_same_in_every_release():
    """A new encoding would invalidate every existing approval."""
    assert action_digest(**BASE) == PINNED


@pytest.mark.parametrize(
    "change",
    [
        {"cluster": "d"},
        {"ref": vm_ref("db", "pg-1")},
        {"uid": Uid("v")},
        {"effect": Effect.RESTART},
        {"reason": Reason.ABOVE_MAX_GUEST},
        {"patch": (PatchOp(op="replace", path="/spec", value="3Gi"),)},
        {"patch": ()},
        {"patch": (), "manifest": manifest_digest({"kind": "VirtualMachine"})},
        {"patch": (), "restart": True},
    ],
)
def test_action_digest_depends_on_each_approved_property(change):
    assert action_digest(**BASE | change) != action_digest(**BASE)


def test_manifest_digest_does_not_depend_on_the_order_of_keys():
    left = manifest_digest({"a": 1, "b": {"c": 2, "d": 3}})
    assert left == manifest_digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert left != manifest_digest({"a": 1, "b": {"c": 2, "d": 4}})


def test_plan_digest_depends_only_on_the_actions():
    assert plan_digest([]) == plan_digest(iter(()))


def guarded(generation: object, op: str = "test", path: str = "/metadata/generation"):
    return {"patch": (PatchOp(op=op, path=path, value=generation), *BASE["patch"])}


def test_action_digest_does_not_depend_on_the_value_of_the_tested_object_generation():
    """KubeVirt's controllers also change generations; an approval must then remain valid."""
    assert action_digest(**BASE | guarded(3)) == action_digest(**BASE | guarded(4))


def test_action_digest_depends_on_whether_the_patch_tests_the_object_generation():
    assert action_digest(**BASE | guarded(3)) != action_digest(**BASE)


@pytest.mark.parametrize(
    ("op", "path"),
    [
        pytest.param("replace", "/metadata/generation", id="another operation"),
        pytest.param("test", "/metadata/uid", id="another guard"),
        pytest.param("test", "/spec/metadata/generation", id="another leaf of that name"),
    ],
)
def test_action_digest_depends_on_every_patch_value_except_the_object_generation(op, path):
    left = action_digest(**BASE | guarded(3, op, path))
    assert left != action_digest(**BASE | guarded(4, op, path))


def test_digest_of_a_restart_differs_from_the_digest_of_an_empty_patch():
    restart = {"patch": (), "restart": True}
    assert action_digest(**BASE | restart) != action_digest(**BASE | {"patch": ()})
    assert action_digest(**BASE | restart) == action_digest(**BASE | restart)


def test_digest_of_a_restart_is_the_same_in_every_release():
    found = action_digest(**BASE | {"patch": (), "restart": True})
    assert found == "sha256:5660565d6145c1ef800ebc4a1b84694bd3c84a3f945cc2f254dc06dfdf91f23d"
