"""``require_no_passphrase``: rejects an SSH private key that has a passphrase.

Without a prompt, ssh silently ignores such a key, and the server seems to reject it.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from reconciler.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

_LIMIT_S = 30.0


def require_no_passphrase(key: Path) -> None:
    """Check that ssh can use a private key without a passphrase.

    Raises:
        SourceError: The key has a passphrase.
    """
    command = ("ssh-keygen", "-y", "-P", "", "-f", str(key.absolute()))
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the path is the only argument from outside
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # ssh reports what it cannot use
    if done.returncode and b"incorrect passphrase" in done.stderr:
        raise SourceError(
            f"the SSH key {key} has a passphrase, which is not supported",
            hint="remove the passphrase with `ssh-keygen -p -f identity`, or use an SSH "
            "agent; the file `password` in --git-credentials is only for HTTPS",
        )
