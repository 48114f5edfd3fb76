"""`reconciler config` shows the value of each configuration key and where it comes from."""

from __future__ import annotations

import json

import pytest
from support.schemas import check_document
from support.simulated import vm_yaml

from reconciler.model.desired.config import CONFIG_KEYS
from reconciler.report.config_with_origins import plain

CONFIG = """\
apiVersion: reconciler/v1alpha1
kind: Config
mode: observe
windows:
  - { kind: allow, cron: "0 22 * * *", duration: 6h }
rollout:
  maxPerNode: 1
  canary: { selector: canary=true, soak: 30m }
  batches: [{ selector: env=test }]
"""


@pytest.fixture
def repository(git):
    git.commit({".reconciler.yaml": CONFIG, "vm.yaml": vm_yaml("team-a", "db", "2Gi")})
    return git


def origins(document, part="values"):
    """Return the value and the origin of each configuration key or option as one string."""
    found = {}
    for each in document[part]:
        at = each["origin"]["at"]
        where = each["origin"]["name"] or (at and f"{at['path']}:{at['line']}:{at['column']}")
        name = each["key" if part == "values" else "name"]
        found[name] = (each["value"], f"{each['origin']['kind']} {where or ''}".strip())
    return found


def test_config_command_shows_whether_a_value_comes_from_a_flag_variable_file_or_default(
    repository, command, monkeypatch
):
    monkeypatch.setenv("RECONCILER_SELECTOR", "app=db")
    ended = command("config", "--repo", repository, "-n", "team-a", "-o", "json")
    check_document(ended.json, "effective-config")
    values, options = origins(ended.json), origins(ended.json, "options")
    assert list(values) == list(CONFIG_KEYS)
    assert values["mode"] == ("observe", "file .reconciler.yaml:3:7")
    assert values["selector"] == ("app=db", "environment RECONCILER_SELECTOR")
    assert values["restart"] == ("never", "default")
    assert values["rollout.maxPerNode"] == (1, "file .reconciler.yaml:7:15")
    assert values["rollout.maxConcurrent"] == (None, "default")
    window = {"kind": "allow", "cron": "0 22 * * *", "duration": "6h", "timeZone": "UTC"}
    assert values["windows"] == ([window], "file .reconciler.yaml:5:3")
    assert values["rollout.canary"][0] == {"selector": "canary=true", "soak": "30m"}
    assert options["repo"] == (str(repository.path), "flag --repo")
    assert options["namespace"] == ("team-a", "flag --namespace")
    assert options["selector"] == ("app=db", "environment RECONCILER_SELECTOR")
    assert options["revision"] == ("HEAD", "default")
    assert options["request-timeout"] == ("30s", "default")


def test_config_command_shows_that_a_flag_overrides_the_environment_and_the_file(
    repository, command, monkeypatch
):
    monkeypatch.setenv("RECONCILER_MODE", "observe")
    by_variable = command("config", "--repo", repository, "-o", "json").json
    by_flag = command("config", "--repo", repository, "--mode", "enforce", "-o", "json").json
    assert origins(by_variable)["mode"] == ("observe", "environment RECONCILER_MODE")
    assert origins(by_flag)["mode"] == ("enforce", "flag --mode")


def test_vm_names_on_the_command_line_replace_the_configured_vm_selector(repository, command):
    found = command("config", "--repo", repository, "team-a/db", "-o", "json").json
    assert origins(found)["selector"] == ("", "arguments")


def test_config_command_prints_one_table_of_configuration_keys_and_one_table_of_options(
    repository, command
):
    ended = command("config", "--repo", repository, "--revision", "main")
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["mode", "observe", ".reconciler.yaml:3:7"] in lines
    assert ["create", "false", "default"] in lines
    assert ["rollout.maxConcurrent", "-", "default"] in lines
    assert ["--revision", "main", "flag", "--revision"] in lines
    assert ended.out.startswith(f"Configuration of commit {repository('rev-parse', 'HEAD')[:12]}")


def test_config_command_reads_the_configuration_of_piped_manifests(command, tmp_path):
    (tmp_path / "vm.yaml").write_text(vm_yaml("team-a", "db", "2Gi"))
    (tmp_path / "c.yaml").write_text(CONFIG)
    found = command(
        "config", "-f", tmp_path / "vm.yaml", "--config", tmp_path / "c.yaml", "-o", "json"
    ).json
    assert origins(found)["mode"] == ("observe", f"file {tmp_path / 'c.yaml'}:3:7")
    assert origins(found, "options")["filename"] == (
        [str(tmp_path / "vm.yaml")],
        "flag --filename",
    )


def test_config_command_reports_an_invalid_configuration_with_its_line_but_no_values(git, command):
    git.commit({".reconciler.yaml": CONFIG + "restart: perhaps\n"})
    ended = command("config", "--repo", git)
    assert (ended.code, ended.out) == (3, "")
    assert ".reconciler.yaml:10:10: error" in ended.err


def test_every_configuration_value_can_be_encoded_as_json():
    from reconciler.model.desired.config import Config  # noqa: PLC0415 - next to its only use

    defaults = {key: plain(Config().value(key)) for key in CONFIG_KEYS}
    assert json.loads(json.dumps(defaults)) == defaults


def test_config_command_shows_a_repository_url_without_its_password():
    from reconciler.cli.commands import config  # noqa: PLC0415 - next to its only use

    assert config._shown("repo", "https://user:secret@git.example.com/vms.git") == (
        "https://git.example.com/vms.git"
    )


def test_config_command_shows_the_options_of_serve_without_passwords(
    repository, command, monkeypatch
):
    monkeypatch.setenv("RECONCILER_INTERVAL", "1m")
    monkeypatch.setenv("RECONCILER_PROMETHEUS_URL", "https://me:geheim@prometheus.example.com")
    ended = command("config", "--repo", repository, "-o", "json")
    options = origins(ended.json, "options")
    assert options["interval"] == ("60s", "environment RECONCILER_INTERVAL")
    assert options["listen"] == ("127.0.0.1:8080", "default")
    assert options["external-url"] == (None, "default")
    assert options["prometheus-url"][0] == "https://prometheus.example.com"
    assert "geheim" not in ended.out
