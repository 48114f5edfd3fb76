"""``vm_memory_section``: renders the boot, current, desired and maximum memory of a VM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.escaping import html_text
from reconciler.report import wording
from reconciler.report.html.memory_bar import bar_keys, memory_bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.fields import SettingValue
    from reconciler.model.service.view import ServiceView
    from reconciler.report.fleet_page.fleet_vm import FleetVM

_MEANINGS = {
    "Desired": "what Git sets",
    "Spec": "what the VM's spec contains",
    "Current": "what the running guest has",
    "Requested": "what KubeVirt has requested from the guest",
    "Boot": "what the guest booted with; it cannot shrink below this size live",
    "Maximum": "the largest size that the running guest can reach; fixed at boot",
}


def vm_memory_section(vm: FleetVM, view: ServiceView) -> str:
    """Render the section with a VM's memory bar and a table of its memory sizes."""
    return "".join(_pieces(vm, view))


def _pieces(vm: FleetVM, view: ServiceView) -> Iterator[str]:
    yield '<section id="memory"><h2>Memory</h2>\n'
    bar = memory_bar(vm.decision, stretched=True)
    if bar:
        yield f'<div class="memory {vm.effect}">{bar}</div>\n'
        yield f'<p class="keys">{bar_keys((vm.decision.effect,))}</p>\n'
    yield '<table class="values"><caption>Sizes of the memory</caption><thead><tr>'
    yield "".join(f'<th scope="col">{each}</th>' for each in ("Size", "Value", "Meaning"))
    yield "</tr></thead><tbody>\n"
    for name, value in _sizes(vm, view):
        shown = html_text("not known" if value is None else wording.spelled(value), 80)
        yield (
            f'<tr><th scope="row">{name}</th><td>{shown}</td>'
            f'<td class="faint">{_MEANINGS[name]}</td></tr>\n'
        )
    yield "</tbody></table></section>\n"


def _sizes(vm: FleetVM, view: ServiceView) -> Iterator[tuple[str, SettingValue | None]]:
    decision, live = vm.decision, view.live
    machine = live.vms.get(vm.ref) if live else None
    vmi = live.vmis.get(vm.ref) if live else None
    change = decision.changes[0] if decision.changes else None
    yield "Desired", decision.target or (change.after if change else None)
    yield "Spec", machine.instancetype or machine.guest if machine else None
    if vmi is not None:
        yield "Requested", vmi.guest_requested
    yield "Current", decision.guest or (vmi.guest_current if vmi else None)
    yield "Boot", decision.boot or (vmi.guest_at_boot if vmi else None)
    yield "Maximum", decision.maximum or (vmi.max_guest if vmi else None)
