"""Tests that benchmark fleets are reproducible, and that a small fleet passes every step."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml
from bench import figures, peers, run, table
from bench.fleet import Fleet

from reconciler.simulator.worlds import worlds

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_benchmark_generator_creates_an_identical_fleet_of_vms_for_the_same_seed():
    one, same, other = (Fleet(n_vms=200, seed=seed) for seed in (7, 7, 8))
    assert list(one.files()) == list(same.files())
    assert one.world() == same.world()
    assert list(one.finished(NOW)) == list(same.finished(NOW))
    assert one.vms != other.vms


def test_benchmark_generator_writes_each_vm_to_git_and_changes_the_memory_of_one_in_twenty():
    fleet = Fleet(n_vms=400)
    assert len(fleet.changed) == 20
    texts = [text for path, text in fleet.files() if path.startswith("vms/")]
    documents = [list(yaml.safe_load_all(text)) for text in texts]
    found = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each
        for file in documents
        for each in file
    }
    assert len(found) == 400
    assert any(len(file) > 1 for file in documents)
    for vm in fleet.vms:
        manifest = found[vm.namespace, vm.name]
        assert manifest["spec"]["template"]["spec"]["domain"]["memory"] == {
            "guest": f"{vm.wanted}Gi"
        }


def test_benchmark_manifests_differ_from_the_cluster_only_in_the_size_of_changed_vms():
    fleet = Fleet(n_vms=60)
    live = {vm["name"]: vm["spec"] for vm in fleet.world()["vms"]}
    differing = set()
    for vm in fleet.vms:
        wanted = yaml.safe_load(vm.manifest())["spec"]
        if wanted != live[vm.name]:
            differing.add(vm)
            memory = live[vm.name]["template"]["spec"]["domain"]["memory"]
            memory["guest"] = f"{vm.wanted}Gi"
        assert wanted == live[vm.name]
    assert differing == set(fleet.changed)


def test_benchmark_generator_writes_a_valid_scenario():
    world = worlds.parse(Fleet(n_vms=200).world())
    assert len(world.vms) == 200
    assert len(world.migrations) == 2


def test_benchmark_report_for_a_small_fleet_contains_every_measurement(tmp_path, capsys):
    results = tmp_path / "RESULTS.md"
    sizes = ("--vms", "40", "--plan-alone", "400", "--peers", "2")
    run.main([*sizes, "--repeat", "1", "--results", str(results)])
    text = results.read_text()
    assert capsys.readouterr().out == text
    for work in ("cold, whole", "warm cache", "CPU time", "requests", "peak memory", "`validate`"):
        assert work in text
    for work in ("`plan` of 400 VMs", "peak memory of a plan of 400 VMs", "GETs meanwhile: 0"):
        assert work in text
    for work in ("`serve`", "`apply`", "--help", "100,000", "render text", "kubectl diff", "MB/s"):
        assert work in text
    for form in ("html", "sarif"):
        assert f"CPU time of `-o {form}`" in text
        assert f"render {form}" in text
    assert str(tmp_path) not in text


def test_benchmark_ends_with_an_error_if_the_plan_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(Fleet, "changed", (), raising=False)
    with pytest.raises(SystemExit, match="not the expected one"):
        figures.of_fleet(Fleet(n_vms=40), figures.Asked(repeat=1), run.say)


@pytest.mark.parametrize(
    ("value", "least", "met"),
    [(1.5, False, True), (1.6, False, False), (1.5, True, True), (1.4, True, False)],
)
def test_benchmark_target_is_met_if_the_measured_value_equals_the_limit(value, least, met):
    row = table.Row(work="w", measured="m", value=value, limit=1.5, least=least)
    assert row.met is met
    assert row.cells()[-1] == ("yes" if met else "no")


def test_benchmark_targets_do_not_apply_to_a_fleet_below_the_specified_size():
    row = table.Row(work="w", measured="m", value=9, limit=1.5, judged=False)
    assert row.met is None
    assert row.cells()[-1] == "for 10,000"


def test_benchmark_passes_the_first_manifests_of_the_repository_to_the_compared_tools(tmp_path):
    Fleet(n_vms=30).commit(tmp_path / "repo")
    found = peers.of_repository(tmp_path / "repo", 3)
    kinds = [yaml.safe_load(each.split("---")[0])["kind"] for each in found]
    assert kinds == ["KubeVirt", "VirtualMachine", "VirtualMachine"]


def test_benchmark_reports_a_missing_measurement_as_not_measured():
    row = table.Row(work="w", measured="no option yet", limit=1.5)
    assert row.met is None
    assert row.cells()[-1] == "not measured"


def test_benchmark_memory_limit_grows_with_the_number_of_vms():
    limits = [table.memory_limit_mb(n) for n in (1000, 10_000, 100_000)]
    assert limits == [250, 250, 1200]
