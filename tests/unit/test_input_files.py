"""Input files are read only if they are regular files; ``-`` reads standard input."""

import io
import os
import socket
import sys

import pytest
from kubernetes.config import incluster_config

from reconciler import input_files
from reconciler.cli.main import main
from reconciler.cluster.api import kubeconfig
from reconciler.errors import ClusterError

OPTIONS = {
    "-f": "validate -f {file}",
    "--config": "validate -f {vm} --config {file}",
    "--snapshot of plan": "plan -f {vm} --snapshot {file}",
    "--snapshot of status": "status -f {vm} --snapshot {file}",
    "--plan": "apply -f {vm} --plan {file} --yes",
    "--kubeconfig": "plan -f {vm} --kubeconfig {file}",
    "--kubeconfig of snapshot": "snapshot --kubeconfig {file}",
    "tokenFile": "plan -f {vm} --kubeconfig {token}",
    "certificate-authority": "plan -f {vm} --kubeconfig {ca}",
    "--world": "cluster --world {file} --kubeconfig {out}",
    "--world of the demo": "demo --world {file}.yaml",
}
VM = """\
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: pg-0, namespace: db}
spec: {template: {spec: {domain: {memory: {guest: 2Gi}}}}}
"""
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "https://127.0.0.1:9"{cluster}}}}}]
users: [{{name: u, user: {{{user}}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


@pytest.fixture(params=["pipe", "socket", "device", "folder"])
def unreadable(request, tmp_path):
    """Return a pipe, socket, device or directory; a link named file.yaml leads to it."""
    file = tmp_path / "file"
    bound = None
    match request.param:
        case "pipe":
            os.mkfifo(file)
        case "socket":
            bound = socket.socket(socket.AF_UNIX)
            bound.bind(os.path.relpath(file))
        case "device":
            file.symlink_to("/dev/zero")
        case _:
            file.mkdir()
    (tmp_path / "file.yaml").symlink_to(file)
    yield file
    if bound:
        bound.close()


@pytest.mark.parametrize("option", OPTIONS)
def test_file_option_rejects_pipes_sockets_and_devices(option, unreadable, tmp_path, capsys):
    if unreadable.is_dir() and option == "-f":
        return
    (tmp_path / "vm").write_text(VM)
    authority = ", certificate-authority: file"
    (tmp_path / "token").write_text(KUBECONFIG.format(cluster="", user="tokenFile: file"))
    (tmp_path / "ca").write_text(KUBECONFIG.format(cluster=authority, user=""))
    names = {name: tmp_path / name for name in ("vm", "token", "ca", "out")}
    assert main(OPTIONS[option].format(file=unreadable, **names).split()) != 0
    printed = capsys.readouterr().err
    expected = "does not exist" if option.endswith("demo") else "not a regular file"
    assert expected in printed
    assert "Traceback" not in printed


def test_pipe_that_replaces_an_input_file_after_the_check_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    check = input_files.check

    def replaced(path):
        check(path)
        (tmp_path / "file").unlink()
        os.mkfifo(tmp_path / "file")

    monkeypatch.setattr(input_files, "check", replaced)
    with pytest.raises(OSError, match="a named pipe"):
        input_files.read(tmp_path / "file")


def replaced_after_check(monkeypatch, file):
    """Replace *file* by a symbolic link to a device as soon as its path was checked."""
    check = input_files.check

    def checked(path):
        check(path)
        if str(path) == str(file):
            file.unlink()
            file.symlink_to("/dev/null")

    monkeypatch.setattr(input_files, "check", checked)


@pytest.mark.parametrize("name", ["config", "token"])
def test_device_that_replaces_a_file_listed_in_the_kubeconfig_is_not_read(
    name, tmp_path, monkeypatch
):
    (tmp_path / "token").write_text("secret")
    (tmp_path / "config").write_text(KUBECONFIG.format(cluster="", user="tokenFile: token"))
    replaced_after_check(monkeypatch, tmp_path / name)
    with pytest.raises(ClusterError, match="a device, not a regular file"):
        kubeconfig.load(str(tmp_path / "config"), None)


@pytest.fixture
def pod(tmp_path, monkeypatch):
    """The directory with the token and the certificate of a pod's service account."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name, constant in (("token", "TOKEN"), ("ca.crt", "CERT")):
        (tmp_path / name).write_text("secret")
        monkeypatch.setattr(incluster_config, f"SERVICE_{constant}_FILENAME", str(tmp_path / name))
    return tmp_path


def test_service_account_token_and_certificate_of_a_pod_are_read(pod):
    found = kubeconfig.load(None, None)
    assert (found.host, found.ssl_ca_cert) == ("https://192.0.2.1:443", str(pod / "ca.crt"))
    assert found.api_key == {"BearerToken": "bearer secret"}


@pytest.mark.parametrize("name", ["token", "ca.crt"])
def test_device_that_replaces_a_service_account_file_is_not_read(name, pod, monkeypatch):
    replaced_after_check(monkeypatch, pod / name)
    with pytest.raises(ClusterError, match="the pod's service account cannot be used"):
        kubeconfig.load(None, None)


def test_symbolic_link_that_replaces_an_input_directory_after_the_check_is_not_followed(
    tmp_path, monkeypatch
):
    for name in ("folder/sub", "secret"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.yaml").write_text(name)
    check = input_files.check

    def replaced(path):
        check(path)
        (tmp_path / "folder" / "sub").rename(tmp_path / "moved")
        (tmp_path / "folder" / "sub").symlink_to(tmp_path / "secret")

    monkeypatch.setattr(input_files, "check", replaced)
    with pytest.raises(NotADirectoryError):
        input_files.read_inside(tmp_path / "folder", tmp_path / "folder" / "sub" / "x.yaml")


STDIN = {
    "-f": ("validate -f -", VM, "Valid: 1"),
    "--config": ("validate -f {vm} --config -", "kind: X\n", "stdin:1:"),
    "--snapshot": ("plan -f {vm} --snapshot -", "{}", "the document is not a Snapshot"),
    "--plan": ("apply -f {vm} --plan - --yes", "{}", "the file - is not a Plan"),
    "--kubeconfig": (
        "plan -f {vm} --kubeconfig -",
        KUBECONFIG.format(cluster="", user="").replace("https:", "none:"),
        "`server` in the kubeconfig - is not an http:// or https:// URL",
    ),
    "--world": ("cluster --world - --kubeconfig {vm}", "{}", "apiVersion"),
}


@pytest.mark.parametrize("option", STDIN)
def test_hyphen_as_a_file_name_reads_standard_input_for_each_file_option(
    option, tmp_path, capsys, monkeypatch
):
    arguments, text, says = STDIN[option]
    (tmp_path / "vm").write_text(VM)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    main(arguments.format(vm=tmp_path / "vm").split())
    assert says in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "arguments",
    [
        "validate -f - -f -",
        "validate -f - --config -",
        "plan -f - --snapshot -",
        "plan -f - --kubeconfig -",
        "apply -f x --plan - --kubeconfig -",
    ],
)
def test_only_one_command_line_option_can_read_standard_input(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    main(arguments.split())
    assert "only one option can read standard input, but " in capsys.readouterr().err


def test_closed_standard_input_is_reported(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["validate", "-f", "-"]) == 1
    assert "standard input is closed" in capsys.readouterr().err


def test_second_read_of_standard_input_returns_the_same_bytes(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"kind: X\n")))
    assert [input_files.read("-"), input_files.read("-")] == [b"kind: X\n"] * 2


def test_newline_at_the_end_of_a_token_file_is_not_part_of_the_token(tmp_path):
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "config").write_text(KUBECONFIG.format(cluster="", user="tokenFile: token"))
    found = kubeconfig.load(str(tmp_path / "config"), None)
    assert found.api_key == {"BearerToken": "Bearer secret"}
