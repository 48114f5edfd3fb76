"""Patches changed VMs with a bare client, one after the other; prints how many a second."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.fleet import Fleet
from bench.programs.bare import VMS, Bare

if TYPE_CHECKING:
    from bench.fleet import VM

MOST = 50
"""As many patches tell how fast they go."""
GUEST = "/spec/template/spec/domain/memory/guest"


def main() -> None:
    """Patch and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    options = parser.parse_args()
    bare = Bare(options.kubeconfig)
    chosen = Fleet(n_vms=options.vms, seed=options.seed).changed[:MOST]
    start = time.perf_counter()
    for vm in chosen:
        patched(bare, vm, vm.wanted)
    sys.stdout.write(str(len(chosen) / (time.perf_counter() - start)))


def patched(bare: Bare, vm: VM, gib: int) -> None:
    """Give *vm* another size.

    Raises:
        SystemExit: The server refuses.
    """
    ops = [
        {"op": "test", "path": GUEST, "value": f"{vm.running}Gi"},
        {"op": "replace", "path": GUEST, "value": f"{gib}Gi"},
    ]
    path = f"/apis/kubevirt.io/v1/namespaces/{vm.namespace}/{VMS}/{vm.name}"
    if (status := bare.patch(path, ops)) != 200:
        raise SystemExit(f"the patch of {vm.namespace}/{vm.name} is answered {status}")


if __name__ == "__main__":
    main()
