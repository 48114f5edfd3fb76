"""``status_lines`` and ``changed_lines``: render changes in VMs for ``status --watch``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.escaping import printable
from reconciler.report import wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def status_lines(document: Mapping[str, Any]) -> dict[str, str]:
    """Map the name of each VM, and of KubeVirt, to a line of text with its status."""
    cr = document["kubevirt"]
    lines = {f"KubeVirt {cr['namespace']}/{cr['name']}": f"{cr['version']} {cr['phase']}".strip()}
    for vm in document["vms"]:
        lines[f"{vm['namespace']}/{vm['name']}"] = ", ".join(_parts(vm))
    return {printable(name): printable(line) for name, line in lines.items()}


def changed_lines(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of objects whose status changed, and one line for each removed object."""
    yield from (f"{name}: {line}" for name, line in now.items() if before.get(name) != line)
    yield from (f"{name}: no longer exists" for name in before if name not in now)


def without_times(document: Mapping[str, Any]) -> dict[str, Any]:
    """Remove times from a status document, so that an unchanged status compares as equal."""
    vms = [{**vm, "convergence": _verdict(vm)} for vm in document["vms"]]
    return {**document, "observedAt": None, "vms": vms}


def _parts(vm: Mapping[str, Any]) -> Iterator[str]:
    yield f"desired {_either(vm['desired'], vm['desiredInstancetype'])}"
    yield f"spec {_either(vm['spec'], vm['specInstancetype'])}"
    yield f"guest {_either(vm['guestCurrent'])}"
    yield f"{vm['phase']} on {vm['node']}" if vm["node"] else vm["phase"]
    if migration := vm["migration"]:
        nodes = wording.nodes(migration["sourceNode"], migration["targetNode"])
        yield f"migration {migration['phase'] or 'Unset'}{nodes}"
    if verdict := _verdict(vm):
        yield verdict
    yield from vm["conditions"]


def _verdict(vm: Mapping[str, Any]) -> str:
    found = vm["convergence"]
    return f"{found['verdict']} ({found['reason']})" if found else ""


def _either(*sizes: str | int | None) -> str:
    return next((str(each) for each in sizes if each is not None), "-")
