"""The quick answer is never kinder than the check; a property test compares them at length."""

import pytest

from reconciler.schema import fits as fits_module
from reconciler.schema.check import explain
from reconciler.schema.fits import fits

VM = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "pg-0", "labels": None, "annotations": {"a": "b"}},
    "spec": {"template": {"spec": {"domain": {"memory": {"guest": "2Gi"}}}}},
}


def test_a_manifest_in_order_fits():
    assert fits("manifest")(VM)
    assert explain(VM, "manifest") == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "VirtualMachin"},
        {"kind": 1},
        {"metadata": {"name": "PG"}},
        {"metadata": {"name": "pg", "labels": {"a": 1}}},
        {"metadata": {"name": "pg", "namespac": "db"}},
        {"metadata": {"name": True}},
        {"metadata": {}},
        {"metadata": None},
        {"spec": {"templat": {}}},
        {"spec": {"memory": {}}},
        {"spec": {"instancetype": {"nam": "a"}}},
        {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "2GB"}}}}}},
        {"spec": {"template": {"spec": {"domain": {"memory": {"guest": True}}}}}},
    ],
)
def test_what_the_check_finds_something_in_does_not_fit(changed):
    assert explain(VM | changed, "manifest") != ()
    assert not fits("manifest")(VM | changed)


def test_a_schema_with_a_format_that_is_not_known_lets_nothing_fit():
    assert fits("plan") is fits_module._nothing


@pytest.mark.parametrize("name", ["manifest", "config"])
def test_the_schemas_of_what_people_write_are_known_whole(name):
    assert fits(name) is not fits_module._nothing
