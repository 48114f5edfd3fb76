"""Describes the machine and the software versions of a benchmark, without host names."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.processes import found

LIBRARIES = ("kubernetes", "msgspec", "orjson", "ruamel.yaml", "ryaml")


def about() -> str:
    """Describe the machine and the software versions of a benchmark in a few lines."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    tools = [git.strip()]
    if (kubectl := found("kubectl")) is not None:
        said = subprocess.run(
            [kubectl, "version", "--client"], capture_output=True, text=True, check=False
        )
        tools += re.findall(r"Client Version: (v\S+)", said.stdout)[:1]
        tools[1:] = [f"kubectl {each}" for each in tools[1:]]
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({_cpu()}) with "
        f"{memory:.0f} GiB, {platform.system()} {platform.machine()}.\n"
        f"{platform.python_implementation()} {platform.python_version()}; {libraries}; "
        f"{', '.join(tools)}.\n\n"
        "The ratios compare measurements of one run, taken in rotation. If the load average was "
        "above zero, other programs were running, too."
    )


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    names = re.findall(
        r"^model name\s*: (.+)$", path.read_text() if path.exists() else "", re.MULTILINE
    )
    return names[0] if names else platform.processor() or "unknown"
