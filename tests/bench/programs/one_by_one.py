"""Patches changed VMs with a bare client in sequence, and prints the patches per second."""

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
"""The maximum number of patches, which is enough to measure patches per second."""
GUEST = "/spec/template/spec/domain/memory/guest"


def main() -> None:
    """Send patches to changed VMs in sequence, and print the patches per second."""
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
    """Patch the memory size of one VM.

    Raises:
        SystemExit: The server rejects the patch.
    """
    ops = [
        {"op": "test", "path": GUEST, "value": f"{vm.running}Gi"},
        {"op": "replace", "path": GUEST, "value": f"{gib}Gi"},
    ]
    path = f"/apis/kubevirt.io/v1/namespaces/{vm.namespace}/{VMS}/{vm.name}"
    if (status := bare.patch(path, ops)) != 200:
        raise SystemExit(f"the patch of {vm.namespace}/{vm.name} failed with status {status}")


if __name__ == "__main__":
    main()
