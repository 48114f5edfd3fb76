"""Faults of the local machine end each command with a one-line error and the right exit code.

Each case runs the real command in its own process. Files such as /dev/full, and process limits,
have the same effect for root as for other users.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import yaml
from support.forked.forked_command import forked_command
from support.served import COMMAND, Ended, Git, Served, plain_environment, serving
from support.simulated import vm_yaml

UNREADABLE = Path("/proc/self/mem")
"""A regular file whose first byte no user can read, not even root."""
ASCII = {
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "ascii",
    "PYTHONUTF8": "0",
}
AT_START = frozenset(ASCII)
"""The environment variables that Python reads when it starts."""
READS = {
    "help": ("--help",),
    "version": ("--version",),
    "demo": ("demo", "--list"),
    "validate": ("validate", "--repo", "{repo}"),
    "plan": ("plan", "--repo", "{repo}", "--kubeconfig", "{kubeconfig}"),
    "plan in JSON": ("plan", "--repo", "{repo}", "--kubeconfig", "{kubeconfig}", "-o", "json"),
    "plan in Markdown": (
        *("plan", "--repo", "{repo}", "--kubeconfig", "{kubeconfig}"),
        *("-o", "markdown"),
    ),
    "status": ("status", "--repo", "{repo}", "--kubeconfig", "{kubeconfig}"),
    "watch": ("status", "--repo", "{repo}", "--kubeconfig", "{kubeconfig}", "--watch"),
    "snapshot": ("snapshot", "--kubeconfig", "{kubeconfig}"),
}
WRITES = {
    "apply": ("apply", "--yes", "--repo", "{repo}", "--kubeconfig", "{kubeconfig}"),
    "reconcile": ("reconcile", "--repo", "{repo}", "--kubeconfig", "{kubeconfig}"),
}
COMMANDS = READS | WRITES
MAIN = ("help", "plan", "apply")


def limit(kind: int, value: int) -> None:
    """Limit a resource of this process; called between fork and exec."""
    resource.setrlimit(kind, (value, value))


def limit_file_size(value: int) -> partial[None]:
    """Return the function that limits the size of each file that a process writes, in bytes."""
    return partial(limit, resource.RLIMIT_FSIZE, value)


def leave_deleted_directory(path: Path) -> None:
    path.mkdir()
    os.chdir(path)
    path.rmdir()


@dataclass(frozen=True, slots=True)
class Machine:
    """The files and the simulated cluster that the tested commands use."""

    folder: Path
    cluster: Served

    def run(
        self,
        *arguments: str,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        prepare=None,
        environment=None,
    ) -> Ended:
        """Run a command; each standard stream is a path, "closed", or a pipe by default.

        *prepare* is called in the new process. *environment* replaces variables; the value
        None removes a variable.
        """
        places = {"repo": self.folder / "repo", "here": self.folder}
        given = [each.format(kubeconfig=self.cluster.kubeconfig, **places) for each in arguments]
        variables = {**os.environ, **(environment or {})}
        streams = (stdin, stdout, stderr)
        # A fork cannot show what Python does at its start: with closed files or locales.
        at_start = (
            "closed" in streams
            or (prepare is not None and prepare.args[:1] != (resource.RLIMIT_FSIZE,))
            or not AT_START.isdisjoint(environment or ())
        )

        def prepared() -> None:
            if prepare is not None:
                prepare()
            for descriptor, place in enumerate(streams):
                if place == "closed":
                    os.close(descriptor)
                elif place:
                    flags = os.O_WRONLY | os.O_CREAT if descriptor else os.O_RDONLY
                    os.dup2(os.open(place, flags), descriptor)

        done = subprocess.run(
            [*(COMMAND if at_start else forked_command()), *given],
            env={name: each for name, each in variables.items() if each is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd=self.folder,
            preexec_fn=prepared,
        )
        return Ended(
            code=done.returncode,
            out=done.stdout.decode(),
            err=done.stderr.decode("utf-8", "replace"),
        )


@pytest.fixture
def machine(tmp_path, monkeypatch):
    plain_environment(monkeypatch)
    source = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", source)
    repo = Git(tmp_path / "repo")
    repo.commit({"vm.yaml": vm_yaml("default", "vm", "2Gi") + "# größer\n"})
    with serving(tmp_path / "kubeconfig", "hotplug") as cluster:
        yield Machine(tmp_path, cluster)


def errors(ended: Ended) -> list[str]:
    """Return the lines that report an error; fail if any other line looks like an error."""
    assert "Traceback" not in ended.err, ended.err
    assert "Exception ignored" not in ended.err, ended.err
    return [each for each in ended.err.splitlines() if each.startswith("error: ")]


@pytest.mark.parametrize(
    ("command", "stdout"),
    [*((each, "/dev/full") for each in COMMANDS), *((each, "closed") for each in MAIN)],
)
def test_unwritable_stdout_is_reported_in_one_line_before_any_cluster_write(
    command, stdout, machine
):
    report = machine.folder / "report.json"
    saves = ("--report", str(report)) if command in WRITES else ()
    ended = machine.run(*COMMANDS[command], *saves, stdout=stdout)
    assert ended.code == 1
    (line,) = errors(ended)
    assert line.startswith("error: cannot write to standard output: ")
    assert machine.cluster.writes() == []
    if saves:
        assert json.loads(report.read_text())["exit"]["code"] == 1


@pytest.mark.parametrize(
    ("command", "stderr"),
    [
        *((each, "/dev/full") for each in (*MAIN, "status", "reconcile")),
        *((each, "closed") for each in MAIN),
    ],
)
def test_unwritable_stderr_changes_neither_the_result_nor_the_exit_code(command, stderr, machine):
    ended = machine.run(*COMMANDS[command], stderr=stderr)
    assert ended.code == 0
    assert ended.out
    if command in WRITES:
        assert "Run: 1 done." in ended.out


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_command_without_any_standard_stream_fails_before_a_cluster_write(command, machine):
    ended = machine.run(*COMMANDS[command], stdin="closed", stdout="closed", stderr="closed")
    assert ended == Ended(code=1, out="", err="")
    assert machine.cluster.writes() == []


def test_report_is_written_to_stderr_if_stdout_is_full_after_the_rollout(machine):
    out = machine.folder / "out"
    planned = machine.run(*COMMANDS["plan"]).out
    ended = machine.run(
        *COMMANDS["apply"],
        stdout=str(out),
        prepare=limit_file_size(len(planned) + 100),
    )
    assert ended.code == 1
    assert errors(ended) == ["error: cannot write to standard output: File too large"]
    assert saved(ended)["outcomes"][0]["result"] == "done"


def saved(ended: Ended) -> dict:
    """Parse the JSON report that a command printed on stderr as one line."""
    (line,) = (each for each in ended.err.splitlines() if each.startswith("{"))
    return json.loads(line)


def test_report_is_written_to_stderr_if_the_disk_of_the_report_file_is_full(machine):
    """The disk becomes full during the run, because the command reserves the file at its start."""
    report = machine.folder / "report.json"
    ended = machine.run(
        *(*COMMANDS["apply"], "--report", str(report)),
        prepare=limit_file_size(500),
    )
    assert ended.code == 1
    (line,) = errors(ended)
    assert line == f"error: the --report file {report} could not be written: File too large"
    assert "Run: 1 done." in ended.out
    assert saved(ended)["outcomes"][0]["result"] == "done"
    assert not report.exists()


def test_report_of_a_run_without_writes_goes_to_stderr_if_the_report_file_cannot_be_written(
    machine,
):
    report = machine.folder / "report.json"
    ended = machine.run(
        *(*COMMANDS["apply"], "--report", str(report), "--expect-digest", "sha256:" + "0" * 64),
        prepare=limit_file_size(500),
    )
    assert ended.code == 8
    assert saved(ended)["exit"]["code"] == 8
    assert machine.cluster.writes() == []


@pytest.mark.parametrize("command", WRITES)
def test_rollout_continues_if_the_disk_of_the_trace_file_is_full(command, machine):
    ended = machine.run(*COMMANDS[command], "--trace", "/dev/full")
    assert (ended.code, len(errors(ended))) == (0, 1)
    assert "error: the --trace file is incomplete" in ended.err
    assert "Run: 1 done." in ended.out
    assert "the --trace file is incomplete" in ended.out


@pytest.mark.parametrize("command", ["plan", "snapshot"])
def test_full_disk_leaves_the_existing_output_file_unchanged(command, machine):
    path = machine.folder / "file"
    path.write_text("old")
    ended = machine.run(
        *(*COMMANDS[command], "--out", str(path)),
        prepare=limit_file_size(500),
    )
    assert ended.code == 1
    assert errors(ended) == [f"error: the --out file {path} could not be written: File too large"]
    assert path.read_text() == "old"
    assert bool(ended.out) == (command == "plan")


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--world", "window-closed"),
        ("plan", "--repo", "file://{repo}", "--kubeconfig", "{kubeconfig}"),
    ],
    ids=["demo", "clone"],
)
def test_missing_temporary_directory_is_reported_in_one_line(arguments, machine):
    """Python tests each directory by writing a file, which fails here in every directory."""
    ended = machine.run(*arguments, prepare=limit_file_size(0))
    assert ended.code == 1
    (line,) = errors(ended)
    assert line.endswith("no usable temporary directory was found")
    assert "hint: set TMPDIR to a writable directory" in ended.err


@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
def test_local_repository_is_read_without_a_temporary_directory(command, machine):
    nowhere = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), "/nowhere")
    ended = machine.run(*COMMANDS[command], environment=nowhere)
    assert (ended.code, errors(ended)) == (0, [])


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        *((each, ASCII) for each in ("plan in Markdown", "apply")),
        ("plan", {"LC_ALL": "xx_YY.UTF-9"}),
        *((each, {"HOME": None}) for each in ("plan", "apply")),
    ],
)
def test_command_succeeds_without_locale_and_home_variables(command, environment, machine):
    ended = machine.run(*COMMANDS[command], environment=environment)
    assert (ended.code, errors(ended)) == (0, [])
    if environment is ASCII:
        assert (ended.out + ended.err).isascii()


def test_non_ascii_characters_are_escaped_on_an_ascii_terminal(machine):
    (machine.folder / "vm.yaml").write_text(vm_yaml("größe", "vm", "2Gi"), encoding="utf-8")
    for form in ("json", "text"):
        ended = machine.run("validate", "-f", "vm.yaml", "-o", form, environment=ASCII)
        assert (ended.code, ended.out.isascii(), ended.err.isascii()) == (3, True, True)
        assert "gr\\u00f6\\u00dfe" in ended.out
        if form == "json":
            assert "größe" in json.dumps(ended.json, ensure_ascii=False)


@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
def test_missing_git_program_is_reported_in_one_line(command, machine):
    ended = machine.run(*COMMANDS[command], environment={"PATH": "/nowhere"})
    assert (ended.code, errors(ended)) == (1, ["error: git is not installed"])


@pytest.mark.parametrize("command", ["validate", "apply"])
def test_deleted_working_directory_is_reported_in_one_line(command, machine):
    arguments = [each for each in COMMANDS[command] if each not in ("--repo", "{repo}")]
    gone = partial(leave_deleted_directory, machine.folder / "gone")
    ended = machine.run(*arguments, prepare=gone)
    assert ended.code == 1
    assert errors(ended) == ["error: the working directory no longer exists"]


def test_closed_standard_input_is_reported_in_one_line(machine):
    ended = machine.run("validate", "-f", "-", stdin="closed")
    assert ended.code == 1
    assert errors(ended) == ["error: stdin cannot be read: Bad file descriptor"]


@pytest.mark.parametrize(("command", "most"), [("plan", 6), ("apply", 12)])
def test_command_with_few_file_descriptors_prints_at_most_one_line_of_errors(
    command, most, machine
):
    ended = machine.run(*COMMANDS[command], prepare=partial(limit, resource.RLIMIT_NOFILE, most))
    assert (ended.code, len(errors(ended))) in [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("validate", "-f", "{file}"), "{file}"),
        (("validate", "-f", "{here}/repo/vm.yaml", "--config", "{file}"), "{file}"),
        (("plan", "--repo", "{repo}", "--snapshot", "{file}"), "the snapshot {file}"),
        (("apply", "--plan", "{file}", "--repo", "{repo}"), "the plan file {file}"),
        (("snapshot", "--kubeconfig", "{file}"), "the kubeconfig {file}"),
        (("snapshot", "--kubeconfig", "{here}/token"), "{here}/token"),
        (("snapshot", "--kubeconfig", "{here}/authority"), "{here}/authority"),
    ],
    ids=["manifest", "Config", "snapshot", "plan", "kubeconfig", "token", "authority"],
)
def test_unreadable_file_is_reported_in_one_line_with_its_name(arguments, says, machine):
    for name, part, key in (
        ("token", "users", "tokenFile"),
        ("authority", "clusters", "certificate-authority"),
    ):
        document = yaml.safe_load(machine.cluster.kubeconfig.read_text())
        entry = document[part][0][part[:-1]]
        entry.pop("token", None)
        entry[key] = str(UNREADABLE)
        server = document["clusters"][0]["cluster"]
        server["server"] = server["server"].replace("http://", "https://")
        (machine.folder / name).write_text(yaml.safe_dump(document))
    places = {"file": UNREADABLE, "here": machine.folder, "repo": "{repo}"}
    ended = machine.run(*(each.format(**places) for each in arguments))
    assert ended.code == 1
    (line,) = errors(ended)
    assert says.format(**places) in line


@pytest.mark.parametrize("folder", ["{here}/file", "/proc/nowhere"])
def test_unusable_cache_directory_causes_only_a_warning(folder, machine):
    (machine.folder / "file").write_text("")
    ended = machine.run(*COMMANDS["plan"], "--cache-dir", folder)
    assert (ended.code, errors(ended)) == (0, [])
    assert "warning: the cache " in ended.err


def test_world_writable_cache_directory_is_a_usage_error(machine):
    ended = machine.run(*COMMANDS["plan"], "--cache-dir", "/dev/full")
    assert ended.code == 64
    (line,) = errors(ended)
    assert "mode 0666" in line


def test_full_disk_of_the_cache_directory_causes_only_a_warning(machine):
    ended = machine.run(
        *(*COMMANDS["plan"], "--cache-dir", "{here}/cache"),
        prepare=limit_file_size(600),
    )
    assert (ended.code, errors(ended)) == (0, [])
    assert "warning: the cache " in ended.err
