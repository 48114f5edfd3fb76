"""``dump``, ``SnapshotReader``: write and read cluster snapshot files."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from reconciler import input_files
from reconciler.decoders import json_value
from reconciler.errors import ClusterError
from reconciler.escaping import json_text
from reconciler.model.diagnostic import Diagnostic, Severity
from reconciler.model.live import snapshot_codec
from reconciler.model.live.capacity import Capacity

if TYPE_CHECKING:
    from reconciler.model.live.live_state import LiveState

_HINT = "create a snapshot file with `reconciler snapshot`"


def dump(state: LiveState) -> bytes:
    """Convert a live state to indented JSON that ends with a newline."""
    document = msgspec.json.encode(snapshot_codec.snapshot(state))
    return f"{json_text(msgspec.json.format(document, indent=1).decode())}\n".encode()


def load(text: bytes, name: str) -> LiveState:
    """Parse the content of a cluster snapshot file.

    Raises:
        ClusterError: *text* is not a snapshot, or its version or its time is not supported.
    """
    try:
        state = snapshot_codec.from_snapshot(json_value(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the snapshot {name} is not valid JSON, or is incomplete"
        raise ClusterError(message, hint=_HINT) from error
    except snapshot_codec.CodecError as error:
        raise ClusterError(f"the snapshot {name} cannot be used: {error}", hint=_HINT) from error
    if not MINYEAR < state.observed_at.year < MAXYEAR:
        problem = f"observedAt is {state.observed_at.isoformat()}, which is out of range"
        raise ClusterError(f"the snapshot {name} cannot be used: {problem}", hint=_HINT)
    return state


class SnapshotReader:
    """A ``ports.LiveReader`` that reads the live state from a cluster snapshot file."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def read(self) -> LiveState:
        """Return the live state that the cluster snapshot file contains.

        Raises:
            ClusterError: The file cannot be read, or is not a snapshot.
        """
        try:
            text = input_files.read(self._path)
        except OSError as error:
            raise ClusterError(
                f"the snapshot {self._path} cannot be read: {error.strerror}", hint=_HINT
            ) from error
        return load(text, str(self._path))

    def capacity(self) -> Capacity:
        """Return unknown capacity and a diagnostic, since snapshot files have no pods and quotas.

        Raises:
            ClusterError: The file cannot be read, or is not a snapshot.
        """
        finding = Diagnostic(
            severity=Severity.WARNING,
            code="room-not-in-snapshot",
            message=f"the snapshot {self._path} contains no pods and quotas, so the capacity "
            "for migrations could not be checked",
            hint=_HINT,
        )
        return Capacity(
            observed_at=self.read().observed_at,
            pods_known=False,
            quotas_known=False,
            diagnostics=(finding,),
        )
