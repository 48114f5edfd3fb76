"""Tests that the simulated GitHub runner behaves like GitHub's and rejects unknown syntax."""

from __future__ import annotations

import pytest
from support.actions_runner.expressions import ExpressionError
from support.actions_runner.file_commands import FileCommandError, assignments
from support.actions_runner.runner import Result, Runner
from support.actions_runner.syntax import UnsupportedError
from support.actions_runner.workflow_commands import Command, executed


@pytest.fixture
def runner(tmp_path):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return Runner(workspace, tmp_path / "temp", {"run_id": "17", "token": "job-token"})


@pytest.fixture
def action(runner, tmp_path):
    """Return a function that runs a composite action with the given lines in its action.yml."""

    def run(text: str, **inputs: str) -> Result:
        folder = tmp_path / "action"
        folder.mkdir(exist_ok=True)
        (folder / "action.yml").write_text(f"name: n\ndescription: d\n{text}", encoding="utf-8")
        return runner.action(folder, {name.replace("_", "-"): v for name, v in inputs.items()})

    return run


def steps(text: str) -> str:
    return "runs:\n  using: composite\n  steps:\n" + "".join(
        f"    {line}\n" for line in text.strip("\n").split("\n")
    )


@pytest.fixture
def job(runner, tmp_path):
    """Return a function that runs a workflow job named ``main`` with the given lines."""

    def run(text: str, needs=None) -> Result:
        path = tmp_path / "workflow.yml"
        lines = "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))
        path.write_text(f"on: push\njobs:\n  main:\n    runs-on: x\n{lines}", encoding="utf-8")
        return runner.job(path, "main", needs)

    return run


def test_simulated_github_action_has_the_inputs_defaults_and_outputs_of_its_file(action):
    result = action(
        "inputs:\n  a: {description: a, default: '${{ github.token }}'}\n"
        "  b-c: {description: b}\n  d: {description: d, required: true}\n"
        "outputs:\n  all: {description: all, value: '${{ steps.x.outputs.all }}!'}\n"
        + steps("""
- id: x
  shell: bash
  env: {A: '${{ inputs.a }}', B: '${{ inputs.b-c }}', D: '${{ inputs.d }}'}
  run: echo "all=$A,$B,$D" >> "$GITHUB_OUTPUT"
"""),
        d="given",
    )
    assert result == Result("success", {"all": "job-token,,given!"})


def test_composite_action_skips_steps_after_a_failure_unless_they_always_run(action, runner):
    result = action(
        steps("""
- {shell: bash, run: exit 3, id: bad}
- {shell: bash, run: echo never}
- {shell: bash, run: 'echo "cleanup after $OUTCOME"', if: always(),
   env: {OUTCOME: '${{ steps.bad.outcome }}'}}
- {shell: bash, run: echo repaired, if: failure()}
""")
    )
    assert result.outcome == "failure"
    assert runner.log == "cleanup after failure\nrepaired\n"


def test_failed_step_with_continue_on_error_does_not_fail_the_action(action, runner):
    result = action(
        steps("""
- {shell: bash, run: exit 1, id: x, continue-on-error: true}
- {shell: bash, run: 'echo "$A"', env: {A: '${{ steps.x.outcome }} ${{ steps.x.conclusion }}'}}
""")
    )
    assert (result.outcome, runner.log) == ("success", "failure success\n")


def test_bash_script_of_a_step_stops_at_the_first_failed_command_even_inside_a_pipeline(
    action, runner
):
    assert action(steps("- {shell: bash, run: 'false | true; echo on'}")).outcome == "failure"
    assert runner.log == ""


def test_simulated_github_runner_passes_variables_paths_and_summaries_to_later_steps(
    action, runner, tmp_path
):
    tool = tmp_path / "tools" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho found $X\n")
    tool.chmod(0o755)
    result = action(
        steps(f"""
- shell: bash
  run: |
    echo "X=1" >> "$GITHUB_ENV"
    echo {tool.parent} >> "$GITHUB_PATH"
    echo "# first" >> "$GITHUB_STEP_SUMMARY"
- {{shell: bash, run: 'tool; echo second >> "$GITHUB_STEP_SUMMARY"'}}
""")
    )
    assert result.outcome == "success", runner.log
    assert runner.log == "found 1\n"
    assert runner.summary == "# first\nsecond\n"


def test_malformed_github_output_file_fails_the_step_that_wrote_the_file(action, runner):
    result = action(steps("""- {shell: bash, run: 'echo "no value" >> "$GITHUB_OUTPUT"'}"""))
    assert result.outcome == "failure"
    assert "invalid format 'no value'" in runner.log


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1\n\nb=x=y<<z\n", {"a": "1", "b": "x=y<<z"}),
        ("a<<END\none\ntwo=2\nEND\nb=\n", {"a": "one\ntwo=2", "b": ""}),
    ],
)
def test_github_output_file_can_contain_single_line_and_delimited_multiline_values(
    text, expected, tmp_path
):
    path = tmp_path / "output"
    path.write_text(text)
    assert assignments(path) == expected


@pytest.mark.parametrize("text", ["a<<END\none\n", "nothing\n", "=1\n"])
def test_github_output_file_with_an_unsupported_format_is_an_error(text, tmp_path):
    path = tmp_path / "output"
    path.write_text(text)
    with pytest.raises(FileCommandError):
        assignments(path)


def test_github_log_parser_finds_workflow_commands_except_while_commands_are_disabled():
    log = (
        "::error file=a%2Cb,line=3::bad%0Athing\n ::notice::n\n::stop-commands::abc\n"
        "::error::x\n##[error]y\n::abc::\ntext ::error::z\ntext ##[warning]w\n"
    )
    assert executed(log) == [
        Command("error", "bad\nthing", {"file": "a,b", "line": "3"}),
        Command("notice", "n"),
        Command("stop-commands", "abc"),
        Command("resume"),
        Command("warning", "w"),
    ]


def test_workflow_job_receives_secrets_variables_and_the_outputs_of_earlier_jobs(job, runner):
    runner.secrets, runner.variables = {"KEY": "s3cret"}, {"V": "v"}
    result = job(
        """
needs: before
if: needs.before.outputs.go == 'yes'
env: {V: '${{ vars.V }}'}
outputs: {out: '${{ steps.x.outputs.o }}'}
steps:
  - id: x
    env: {KEY: '${{ secrets.KEY }}'}
    run: echo "o=$V-$KEY" >> "$GITHUB_OUTPUT"
""",
        {"before": Result("success", {"go": "yes"})},
    )
    assert result == Result("success", {"out": "v-s3cret"})
    assert job("if: github.event_name == 'schedule'\nsteps: []").outcome == "skipped"


def test_composite_action_receives_no_secrets(action):
    with pytest.raises(ExpressionError, match="secrets"):
        action(steps("- {shell: bash, run: 'true', env: {A: '${{ secrets.KEY }}'}}"))


def test_artifact_that_a_workflow_job_uploads_is_downloaded_by_a_later_job(job, runner):
    (runner.workspace / "plan.json").write_text("{}")
    upload = "uses: actions/upload-artifact@1\n    with: {name: plan, path: plan.json}"
    assert job(f"steps:\n  - {upload}").outcome == "success", runner.log
    download = "uses: actions/download-artifact@1\n    with: {name: plan, path: got"
    assert job(f"steps:\n  - {download}}}").outcome == "success", runner.log
    assert (runner.workspace / "got" / "plan.json").read_text() == "{}"
    assert job(f"steps:\n  - {download}, run-id: 16}}").outcome == "failure"


def test_uploaded_artifact_replaces_an_artifact_of_the_same_name_only_if_overwrite_is_set(
    job, runner
):
    upload = "uses: actions/upload-artifact@1\n    with: {name: plan, path: plan.json"
    for text, option, outcome in (
        ("1", "", "success"),
        ("2", "", "failure"),
        ("3", ", overwrite: true", "success"),
    ):
        (runner.workspace / "plan.json").write_text(text)
        assert job(f"steps:\n  - {upload}{option}}}").outcome == outcome, runner.log
    download = "uses: actions/download-artifact@1\n    with: {name: plan, path: got}"
    assert job(f"steps:\n  - {download}").outcome == "success", runner.log
    assert (runner.workspace / "got" / "plan.json").read_text() == "3"


@pytest.mark.parametrize(
    "text",
    [
        "runs: {using: node24, main: index.js}\n",
        "branding: {icon: x}\n" + steps("- {shell: bash, run: 'true'}"),
        "inputs: {a: {description: a, type: choice}}\n" + steps("- {shell: bash, run: 'true'}"),
        steps("- {run: 'true'}"),
        steps("- {shell: pwsh, run: 'true'}"),
        steps("- {shell: bash, run: 'true', timeout-minutes: 1}"),
        steps("- {shell: bash, run: 'true', uses: actions/checkout@1}"),
        steps("- {shell: bash, run: 'true', with: {a: 1}}"),
        steps("- {uses: someone/unknown@1}"),
        steps("- {uses: actions/setup-python@1, with: {cache: pip}}"),
        steps("- {shell: bash, run: 'true', env: {A: [1]}}"),
        steps("- {name: nothing}"),
    ],
)
def test_github_action_with_unsupported_syntax_is_an_error(action, text):
    with pytest.raises(UnsupportedError):
        action(text)


def test_github_action_rejects_unknown_and_missing_inputs(action):
    wanted = "inputs: {a: {description: a, required: true}}\n"
    with pytest.raises(UnsupportedError, match="needs the input a"):
        action(wanted + steps("- {shell: bash, run: 'true'}"))
    with pytest.raises(UnsupportedError, match=r"no input \['b'\]"):
        action(wanted + steps("- {shell: bash, run: 'true'}"), a="1", b="2")


def test_workflow_job_with_unsupported_keys_is_an_error(job):
    with pytest.raises(UnsupportedError):
        job("strategy: {matrix: {a: [1]}}\nsteps: []")
