"""What must never be seen: tokens of kubeconfigs and passwords in addresses."""

from __future__ import annotations

import pytest
from support.simulated import vm_yaml

TOKEN = "t0ken-never-to-be-seen"
PASSWORD = "passw0rd-never-to-be-seen"
SECRETS = (TOKEN, PASSWORD)


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("name", ["plan", "apply", "status", "snapshot"])
def test_a_token_is_never_shown_where_all_is_well(name, log_format, serve, git, command, tmp_path):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    tokens = {TOKEN: {"user": "somebody", "groups": ["system:masters"]}}
    cluster = serve("hotplug", rbac="enforced", tokens=tokens)
    kubeconfig = cluster.credentials(tmp_path / "config", TOKEN)
    source = [] if name == "snapshot" else ["--repo", git]
    flags = ("-vv", "--log-format", log_format, "--kubeconfig", kubeconfig)
    ended = command(name, *source, *flags)
    assert ended.code == 0
    assert {each.user for each in cluster.ours()} == {"somebody"}
    assert [each for each in SECRETS if each in ended.out + ended.err] == []


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    ("token", "code"),
    [(TOKEN, 401), (f"{TOKEN} with a blank", 401), (f'{TOKEN}\\n"', 401), ("someone-known", 403)],
    ids=["unknown", "blank", "quote and line break", "forbidden"],
)
def test_a_token_is_never_shown_where_it_is_refused(
    token, code, log_format, serve, git, command, tmp_path
):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi")})
    cluster = serve("hotplug", rbac="enforced", tokens={"someone-known": {"user": "somebody"}})
    kubeconfig = cluster.credentials(tmp_path / "config", token)
    flags = ("-vv", "--log-format", log_format, "--kubeconfig", kubeconfig)
    ended = command("apply", "--repo", git, *flags)
    assert (ended.code, ended.out) == (1, "")
    assert {each.status for each in cluster.ours()} <= {code}
    assert [each for each in (TOKEN, "someone-known") if each in ended.err] == []


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("name", ["plan", "reconcile", "validate"])
def test_a_password_in_the_address_of_a_repository_is_never_shown(
    name, log_format, serve, command
):
    address = f"https://robot:{PASSWORD}@127.0.0.1:9/vms.git?private_token={TOKEN}"
    flags = ("-vv", "--log-format", log_format)
    ended = command(name, "--repo", address, *flags)
    assert (ended.code, ended.out) == (1, "")
    assert "https://127.0.0.1:9/vms.git cannot be fetched" in ended.err
    assert [each for each in (*SECRETS, "robot") if each in ended.err] == []
