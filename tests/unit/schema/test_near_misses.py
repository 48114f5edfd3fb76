"""Checks that no field name of a supported KubeVirt release counts as a misspelt name.

The CRDs of v1.9.0 contain the current names. ``released_fields.json`` contains the names of
earlier releases, because a newer release can have removed a name.
"""

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
"""The metadata fields of a Kubernetes object.

Source: k8s.io/apimachinery v0.32 pkg/apis/meta/v1/types.go (ObjectMeta).
"""


RELEASED = json.loads(Path(__file__).with_name("released_fields.json").read_text())["fields"]


def published(kind):
    found = json.loads((CRDS / f"{kind}.json").read_text())
    spec = found.get("spec", found)
    versions = spec["versions"]
    return next(each["schema"]["openAPIV3Schema"] for each in versions if each["name"] == "v1")


def mappings(ours, crd, path):
    """Yield each mapping in the manifest schema, with the field names that KubeVirt knows."""
    root = schema_files.load("manifest")
    while "$ref" in ours:
        ours = root["$defs"][ours["$ref"].rpartition("/")[2]]
    if ours.get("type") == "object" and "properties" in ours:
        yield path, ours, set(crd["properties"]).union(RELEASED[path])
        for name, below in ours["properties"].items():
            if name in crd["properties"]:
                yield from mappings(below, crd["properties"][name], f"{path}.{name}")


DEFS = schema_files.load("manifest")["$defs"]
PLACES = [
    ("metadata", DEFS["metadata"], OBJECT_META),
    *mappings(DEFS["kubevirt"], published("kubevirts")["properties"]["spec"], "KubeVirt"),
    *mappings(DEFS["virtualMachine"], published("virtualmachines")["properties"]["spec"], "VM"),
]


def test_typo_detection_tests_cover_every_schema_mapping_that_uses_typo_detection():
    found = [each for _, each, _ in PLACES if "x-near-miss" in each]
    assert len(found) == json.dumps(DEFS).count('"x-near-miss"') == 7
    assert len(PLACES) >= 12


def test_list_of_released_kubevirt_fields_includes_a_field_that_was_removed_later():
    current = set(published("virtualmachines")["properties"]["spec"]["properties"])
    assert set(RELEASED["VM"]) - current == {"liveUpdateFeatures"}, "removed after v1.2.2"


@pytest.mark.parametrize(("path", "schema", "names"), PLACES, ids=[each[0] for each in PLACES])
def test_kubevirt_field_is_never_reported_as_unknown_misspelt_or_misplaced(path, schema, names):
    del path
    unknown = names - set(schema["properties"])
    wanted = schema.get("x-near-miss", ())
    assert [each for each in unknown if closest(each, wanted, cutoff=TYPO_SIMILARITY)] == []
    assert names & set(schema.get("x-belongs", ())) == set()
    if schema.get("additionalProperties") is False:
        assert unknown == set()
