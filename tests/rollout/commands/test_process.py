"""Tests that need a separate process: imported modules, and the end of a simulated cluster."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import yaml
from support.served import WORLDS, line_with, process
from support.simulated import vm_yaml

SLOW = ("kubernetes", "git", "ruamel", "jsonschema", "deepdiff", "msgspec", "uvicorn", "starlette")
LOADED = f"""
import sys
from reconciler.cli.main import main
code = main(sys.argv[1:])
loaded = {{each.partition(".")[0] for each in sys.modules}}
print(code, sorted(loaded & {set(SLOW)!r}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["plan", "--help"], ["reconcile", "--help"], ["demo", "--help"]],
    ids=" ".join,
)
def test_help_and_version_options_import_no_slow_module(arguments):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr == "0 []\n"
    assert done.stdout


def test_simulated_cluster_writes_its_kubeconfig_when_ready_and_closes_its_port_on_exit(
    git, command, tmp_path
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    kubeconfig = tmp_path / "kubeconfig"
    arguments = ("--world", WORLDS / "hotplug.yaml", "--kubeconfig", kubeconfig)
    with process("cluster", *arguments, "--time-scale", "20") as run:
        line = line_with(run.stderr, "is ready; kubeconfig: ")
        assert stat.S_IMODE(kubeconfig.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
        server = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        assert f" {server} is ready" in line
        ended = command("apply", "--yes", "--repo", git, "--kubeconfig", kubeconfig)
        assert ended.code == 0, ended.err
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate()
    assert (run.returncode, out, err) == (0, "", "")
    with socket.socket() as probe:
        address = urlsplit(server)
        assert probe.connect_ex((address.hostname, address.port)) != 0
    assert [each.name for each in tmp_path.iterdir() if "kubeconfig" in each.name] == [
        "kubeconfig"
    ]
    with pytest.raises(ProcessLookupError):
        os.kill(run.pid, 0)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (
            ["--world", "{here}/none.yaml"],
            "the scenario file {here}/none.yaml cannot be read: No such file or directory",
        ),
        (
            ["--world", "{here}/world.yaml"],
            "{here}/world.yaml does not describe a valid cluster",
        ),
        (["--world", "{good}", "--port", "99999"], "'--port'"),
        (["--world", "{good}", "--time-scale", "0"], "'--time-scale'"),
    ],
    ids=["missing file", "invalid world", "invalid port", "zero time scale"],
)
def test_cluster_command_with_invalid_options_is_rejected_before_a_kubeconfig_is_written(
    flags, says, command, tmp_path
):
    (tmp_path / "world.yaml").write_text("hello")
    kubeconfig = tmp_path / "kubeconfig"
    places = {"here": tmp_path, "good": WORLDS / "hotplug.yaml"}
    given = [each.format(**places) for each in flags]
    ended = command("cluster", *given, "--kubeconfig", kubeconfig)
    assert (ended.code, ended.out) == (64, "")
    assert says.format(**places) in ended.err
    assert "  hint: " in ended.err
    assert "Traceback" not in ended.err
    assert not kubeconfig.exists()
