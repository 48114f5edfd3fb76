"""``condition_section``: explains the status conditions of a VM and its VMI in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.report.fleet_page.page_times import time_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.live.conditions import Condition, Conditions
    from reconciler.model.references import ObjectRef
    from reconciler.model.service.view import ServiceView

_MAX_CONDITIONS = 40
"""The maximum number of status conditions that the page lists for a VM or a VMI."""
_MAX_TEXT = 1000
WORDS: Mapping[tuple[str, str], str] = {
    ("Ready", "True"): "The guest is running and ready.",
    ("Ready", "False"): "The guest is not ready.",
    ("LiveMigratable", "True"): "The VM can be live-migrated.",
    ("LiveMigratable", "False"): "The VM cannot be live-migrated, so its memory cannot change"
    " live.",
    ("StorageLiveMigratable", "True"): "The VM's volumes can be migrated.",
    ("StorageLiveMigratable", "False"): "The VM's volumes cannot be migrated.",
    ("HotMemoryChange", "True"): "KubeVirt is changing the memory.",
    ("HotMemoryChange", "False"): "The last memory change was rejected by libvirt or QEMU.",
    ("HotVCPUChange", "True"): "KubeVirt is changing the number of CPUs.",
    ("RestartRequired", "True"): "A change to the spec takes effect only at the next restart.",
    ("Failure", "True"): "KubeVirt's last action on the VM failed.",
    ("Paused", "True"): "The guest is paused.",
    ("AgentConnected", "True"): "The guest agent is connected.",
    ("Synchronized", "True"): "The node has applied the instance's spec.",
    ("Synchronized", "False"): "The node could not apply the instance's spec.",
    ("Provisioning", "True"): "The VM's volumes are being prepared.",
    ("PodScheduled", "False"): "No node has been found for the VM's pod.",
    ("DataVolumesReady", "True"): "The VM's data volumes are ready.",
    ("DataVolumesReady", "False"): "A data volume of the VM is not ready.",
    ("MigrationRequired", "True"): "KubeVirt wants to migrate the VM.",
    ("EvictionRequested", "True"): "KubeVirt wants to move the VM away from its node.",
    ("Initialized", "True"): "KubeVirt has prepared the VM.",
    ("VolumesChange", "True"): "KubeVirt is moving the VM to other volumes.",
}
"""Maps the type and status of a VM or VMI condition to its meaning in words.

Source: kubevirt v1.9.0 staging/src/kubevirt.io/api/core/v1/types.go.
"""


def condition_section(ref: ObjectRef, view: ServiceView) -> str:
    """Render the section about the status conditions of a VM and its VMI."""
    return "".join(_pieces(ref, view))


def _pieces(ref: ObjectRef, view: ServiceView) -> Iterator[str]:
    live = view.live
    vm, vmi = (live.vms.get(ref), live.vmis.get(ref)) if live else (None, None)
    yield '<section id="conditions"><h2>Conditions</h2>\n'
    groups = (
        ("VirtualMachine", vm.conditions if vm else {}),
        ("VirtualMachineInstance", vmi.conditions if vmi else {}),
    )
    for kind, conditions in groups:
        if conditions:
            yield from _table(kind, conditions, view)
    if not any(conditions for _, conditions in groups):
        yield '<p class="faint">The cluster reports no condition.</p>'
    yield "</section>\n"


def _table(kind: str, conditions: Conditions, view: ServiceView) -> Iterator[str]:
    yield f"<h3>{kind}</h3>"
    yield f'<table class="values pairs"><caption>Conditions of the {kind}</caption><thead><tr>'
    yield '<th scope="col">Condition</th><th scope="col">Meaning</th></tr></thead><tbody>\n'
    for name, found in sorted(conditions.items())[:_MAX_CONDITIONS]:
        since = f" since {time_html(found.since, view.at)}" if found.since else ""
        yield (
            f'<tr><th scope="row">{html_text(f"{name} {found.status}", 120)}'
            f"<small>{html_text(found.reason, 120)}{since}</small></th>"
            f"<td>{_meaning(name, found)}</td></tr>\n"
        )
    yield "</tbody></table>\n"


def _meaning(name: str, found: Condition) -> str:
    words = WORDS.get((name, found.status), "")
    quoted = html_text(found.message, _MAX_TEXT)
    if words and quoted:
        return f'{words}<p class="faint">{quoted}</p>'
    return words or quoted or '<span class="faint">No message.</span>'
