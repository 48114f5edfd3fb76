"""Checks examples/monitoring: the alerts with promtool, and the dashboard with Grafana's types."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from ruamel.yaml import YAML
from support.served import EXAMPLES
from support.tools.installed import tool

from reconciler.model.plan.plan import Effect, Reason
from reconciler.model.revision.commit_in_force import RefusalReason
from reconciler.model.service.view import WaitKind
from reconciler.report.metrics.metric_table import METRICS, MetricType

MONITORING = EXAMPLES / "monitoring"
DOCS = Path(__file__).resolve().parents[2] / ".github" / "docs"
BY_NAME = {each.full_name: each for each in METRICS}
SELECTOR = re.compile(r"(memory_reconciler_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"')
TARGET_LABELS = {"job", "namespace", "instance", "pod"}
"""The labels that Prometheus adds to each time series."""
WORDS = {
    "effect": {each.value for each in Effect},
    "kind": {each.value for each in WaitKind},
    "reason": {each.value for each in Reason},
}
"""The permitted values of labels that have a fixed set of values."""


@cache
def load(name: str):
    return YAML(typ="safe").load(MONITORING / name)


def rules(name: str = "rules.yaml") -> list[dict]:
    return [rule for group in load(name)["groups"] for rule in group["rules"]]


def dashboard() -> dict:
    return json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))


def expressions() -> list[str]:
    """Return the PromQL expression of each alert and of each dashboard panel."""
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    shown = [target["expr"] for panel in panels for target in panel["targets"]]
    notes = [each["target"]["expr"] for each in dashboard()["annotations"]["list"]]
    return [*(each["expr"] for each in rules()), *shown, *notes]


@pytest.mark.parametrize("expression", expressions())
def test_promql_expression_selects_existing_metrics_by_existing_labels(expression):
    selected = SELECTOR.findall(expression)
    assert selected or "process_" in expression
    for name, matchers in selected:
        metric = BY_NAME[re.sub("_(bucket|sum|count)$", "", name)]
        assert ("_bucket" in name) == (metric.type is MetricType.HISTOGRAM)
        for label, value in MATCHER.findall(matchers):
            assert label in {*metric.labels, *TARGET_LABELS}
            if label in WORDS:
                assert set(value.split("|")) <= WORDS[label]


def test_promql_aggregations_use_existing_labels():
    known = {*TARGET_LABELS, "le", *(label for each in METRICS for label in each.labels)}
    found = {
        label
        for expression in expressions()
        for labels in re.findall(r"(?:by|ignoring) \(?([a-z, ]+)\)", expression)
        for label in labels.split(", ")
    }
    assert found <= known


def test_promtool_accepts_the_expressions_of_the_dashboard(tmp_path):
    promtool = tool("promtool")
    recorded = [
        {"record": f"panel:{number}", "expr": each.replace("$job", ".*")}
        for number, each in enumerate(expressions())
    ]
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    check(promtool, "check", "rules", path)


def test_promtool_accepts_the_alerts_and_their_unit_tests(tmp_path):
    promtool = tool("promtool")
    for name in ("rules.yaml", "rules_test.yaml"):
        shutil.copy(MONITORING / name, tmp_path)
    check(promtool, "check", "rules", tmp_path / "rules.yaml")
    check(promtool, "test", "rules", tmp_path / "rules_test.yaml")


def check(*command) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_has_unit_tests_in_which_it_fires_and_does_not_fire():
    cases = [case for each in load("rules_test.yaml")["tests"] for case in each["alert_rule_test"]]
    for rule in rules():
        mine = [bool(each["exp_alerts"]) for each in cases if each["alertname"] == rule["alert"]]
        assert set(mine) == {True, False}, rule["alert"]


def test_prometheusrule_has_the_same_alerts_as_the_rule_file():
    found = load("prometheusrule.yaml")
    assert (found["apiVersion"], found["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert found["spec"] == load("rules.yaml")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alert_has_a_severity_a_description_and_an_existing_runbook(rule):
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert notes["summary"].endswith(".")
    page, anchor = notes["runbook_url"].rpartition("/")[2].split("#")
    if not DOCS.is_dir():
        pytest.skip("this is not a checkout")
    text = (DOCS / page).read_text(encoding="utf-8")
    if anchor == "{{ $labels.reason }}":
        reasons = RefusalReason if "rejected_commits" in rule["expr"] else Reason
        anchors = [each.value for each in reasons]
    else:
        anchors = [anchor]
    headings = {each.lower() for each in re.findall(r"(?m)^## (\w+)$", text)}
    marked = set(re.findall(r'<a id="([a-z0-9-]+)"></a>', text))
    assert set(anchors) <= headings | marked


def test_documentation_lists_each_alert_with_its_severity():
    if not DOCS.is_dir():
        pytest.skip("this is not a checkout")
    text = (DOCS / "alerts.md").read_text(encoding="utf-8")
    listed = re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|", text)
    expected = [(each["alert"], each["labels"]["severity"]) for each in rules()]
    assert sorted(listed) == sorted(expected)


def test_every_metric_except_known_exceptions_is_on_the_dashboard_or_in_an_alert():
    used = {name for each in expressions() for name, _ in SELECTOR.findall(each)}
    unused = {each.full_name for each in METRICS if each.type is not MetricType.HISTOGRAM} - used
    assert unused <= {
        f"memory_reconciler_{each}"
        for each in (
            *("ready", "enforcing", "git_last_fetch_timestamp_seconds", "plan_timestamp_seconds"),
            *("plan_migrations", "plan_copied_bytes", "run_start_timestamp_seconds"),
        )
    }


def test_dashboard_has_only_fields_that_grafana_knows():
    given = dashboard()
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(given)))
    assert list(lost(given, read, "")) == []


def lost(given: object, read: object, at: str):
    """Yield each field that Grafana's types do not contain or convert to a different value."""
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            if at.startswith("/annotations") and key in {"expr", "refId", "titleFormat", "step"}:
                continue  # fields of Prometheus' annotation query, which have no type
            if key in read:
                yield from lost(value, read[key], f"{at}/{key}")
            else:
                yield f"{at}/{key}"
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for number, pair in enumerate(zip(given, read, strict=True)):
            yield from lost(*pair, f"{at}/{number}")
    elif given != read:
        yield at


def test_dashboard_panels_have_unique_ids_and_do_not_overlap():
    panels = dashboard()["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    for each in panels:
        assert each["gridPos"]["x"] + each["gridPos"]["w"] <= 24
    for first, second in combinations([each["gridPos"] for each in panels], 2):
        apart = (
            first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"],
            first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"],
        )
        assert any(apart), (first, second)


def test_every_dashboard_panel_has_a_description_and_uses_the_selected_data_source():
    for panel in dashboard()["panels"]:
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert {each["datasource"]["uid"] for each in panel["targets"]} == {"${datasource}"}
