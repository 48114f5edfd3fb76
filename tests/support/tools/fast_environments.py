"""``fast_python3``: a ``python3`` whose new environments share packages instead of copying pip."""

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
    """Write the program ``python3`` to *folder*; it only creates environments.

    Args:
        folder: A new folder for the program.
        packages: A folder with pip, and with other packages that count as installed.
    """
    folder.mkdir()
    program = folder / "python3"
    program.write_text(_PROGRAM.format(python=sys.executable, packages=packages))
    program.chmod(0o755)
