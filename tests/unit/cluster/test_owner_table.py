"""Tests that an operator takes part in reading, planning and writing by one record in a table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import make_desired, make_kubevirt, make_live, plan_of

from reconciler.cluster.read.owner_reader import read_owners
from reconciler.cluster.write.access_review import owner_rights
from reconciler.cluster.write.writer import ClusterWriter
from reconciler.model import fields
from reconciler.model.desired.desired_state import DesiredKubeVirt
from reconciler.model.fields import FieldType
from reconciler.model.plan.plan import Reason
from reconciler.model.references import kubevirt_ref
from reconciler.plan.kubevirt.owners import owner_table
from reconciler.plan.kubevirt.owners.harvester import VALUE, HarvesterOwner
from reconciler.plan.kubevirt.owners.owner_object import OwnerObject
from reconciler.plan.kubevirt.owners.owner_table import OWNERS, Owner

ACME = Owner(
    name="Acme",
    claims=lambda live: live.kubevirt.ref.namespace == "acme",
    create=lambda live, _policy: HarvesterOwner(held=live.owners[0]),
    group="acme.example",
    reads=OwnerObject(
        group="acme.example",
        kind="AcmeOption",
        plural="acmeoptions",
        fields={"v2": {VALUE: FieldType.WORD}},
    ),
    unread=Reason.OWNED_BY_HARVESTER,
)
"""A made-up operator that has Harvester's rules and another object."""
LISTED = "/apis/acme.example/v2/acmeoptions"
OPTION = {"metadata": {"name": "ratio", "namespace": "acme", "uid": "u"}, "value": "4"}


def test_fictional_owner_in_the_owner_table_is_recognised_read_and_written(
    server, client, page, reply, monkeypatch
):
    monkeypatch.setattr(owner_table, "OWNERS", (*OWNERS, ACME))
    groups = [{"name": "acme.example", "versions": [{"version": "v2"}]}]
    server.on("/apis", reply(200, {"kind": "APIGroupList", "groups": groups}))
    server.on(LISTED, page(OPTION))
    found = read_owners(client)
    assert found.groups == {"acme.example"}

    ref = kubevirt_ref("acme", "kubevirt")
    live = make_live(kubevirt=make_kubevirt(ref=ref), owners=found.values)
    settings = {fields.MAX_HOTPLUG_RATIO: 8}
    state = replace(make_desired(), kubevirt=DesiredKubeVirt(ref=ref, settings=settings))
    plan = plan_of(state, live)
    assert [str(each) for each in owner_rights(plan)] == ["patch acmeoptions.acme.example in acme"]

    path = "/apis/acme.example/v2/namespaces/acme/acmeoptions/ratio"
    server.on(path, reply(200, {**OPTION, "value": "8"}))
    (action,) = plan.decisions[0].actions
    written = ClusterWriter(client).write(action)
    assert server.requests[-1].body[-1]["value"] == "8"
    assert (written.refusal, written.owner.spellings) == (None, {VALUE: "8"})


@pytest.mark.parametrize("owner", OWNERS, ids=lambda each: each.name)
def test_each_owner_whose_object_is_read_has_a_reason_code_for_an_unreadable_object(owner):
    assert (owner.reads is None) is (owner.unread is None)
    assert owner.reads is None or owner.reads.group == owner.group
