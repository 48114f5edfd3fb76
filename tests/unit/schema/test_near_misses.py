"""A field that KubeVirt knows is never taken for a misspelt one: the CRDs decide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.schema import schema_files
from reconciler.schema.fast_check import TYPO_SIMILARITY
from reconciler.schema.violations import closest

CRDS = Path(__file__).resolve().parents[3] / "reconciler" / "simulator" / "crds"
OBJECT_META = {
    *("annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp"),
    *("finalizers", "generateName", "generation", "labels", "managedFields", "name", "namespace"),
    *("ownerReferences", "resourceVersion", "selfLink", "uid"),
}
"""Source: k8s.io/apimachinery v0.32 pkg/apis/meta/v1/types.go (ObjectMeta)."""


def published(kind):
    found = json.loads((CRDS / f"{kind}.json").read_text())
    spec = found.get("spec", found)
    versions = spec["versions"]
    return next(each["schema"]["openAPIV3Schema"] for each in versions if each["name"] == "v1")


def mappings(ours, crd, path):
    """Yield each mapping that our schema describes, with the names that the CRD knows there."""
    root = schema_files.load("manifest")
    while "$ref" in ours:
        ours = root["$defs"][ours["$ref"].rpartition("/")[2]]
    if ours.get("type") == "object" and "properties" in ours:
        yield path, ours, set(crd["properties"])
        for name, below in ours["properties"].items():
            if name in crd["properties"]:
                yield from mappings(below, crd["properties"][name], f"{path}.{name}")


DEFS = schema_files.load("manifest")["$defs"]
PLACES = [
    ("metadata", DEFS["metadata"], OBJECT_META),
    *mappings(DEFS["kubevirt"], published("kubevirts")["properties"]["spec"], "KubeVirt"),
    *mappings(DEFS["virtualMachine"], published("virtualmachines")["properties"]["spec"], "VM"),
]


def test_each_mapping_of_the_schema_is_compared_with_the_crds():
    assert len(PLACES) >= 12


@pytest.mark.parametrize(("path", "schema", "names"), PLACES, ids=[each[0] for each in PLACES])
def test_field_of_the_crd_is_neither_unknown_nor_misspelt_nor_misplaced(path, schema, names):
    del path
    unknown = names - set(schema["properties"])
    wanted = schema.get("x-near-miss", ())
    assert [each for each in unknown if closest(each, wanted, cutoff=TYPO_SIMILARITY)] == []
    assert names & set(schema.get("x-belongs", ())) == set()
    if schema.get("additionalProperties") is False:
        assert unknown == set()
