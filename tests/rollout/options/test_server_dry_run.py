"""plan --server-dry-run sends each change to the API server as a dry run."""

from __future__ import annotations

from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
DENIED = {"effect": "status", "code": 403, "verbs": ["patch"], "resource": "virtualmachines"}


def diagnostics(ended):
    return [
        (each["severity"], each["code"], each["message"]) for each in ended.json["diagnostics"]
    ]


def test_server_dry_run_counts_accepted_changes_without_making_them(git, serve, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    flags = ("plan", "--repo", git, "-o", "json")
    ended = command(*flags, "--server-dry-run", on=cluster)
    said = "the API server checked 1 change with dryRun=All and would reject 0"
    assert (ended.code, diagnostics(ended)) == (0, [("note", "server-dry-run", said)])
    (patch,) = cluster.ours("PATCH")
    assert "dryRun=All" in patch.query
    again = command(*flags, on=cluster)
    assert again.json["digest"] == ended.json["digest"], "nothing has changed"


def test_server_dry_run_reports_a_rejected_change_as_a_warning(git, serve, command):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command(
        *("plan", "--repo", git, "-o", "json", "--server-dry-run"),
        on=serve("hotplug", apiFaults=[DENIED]),
    )
    severity, code, message = diagnostics(ended)[0]
    assert (ended.code, severity, code) == (0, "warning", "server-dry-run-refused")
    assert message.startswith("the API server would reject the change (forbidden): ")


def test_server_dry_run_needs_a_cluster(git, command, tmp_path):
    git.commit({"vm.yaml": ASK_2GI})
    flags = ("--server-dry-run", "--snapshot", tmp_path / "live.json")
    ended = command("plan", "--repo", git, *flags)
    assert (ended.code, "--server-dry-run needs a cluster" in ended.err) == (64, True)
