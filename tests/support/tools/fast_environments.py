"""``fast_python3``: creates virtual environments that share packages instead of copying pip."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """\
#!/bin/sh
set -e
test "$1 $2 $#" = "-m venv 3"
{python} -m venv --without-pip "$3"
for each in "$3"/lib/python*/site-packages; do echo {packages} > "$each/shared.pth"; done
"""


def fast_python3(folder: Path, packages: Path) -> None:
    """Write to *folder* a replacement ``python3`` that only creates virtual environments.

    Args:
        folder: A new directory for the program.
        packages: A directory with pip and other packages that count as installed.
    """
    folder.mkdir()
    program = folder / "python3"
    program.write_text(_PROGRAM.format(python=sys.executable, packages=packages))
    program.chmod(0o755)
