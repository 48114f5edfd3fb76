"""Tests that the simulated LimitRanger rejects pods outside the bounds of a LimitRange.

Source of the expectations: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go.
"""

from __future__ import annotations

import pytest

from reconciler.simulator.kubevirt.node.limit_ranges import add_defaults, refusal

COMPUTE = {"requests": {"memory": "2Gi", "cpu": "100m"}, "limits": {"memory": "4Gi"}}
SIDECAR = {"requests": {"memory": "1Gi", "cpu": "50m"}, "limits": {"memory": "1Gi", "cpu": "1"}}


def pod():
    containers = [{"resources": COMPUTE}, {"resources": SIDECAR}]
    return {"metadata": {"name": "p"}, "spec": {"containers": containers}}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"type": "Container", "min": {"memory": "1Gi"}}, None),
        ({"type": "Container", "min": {"memory": "1025Mi"}}, "minimum memory usage per Container"),
        ({"type": "Container", "max": {"memory": "4Gi"}}, None),
        ({"type": "Container", "max": {"memory": "3Gi"}}, "is 3Gi, but limit is 4Gi"),
        ({"type": "Container", "maxLimitRequestRatio": {"memory": "2"}}, None),
        ({"type": "Container", "maxLimitRequestRatio": {"memory": "1.5"}}, "ratio is 2.000000"),
        ({"type": "Container", "maxLimitRequestRatio": {"cpu": "50"}}, "no limit is specified"),
        ({"type": "Pod", "max": {"memory": "5Gi"}}, None),
        ({"type": "Pod", "max": {"memory": "4Gi"}}, "per Pod is 4Gi, but limit is 5Gi"),
        ({"type": "Pod", "min": {"cpu": "150m"}}, None),
        ({"type": "Pod", "min": {"cpu": "151m"}}, "but request is 150m"),
        ({"type": "PersistentVolumeClaim", "max": {"storage": "1"}}, None),
    ],
)
def test_pod_outside_the_bounds_of_a_limit_range_is_rejected(limits, message):
    found = refusal(pod(), [{"spec": {"limits": [limits]}}])
    assert (found is None) is (message is None)
    assert message is None or message in found


def test_container_without_a_limit_gets_the_default_of_the_limit_range():
    made = {"metadata": {"name": "p"}, "spec": {"containers": [{"resources": {}}]}}
    limits = {"type": "Container", "default": {"memory": "1Gi", "cpu": "2"}}
    add_defaults(made, [{"spec": {"limits": [limits]}}])
    (container,) = made["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "1Gi", "cpu": "2"}
