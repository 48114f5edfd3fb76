"""Tests that a rejected dry run names the object to which the plan writes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import KUBEVIRT, make_desired, make_kubevirt, make_live, plan_of
from support.owners.builders import HYPERCONVERGED, OWNED, make_owned, make_owner

from reconciler.app.server_dry_run import server_dry_run
from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.fields import LIVE_UPDATE
from reconciler.model.run.write_result import Refusal, Written


class Rejecting:
    """A ``ports.DryRun`` that rejects every write."""

    def check(self, _action):
        return Written(refusal=Refusal.FORBIDDEN, status=403, message="not you")


@pytest.mark.parametrize(
    ("live", "kubevirt", "written"),
    [
        (make_live(kubevirt=make_kubevirt()), KUBEVIRT, KUBEVIRT),
        (make_owned(make_owner()), OWNED, HYPERCONVERGED),
    ],
    ids=["KubeVirt", "HyperConverged"],
)
def test_rejected_dry_run_names_the_object_that_the_request_changes(live, kubevirt, written):
    wanted = DesiredKubeVirt(ref=kubevirt, settings={(*LIVE_UPDATE, "maxHotplugRatio"): 8})
    plan = plan_of(replace(make_desired(), kubevirt=wanted), live)
    rejected, _summary = server_dry_run(plan, Rejecting()).diagnostics[-2:]
    assert (rejected.code, rejected.ref) == ("server-dry-run-refused", written)
