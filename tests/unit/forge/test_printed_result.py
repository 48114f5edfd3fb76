"""``reconciler comment -o`` prints a result for a CI job instead of sending it to a Git host."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.main import main

GOLDEN = Path(__file__).parents[2] / "golden"
PLAN, REPORT = GOLDEN / "plan-paced.json", GOLDEN / "run.json"


def outputs(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_github_actions_outputs_of_a_plan_contain_the_digest_and_the_numbers_of_changes(capsys):
    assert main(["comment", str(PLAN), "-o", "github-output"]) == 0
    found = outputs(capsys.readouterr().out)
    assert found["digest"].startswith("sha256:")
    del found["digest"]
    assert found == {"changes": "8", "live": "3", "restart": "2", "blocked": "0"}


def test_github_actions_outputs_of_a_run_report_contain_the_numbers_of_results(capsys):
    assert main(["comment", str(REPORT), "-o", "github-output"]) == 0
    found = outputs(capsys.readouterr().out)
    del found["digest"]
    assert found == {"done": "3", "failed": "1", "stale": "1", "held": "3", "running": "1"}


@pytest.mark.parametrize(
    ("path", "start"), [(PLAN, "**3 VMs change live"), (REPORT, "**1 approved action went stale")]
)
def test_printed_markdown_starts_with_the_same_summary_as_the_pull_request_comment(
    path, start, capsys
):
    assert main(["comment", str(path), "-o", "markdown", "--cluster-name", "east"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(start)
    assert "cluster <code>east</code>" in first


def test_comment_command_prints_the_log_of_a_run_that_failed_without_a_plan(tmp_path, capsys):
    log = tmp_path / "plan.log"
    log.write_text("error: the cluster does not answer\n", encoding="utf-8")
    missing = [str(tmp_path / "plan.json"), "--log", str(log), "--cluster-name", "east"]
    assert main(["comment", *missing, "-o", "markdown"]) == 0
    assert "the cluster does not answer" in capsys.readouterr().out
    assert main(["comment", *missing, "-o", "github-output"]) == 0
    assert capsys.readouterr().out == ""


def test_comment_command_without_a_result_file_requires_a_log_file(tmp_path, capsys):
    missing = str(tmp_path / "plan.json")
    assert main(["comment", missing, "-o", "markdown"]) == 64
    assert "set --log" in capsys.readouterr().err
