"""Checks whether this Python can create .venv; runs on Python 3.6 and newer."""

import importlib.util
import sys

MINIMUM = (3, 11)


def complaint() -> str:
    """Return a message about the missing requirement, or an empty string."""
    have = ".".join(str(part) for part in sys.version_info[:2])
    if sys.version_info[:2] < MINIMUM:
        return (
            f"{sys.executable} is Python {have}, and reconciler needs 3.11 or newer; "
            "choose another Python: make install PYTHON=python3.12"
        )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return (
            f"{sys.executable} cannot create a virtual environment; "
            f"on Debian and Ubuntu: apt-get install python{have}-venv"
        )
    return ""


if __name__ == "__main__":
    sys.exit(complaint() or 0)
