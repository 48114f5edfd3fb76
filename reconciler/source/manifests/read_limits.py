"""``within_limits``: stops reading a revision whose objects would need too much memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.model.desired.desired_state import DesiredVM
from reconciler.source.manifests.compact_manifest import CompactManifest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.source.manifests.manifest_objects import FileObject, FileResult

MAX_OBJECTS = 100_000
"""The maximum number of VMs and KubeVirt CRs in a Git revision."""
MAX_MANIFEST_BYTES = 200_000_000
"""The maximum total size of the manifests of all VMs, in bytes of JSON."""
MAX_REMARKS = 250_000
"""The maximum number of problems in all files.

Each additional unmanaged kind in a file counts as one problem, because it also uses memory.
"""
_HINT = "split the repository, or select directories with `paths` in .reconciler.yaml"


def within_limits(results: Iterable[FileResult]) -> Iterator[FileResult]:
    """Yield the parsed files unchanged, unless their total size exceeds a limit.

    Raises:
        SourceError: The files have too many objects, manifests that are too large, or too many
            problems.
    """
    n_objects = n_bytes = n_remarks = 0
    for result in results:
        n_objects += len(result.objects)
        n_bytes += sum(map(_n_bytes, result.objects))
        n_remarks += len(result.diagnostics) + max(len(result.skipped) - 1, 0)
        n_remarks += sum(len(each.diagnostics) for each in result.objects)
        if n_objects > MAX_OBJECTS:
            raise SourceError(
                f"the files contain more than {MAX_OBJECTS:,} VirtualMachines", hint=_HINT
            )
        if n_bytes > MAX_MANIFEST_BYTES:
            raise SourceError(
                f"the manifests of all VMs together are larger than {MAX_MANIFEST_BYTES:,} bytes",
                hint=_HINT,
            )
        if n_remarks > MAX_REMARKS:
            raise SourceError(f"the files have more than {MAX_REMARKS:,} problems", hint=_HINT)
        yield result


def _n_bytes(each: FileObject) -> int:
    """Return the size in bytes of the manifest that is kept in memory for an object."""
    desired = each.desired
    manifest = desired.manifest if isinstance(desired, DesiredVM) else None
    return len(manifest.json) if isinstance(manifest, CompactManifest) else 0
