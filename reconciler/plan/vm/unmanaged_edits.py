"""Warns about fields in Git that this program does not write but other tools might write.

An edit to such a field requires a restart; until then, nothing changes live. If a tool applies the
edit together with the memory, the edit prevents the hotplug.

Source: observed on KubeVirt v1.3.1, v1.6.3 and v1.9.0 (scenario mixed-edit-one-patch).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.paths import value_at
from reconciler.model.quantity import MemoryQuantity, QuantityError

if TYPE_CHECKING:
    from reconciler.model.desired.desired_state import DesiredVM
    from reconciler.model.live.live_state import LiveVM
    from reconciler.model.references import FieldPath

_DOMAIN: FieldPath = ("spec", "template", "spec", "domain")


def warnings(desired: DesiredVM, vm: LiveVM) -> tuple[str, ...]:
    """Return a warning if the manifest differs from the VM in fields that require a restart."""
    if desired.manifest is None:
        return ()
    domain = value_at(desired.manifest, _DOMAIN)
    found = [
        f"{name} {wanted} (cluster: {'none' if has is None else has})"
        for name, wanted, has in _compared(domain, vm)
        if wanted is not None and not _same(wanted, has)
    ]
    if not found:
        return ()
    named = ", ".join(found)
    sentence = (
        f"Git also sets {named}. The reconciler does not write this, but a tool that applies the "
        "whole manifest would; the VM would then need a restart before any live change"
    )
    return (sentence,)


def _compared(domain: object, vm: LiveVM) -> tuple[tuple[str, object, object], ...]:
    """Return fields that cannot change live, with their values in Git and in the cluster."""
    _sockets, cores, threads = vm.cpu
    requests, limits = vm.constraints.requests, vm.constraints.limits
    return (
        ("cpu.cores", value_at(domain, ("cpu", "cores")), cores),
        ("cpu.threads", value_at(domain, ("cpu", "threads")), threads),
        (
            "hugepages",
            value_at(domain, ("memory", "hugepages", "pageSize")),
            vm.constraints.hugepages,
        ),
        ("requests.memory", value_at(domain, ("resources", "requests", "memory")), requests),
        ("limits.memory", value_at(domain, ("resources", "limits", "memory")), limits),
    )


def _same(wanted: object, has: object) -> bool:
    if isinstance(has, MemoryQuantity):
        try:
            return MemoryQuantity.parse(wanted) == has
        except QuantityError:
            return False
    return wanted == has
