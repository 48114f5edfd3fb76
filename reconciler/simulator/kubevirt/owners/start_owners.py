"""`start_owners` starts the simulated operators that manage the KubeVirt CR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.simulator.encoding import json_codec
from reconciler.simulator.kubevirt.owners import harvester, hyperconverged
from reconciler.simulator.kubevirt.owners.autopilot import Autopilot
from reconciler.simulator.kubevirt.owners.harvester import HarvesterOperator, HarvesterWebhooks
from reconciler.simulator.kubevirt.owners.harvester_quotas import QuotaScaling
from reconciler.simulator.kubevirt.owners.hyperconverged import HyperConvergedOperator
from reconciler.simulator.kubevirt.owners.second_writer import SecondWriter
from reconciler.simulator.store.api_resources import DECKHOUSE_API

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.simulator.apiserver.request.admission import Admission
    from reconciler.simulator.kubevirt.cluster import Cluster
    from reconciler.simulator.kubevirt.owners.owner_specs import OwnerSpecs
    from reconciler.simulator.store.history import StoreEvent


def installed(specs: OwnerSpecs) -> frozenset[str]:
    """Returns the optional API versions that HyperConverged, Harvester or Deckhouse installs."""
    found = set()
    if specs.hyperconverged is not None:
        found.add(f"hco.kubevirt.io/{specs.hyperconverged.release.api_version}")
        if specs.hyperconverged.serves_v1beta1:
            found.add("hco.kubevirt.io/v1beta1")
    if specs.harvester is not None:
        found.add(harvester.API_VERSION)
    if specs.deckhouse:
        found.add(DECKHOUSE_API)
    return frozenset(found)


def start_owners(
    specs: OwnerSpecs, cluster: Cluster, admission: Admission
) -> Iterator[Callable[[StoreEvent], None]]:
    """Registers each operator's webhooks, and yields each operator's store event handler."""
    own, suse = specs.hyperconverged, specs.harvester
    if own is not None:
        operator = HyperConvergedOperator(cluster, own, specs.namespace)
        yield operator.observe
        if own.rewrite is not None:
            key = hyperconverged.key_of(specs.namespace, own.release)
            yield SecondWriter(cluster, key, own.rewrite).observe
        if own.autopilot is not None:
            Autopilot(cluster, hyperconverged.key_of(specs.namespace, own.release), own.autopilot)
    if suse is not None:
        HarvesterWebhooks(cluster).register(admission)
        chart = json_codec.copy(dict(specs.kubevirt_spec))
        yield HarvesterOperator(cluster, suse, chart).observe
        if not suse.down:
            yield QuotaScaling(cluster).observe
        if suse.rewrite is not None:
            yield SecondWriter(cluster, harvester.SETTING, suse.rewrite).observe
    for writer in specs.writers:
        yield SecondWriter(cluster, writer.key, writer.rewrite).observe
