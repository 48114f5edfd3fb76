"""Commands never print hostile strings from Git, the API server or options without escaping."""

from __future__ import annotations

import json
import re

import pytest
from golden.hostile_text import HOSTILE, check_lines
from support.simulated import vm_yaml

GROUPS = {
    "terminal": ("terminal sequence", "C1 sequence", "carriage return", "bidirectional marks"),
    "invisible": ("invisible characters", "combining characters", "control characters"),
    "commands": ("workflow command", "old workflow command", "line feeds", "stopped commands"),
    "markup": ("code fence", "marker of the comment", "mentions", "links", "command for a bot"),
}
"""The kinds of hostile strings that one test combines, because each command takes some time."""
every_text = pytest.mark.parametrize(
    "text", ["\n".join(HOSTILE[kind] for kind in kinds) for kinds in GROUPS.values()], ids=GROUPS
)
FORMATS = [
    *(("plan", each) for each in ("text", "json", "markdown", "html")),
    *((name, each) for name in ("status", "validate", "apply") for each in ("text", "json")),
]


def file_name(text: str) -> str:
    return re.sub(r"[/\0]", "_", text)[:60] + ".yaml"


def manifests(text: str) -> dict[str, str]:
    """Return manifest files whose paths, kinds, names and sizes contain *text*."""
    quoted = json.dumps(text)
    good = vm_yaml("default", "vm", "2Gi")
    documents = (
        good.replace("name: vm", f"name: {quoted}", 1),
        vm_yaml("default", "other", "2Gi").replace("2Gi", quoted),
        f"apiVersion: v1\nkind: {quoted}\nmetadata: {{name: {quoted}}}\n",
    )
    return {
        "vm.yaml": good,
        file_name(text): "---\n".join(documents),
        "unread.yaml": f"kind: VirtualMachine\napiVersion: kubevirt.io/v1\n{quoted}: [\n",
    }


def hurt(cluster, text: str) -> None:
    """Make the API server report *text* in the status of a VM and its VMI."""
    condition = {"type": "LiveMigratable", "status": "False", "reason": text, "message": text}
    failure = {"type": "Failure", "status": "True", "reason": text, "message": text}
    changes = {
        "virtualmachines.kubevirt.io": {"printableStatus": text, "conditions": [failure]},
        "virtualmachineinstances.kubevirt.io": {"nodeName": text, "conditions": [condition]},
    }
    store = cluster.simulator.store
    for resource, change in changes.items():
        for key in list(store.keys(resource)):
            store.mutate(key, lambda found, new=change: found["status"].update(new))


@every_text
def test_hostile_text_from_git_or_the_api_server_is_escaped_in_command_output(
    text, git, serve, command
):
    git.commit(manifests(text))
    cluster = serve("hotplug", scale=0.001)
    hurt(cluster, text)
    for name, written in FORMATS:
        for log_format in ("text", "json") if written == "text" else ("json",):
            flags = ["--repo", git, "-o", written, "--log-format", log_format, "-vv"]
            flags += ["--yes", "--deadline", "1ms"] if name == "apply" else []
            ended = command(name, *flags, on=None if name == "validate" else cluster)
            assert ended.out, (name, written, ended)
            check_lines(ended.out)
            check_lines(ended.err)
            for each in ended.err.splitlines() if log_format == "json" else ():
                json.loads(each)
            if written == "json":
                json.loads(ended.out)


@every_text
def test_hostile_option_values_are_escaped_in_command_output(text, git, serve, command, tmp_path):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    cluster, value = serve("hotplug"), text.replace("\0", "")
    file = str(tmp_path / "missing" / file_name(text))
    plan = ("plan", "--repo", git, "--kubeconfig", cluster.kubeconfig)
    write = ("apply", "--yes", *plan[1:])
    commands = (
        *((*plan, flag, value) for flag in ("--revision", "-n", "-l", "--context")),
        *((*plan, flag, file) for flag in ("--config", "--snapshot", "--out")),
        *((*write, flag, file) for flag in ("--plan", "--trace", "--report")),
        (*plan, f"a/{value}"),
        ("plan", "--repo", value),
        ("plan", "--repo", git, "--kubeconfig", file),
        ("validate", "-f", file),
        ("reconcile", "--repo", git, "--mode", value),
        ("demo", "--world", value),
        ("cluster", "--world", file, "--kubeconfig", file),
    )
    for arguments in commands:
        ended = command(*arguments)
        check_lines(ended.out)
        check_lines(ended.err)
    # Each message in JSON is written by the same function: a message of each command is enough.
    for arguments in {given[0]: given for given in commands}.values():
        ended = command(*arguments, "--log-format", "json")
        check_lines(ended.out)
        check_lines(ended.err)
