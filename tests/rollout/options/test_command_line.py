"""Behavior that all commands share: options, help, verbosity, and output errors."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.served import COMMAND
from support.simulated import vm_yaml

ASK_2GI = vm_yaml("default", "vm", "2Gi")
COMMANDS = (
    *("demo", "plan", "apply", "reconcile"),
    *("status", "validate", "snapshot", "cluster"),
)


@pytest.mark.parametrize("value", ["-o=json", "-ojson", "--output=json"])
def test_short_option_accepts_an_equals_sign_before_its_value(value, git, command):
    git.commit({"vm.yaml": ASK_2GI})
    assert command("validate", "--repo", git, value).json["kind"] == "Validation"


def test_command_without_arguments_prints_help_and_succeeds(command):
    ended = command()
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == command("--help").out
    summaries = ended.out.partition("Commands:")[2]
    assert "..." not in summaries, "no summary is truncated"


@pytest.mark.parametrize("name", [r"\w+", *COMMANDS])
def test_command_help_ends_with_two_examples(name, command):
    of_command = (name,) if name in COMMANDS else ()
    examples = command(*of_command, "--help").out.partition("Examples:")[2]
    assert len(re.findall(rf"^  reconciler {name}\b", examples, re.MULTILINE)) == 2


def test_commands_read_the_repository_of_the_working_directory_by_default(
    git, command, monkeypatch
):
    git.commit({"deep/vm.yaml": ASK_2GI})
    monkeypatch.chdir(git.path / "deep")
    assert command("validate").out.startswith("Valid: 1 VirtualMachine")


def test_bare_repository_is_used_by_default_only_if_it_is_the_working_directory(
    git, command, monkeypatch, tmp_path
):
    git.commit({"vm.yaml": ASK_2GI})
    bare = tmp_path / "bare"
    subprocess.run(("git", "clone", "-q", "--bare", git.path, bare), check=True)
    monkeypatch.chdir(bare)
    assert command("validate").out.startswith("Valid: 1 VirtualMachine")
    monkeypatch.chdir(bare / "refs")
    assert command("validate").code == 64


def test_command_outside_a_repository_requires_a_source_option(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ended = command("validate")
    assert (ended.code, "no source for the desired state is set" in ended.err) == (64, True)


def test_validate_ignores_the_output_format_variable_if_only_plan_supports_the_format(
    git, command, monkeypatch
):
    monkeypatch.setenv("RECONCILER_OUTPUT", "markdown")
    git.commit({"vm.yaml": ASK_2GI})
    assert command("validate", "--repo", git).code == 0
    monkeypatch.setenv("RECONCILER_OUTPUT", "nonsense")
    assert command("validate", "--repo", git).code == 64


def test_validate_uses_the_output_format_variable_even_if_status_does_not_support_the_format(
    git, command, monkeypatch
):
    monkeypatch.setenv("RECONCILER_OUTPUT", "sarif")
    git.commit({"vm.yaml": ASK_2GI})
    assert command("validate", "--repo", git).json["version"] == "2.1.0"
    assert "is not one of" not in command("status", "--repo", git).err


def test_verbose_option_given_twice_logs_api_requests(git, serve, command):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = serve("hotplug")
    once, twice = (command("plan", "--repo", git, flag, on=cluster).err for flag in ("-v", "-vv"))
    line = re.compile(
        r"^debug: GET /apis/kubevirt.io/v1/kubevirts: 200 in \d+\.\d{3} s$", re.MULTILINE
    )
    assert not line.search(once)
    assert line.search(twice)


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "-f", "{vms}", "-o", "json"]])
def test_full_disk_while_writing_to_stdout_is_reported_in_one_line(arguments, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "vm.yaml").write_text(ASK_2GI)
    given = [each.format(vms=tmp_path / "vm.yaml") for each in arguments]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, *given], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    expected = (
        "error: cannot write to standard output: No space left on device\n"
        "  hint: free disk space, or redirect standard output to another file\n"
    )
    assert (ended.returncode, ended.stderr) == (1, expected)


def test_closed_output_pipe_is_reported_in_one_line(tmp_path):
    (tmp_path / "vm.yaml").write_text("".join(vm_yaml("a", f"vm-{n}", "2GB") for n in range(100)))
    with subprocess.Popen(
        [*COMMAND, "validate", "-f", str(tmp_path / "vm.yaml")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as started:  # fmt: skip
        assert started.stdout
        started.stdout.close()
        assert started.stderr
        assert started.stderr.read() == "error: cannot write to standard output: Broken pipe\n"
    assert started.returncode == 1


@pytest.mark.parametrize("way", ["flag", "environment"])
def test_error_about_a_missing_kubeconfig_contains_its_path(way, git, command, monkeypatch):
    git.commit({"vm.yaml": ASK_2GI})
    flags = ["--kubeconfig", "/no/such/file"] if way == "flag" else []
    if way == "environment":
        monkeypatch.setenv("KUBECONFIG", "/no/such/file")
    ended = command("plan", "--repo", git, *flags)
    assert (ended.code, "the kubeconfig /no/such/file" in ended.err) == (64, True)


@pytest.mark.parametrize("flags", [[], ["-o", "json"]], ids=["no output option", "-o json"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("plan", "Plan"), ("apply", "RunReport"), ("reconcile", "RunReport")),
        *(("status", "Status"), ("validate", "Validation")),
    ],
)
def test_json_log_format_option_also_prints_the_stdout_result_as_one_line_of_json(
    name, kind, flags, git, serve, command
):
    git.commit({"vm.yaml": ASK_2GI})
    cluster = None if name == "validate" else serve("hotplug")
    flags = [*flags, "--log-format", "json", *(["--yes"] if name == "apply" else [])]
    ended = command(name, "--repo", git, *flags, on=cluster)
    assert ended.out.count("\n") == 1
    assert ended.json["kind"] == kind


def test_text_output_option_can_be_combined_with_the_json_log_format(git, command):
    git.commit({"vm.yaml": ASK_2GI})
    ended = command("validate", "--repo", git, "--log-format", "json", "-o", "text")
    assert ended.out == "Valid: 1 VirtualMachine\n"


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (
            "plan -o xml",
            {},
            "'xml' is not one of 'text', 'json', 'markdown', 'html', 'sarif', 'github', 'gitlab'",
        ),
        ("demo --time-scale x", {}, "'--time-scale': expected a number"),
        ("demo --time-scale 0", {}, "'--time-scale': the smallest value is 1"),
        ("cluster --world a --kubeconfig b --port x", {}, "'--port': expected a whole number"),
        ("cluster --world a --kubeconfig b --port 99999", {}, "the largest value is 65535"),
        ("demo extra", {}, "unexpected argument: extra"),
        ("plan", {"RECONCILER_WORKING_TREE": "x"}, "expected true or false"),
        ("plan", {"RECONCILER_LOG_FORMAT": "x"}, "'x' is not one of 'text', 'json'"),
    ],
)
def test_invalid_option_value_is_reported_without_library_jargon(
    arguments, variables, says, command, monkeypatch
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ended = command(*arguments.split())
    message = ended.err.splitlines()[0]
    assert (ended.code, message.endswith(says)) == (64, True), message
    assert "Input should" not in message
    assert "Value error" not in message


def test_forced_colors_are_printed_even_without_a_terminal(git, command, monkeypatch):
    git.commit({"vm.yaml": vm_yaml("default", "vm", "2GB")})
    assert "\x1b[" not in command("validate", "--repo", git).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[31merror[bad-quantity]" in command("validate", "--repo", git).out
