"""The configuration in a pull request cannot set a program, host, credential or outside file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.served import SCHEMAS, Git
from support.simulated import vm_yaml
from support.trust.audited import run_audited
from support.trust.hostile_pull_request import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = "apiVersion: reconciler/v1alpha1\nkind: Config\n"
FOREIGN_KEYS = (
    *("kubeconfig", "context", "server", "repo", "revision", "url", "snapshot", "files", "base"),
    *("command", "exec", "hooks", "plugins", "generators", "include", "extends", "environment"),
    *("token", "proxy", "certificateAuthority", "out", "report", "trace", "cacheDir"),
    *(
        "forge",
        "forgeUrl",
        "project",
        "pullRequest",
        "clusterName",
        "docsUrl",
        "webhook",
        "notify",
        "prometheusUrl",
        "prometheusCredentials",
        "verify",
    ),
)
"""Configuration keys that would help a hostile author; other tools have most of them."""
OUTSIDE = """\
paths: [/etc, ../outside]
exclude: [a/../../outside]
windows: [{kind: allow, cron: 0 2 * * *, duration: 2h, timeZone: ../../../etc/passwd}]
"""
FREE_TEXTS = {"cluster"}
"""The keys whose value can be any string; ``cluster`` is only compared with the cluster's UID."""


@pytest.fixture
def validate(tmp_path, job):
    """Returns a function that validates a repository with a configuration in a new process."""

    def run(text: str):
        repository = Git(tmp_path / "checkout")
        repository.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi"), ".reconciler.yaml": text})
        return run_audited(
            *("validate", "--repo", ".", "-o", "json"),
            folder=repository.path,
            record=tmp_path / "audit",
            environment=job.environment,
        )

    return run


def test_configuration_in_git_cannot_set_a_program_host_or_credential(validate, silent):
    ended = validate(HEAD + "".join(f"{key}: {silent}/{key}\n" for key in FOREIGN_KEYS))
    found = json.loads(ended.out)["diagnostics"]
    assert ended.code == 3
    assert {each["severity"] for each in found} == {"error"}
    assert len(found) >= len(FOREIGN_KEYS)
    assert (ended.contacted, CANARY in ended.out + ended.err) == (set(), False)


def test_configuration_in_git_cannot_set_a_path_outside_the_repository(validate):
    ended = validate(HEAD + OUTSIDE)
    found = [(each["severity"], each["code"]) for each in json.loads(ended.out)["diagnostics"]]
    assert sorted(found) == [("error", "bad-path")] * 3 + [("error", "bad-time-zone")]
    assert not [each for each in ended.opened if "outside" in each or each.endswith("passwd")]


def texts(schema: object, path: str = "") -> Iterator[tuple[str, dict]]:
    """Yield the schema of each string value in *schema*, with the path of its key."""
    if isinstance(schema, dict):
        if schema.get("type") == "string":
            yield path, schema
        for key, each in schema.items():
            yield from texts(each, path if key in {"properties", "items"} else f"{path}.{key}")


def test_each_string_in_the_configuration_schema_is_restricted_to_listed_values_or_a_format():
    schema = json.loads((SCHEMAS / "config.schema.json").read_text(encoding="utf-8"))
    found = {path.strip("."): each for path, each in texts(schema["properties"])}
    assert len(found) > 10
    formats = {
        "relative-path",
        "selector",
        "cron",
        "timeout",
        "time-zone",
        "duration",
        "label-key",
        "alert-matcher",
    }
    free = {
        path
        for path, each in found.items()
        if "enum" not in each and each.get("format") not in formats
    }
    assert free - {"apiVersion", "kind"} == FREE_TEXTS
