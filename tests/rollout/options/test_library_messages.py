"""Errors of libraries and of git are reported without jargon, with a location and a hint.

Each case forces one failure from the command line.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from contextlib import contextmanager

import pytest
from support.served import Git
from support.simulated import vm_yaml

GOOD = vm_yaml("default", "vm", "2Gi")
DIED = "http://127.0.0.1:9"
"""The URL of a port on which no server listens; the kernel never assigns ports below 1024."""
TLS = "https://127.0.0.1:9"
LIBRARIES = (
    *("Traceback", "Warning:", "urllib3", "HTTPConnection", "Max retries", "_ssl.c", "[SSL"),
    *("Expecting value", "char 0", "recursion depth", "msgspec", "Object missing", "Expected `"),
    *("while parsing", "while scanning", "<stream end>", "Errno", "codec can't", "jsonschema"),
    *("Input should", "Value error", "stderr:", "Cmd(", "<html>"),
)
"""Words that occur in messages of libraries but must not occur in messages of the product."""
DEEP = "[" * 100_000
SNAPSHOT = {"apiVersion": "reconciler/v1alpha1", "kind": "Snapshot"}
PLAN = {"apiVersion": "reconciler/v1alpha1", "kind": "Plan", "revision": "x"}


def kubeconfig(server=DIED, user=None, **cluster):
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "u", "user": user or {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


KUBECONFIGS = {
    "an empty file": ("", "is empty or incomplete"),
    "a list": ("- a", "does not have the structure of a kubeconfig"),
    "a tab": ("a:\n\t- b", "{file}:2:1 is not valid YAML"),
    "a server without a scheme": (
        kubeconfig("127.0.0.1:9"),
        "{file} is not an http:// or https:// URL",
    ),
    "no server": (kubeconfig(""), "{file} is not an http:// or https:// URL"),
    "an impossible port": (
        kubeconfig("https://127.0.0.1:99999"),
        "is not an http:// or https:// URL",
    ),
    "another protocol": (
        kubeconfig("ftp://127.0.0.1"),
        "{file} is not an http:// or https:// URL",
    ),
    "a missing CA": (
        kubeconfig(TLS, **{"certificate-authority": "/no/ca"}),
        "file /no/ca does not",
    ),
    "a CA that is not PEM": (
        kubeconfig(TLS, **{"certificate-authority-data": "aGVsbG8="}),
        "the certificate-authority in the kubeconfig {file} is not a usable PEM file",
    ),
    "a client certificate that is not PEM": (
        kubeconfig(
            TLS,
            user={"client-certificate-data": "aGVsbG8=", "client-key-data": "aGVsbG8="},
        ),
        "the client-certificate or client-key in the kubeconfig {file} is not a usable PEM file",
    ),
    "a token with another character": (kubeconfig(user={"token": "a\u20acb"}), "an HTTP header"),
    "a proxy without a scheme": (kubeconfig(**{"proxy-url": "::x"}), "the proxy for the cluster"),
    "a SOCKS proxy": (kubeconfig(**{"proxy-url": "socks5://127.0.0.1:9"}), "the proxy for the"),
    "an unreachable proxy": (
        kubeconfig(**{"proxy-url": DIED}),
        "the connection through the proxy failed",
    ),
    "an unknown host": (kubeconfig("https://no.invalid"), "no.invalid: unknown host name"),
}
PLANS = {
    "an empty file": ("", "{file}:1:1 is not valid JSON"),
    "a truncated file": ('{"kind":', "{file}:1:9 is not valid JSON"),
    "another encoding": ('{"a": "\udcff"}', "{file} is not valid JSON: it is not text"),
    "deep nesting": (DEEP, "{file}:1:1026 is not valid JSON"),
    "a null": ("null", "it does not contain a JSON object"),
    "text instead of a list": (json.dumps(PLAN | {"objects": "x"}), "cannot be used"),
}
SNAPSHOTS = {
    "an empty file": ("", "{file} is not valid JSON, or is incomplete"),
    "another encoding": ('{"a": "\udcff"}', "{file} is not valid JSON"),
    "deep nesting": (DEEP, "{file} is not valid JSON"),
    "a list": ("[]", "it is not a JSON object"),
    "a missing field": (json.dumps(SNAPSHOT), "the field cluster is missing"),
    "another type": (json.dumps(SNAPSHOT | {"cluster": []}), "cluster: expected the type str"),
}
MANIFESTS = {
    "an open list": ("a: [1\nb: 2\n", "a list in brackets has no closing bracket"),
    "an open quote": ("a: 'b\n", "a quote is not closed"),
    "two colons": ("a: b: c\n", "a colon and a space are not allowed in this value"),
    "a tab": ("\ta: 1\n", "a tab is not allowed in the indentation"),
    "other indentation": ("a:\n   b: 1\n  c: 2\n", "the indentation differs"),
    "an unknown escape": ('a: "\\q"\n', "the escape sequence after a backslash is unknown"),
    "a second root": ("--- a\nb\n: c\n", "{file}"),
}


def plain(ended, says, file) -> None:
    """Check that *ended* reports one failure without jargon, with a location and a hint."""
    text = ended.out + ended.err
    assert ended.code not in (0, 2), text
    assert says.format(file=file) in text
    assert [each for each in LIBRARIES if each in text] == []
    assert "  hint: " in text


def written(path, text):
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return path


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("text", "says"), KUBECONFIGS.values(), ids=KUBECONFIGS.keys())
def test_unusable_kubeconfig_is_reported_without_library_jargon(
    text, says, git, command, tmp_path
):
    git.commit({"vm.yaml": GOOD})
    file = written(tmp_path / "kubeconfig", text)
    ended = command("plan", "--repo", git, "--kubeconfig", file, "--request-timeout", "500ms")
    plain(ended, says, file)


@pytest.mark.parametrize(("text", "says"), PLANS.values(), ids=PLANS.keys())
def test_invalid_plan_file_is_reported_without_library_jargon(text, says, git, command, tmp_path):
    git.commit({"vm.yaml": GOOD})
    file = written(tmp_path / "plan.json", text)
    plain(command("apply", "--repo", git, "--plan", file), says, file)


@pytest.mark.parametrize(("text", "says"), SNAPSHOTS.values(), ids=SNAPSHOTS.keys())
def test_unusable_snapshot_file_is_reported_without_library_jargon(
    text, says, git, command, tmp_path
):
    git.commit({"vm.yaml": GOOD})
    file = written(tmp_path / "live.json", text)
    plain(command("plan", "--repo", git, "--snapshot", file), says, file)


@pytest.mark.parametrize(("text", "says"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_manifest_that_is_not_yaml_is_reported_without_library_jargon(
    text, says, command, tmp_path
):
    file = written(tmp_path / "vm.yaml", f"kind: VirtualMachine\n{text}")
    plain(command("validate", "-f", file), says, file)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\xff"], ids=["not YAML", "not text"])
def test_unusable_scenario_is_reported_without_library_jargon(content, command, tmp_path):
    file = tmp_path / "world.yaml"
    file.write_bytes(content)
    ended = command("cluster", "--world", file, "--kubeconfig", tmp_path / "kubeconfig")
    plain(ended, "scenario: the file is not YAML", file)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("config", "[core\njunk", "bad config line 1"),
        ("packed-refs", "junk", "unterminated line"),
        ("HEAD", "junk", "is not a Git repository"),
    ],
)
def test_damaged_git_repository_is_reported_with_a_hint(name, content, says, command, tmp_path):
    git = Git(tmp_path / "repo")
    git.commit({"vm.yaml": GOOD})
    (git.path / ".git" / name).write_text(content)
    plain(command("validate", "--repo", git), says, git)


def test_git_repository_with_damaged_objects_is_reported_with_a_hint(command, tmp_path):
    git = Git(tmp_path / "repo")
    git.commit({"vm.yaml": GOOD})
    for file in (git.path / ".git" / "objects").glob("??/*"):
        file.chmod(0o600)
        file.write_bytes(b"junk")
    plain(command("validate", "--repo", git), "git failed in {file}", git)


@pytest.mark.parametrize("source", ["{path}", "file://{path}"])
def test_missing_git_program_is_reported_with_a_hint(source, git, command, monkeypatch):
    git.commit({"vm.yaml": GOOD})
    monkeypatch.setenv("PATH", "/nonexistent")
    ended = command("validate", "--repo", source.format(path=git))
    plain(ended, "git is not installed", git)


def test_missing_configuration_file_is_reported_with_a_hint(command, tmp_path):
    manifest = written(tmp_path / "vm.yaml", GOOD)
    ended = command("validate", "-f", manifest, "--config", tmp_path / "none")
    plain(ended, "{file} does not exist", tmp_path / "none")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file_is_reported_with_a_hint(command, tmp_path):
    file = written(tmp_path / "vm.yaml", GOOD)
    file.chmod(0)
    plain(command("validate", "-f", file), "{file} cannot be read: Permission denied", file)


@contextmanager
def answering(answer):
    """Run a server that sends the bytes *answer* on each connection and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def page(status, body, kind="text/html"):
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return (head + body).encode()


ANSWERS = {
    "a web page": (page("200 OK", "<html>"), "http", "is not a Namespace"),
    "a broken body": (page("200 OK", "{", "application/json"), "http", "is not a Namespace"),
    "a gateway": (page("502 Bad Gateway", "<html>"), "http", "the server returned 502"),
    "a redirect": (page("302 Found", ""), "http", "at {file}: Found (302)"),
    "another protocol": (b"SSH-2.0-x\r\n", "http", "the connection was interrupted"),
    "no TLS": (page("200 OK", "{}"), "https", "the TLS handshake failed"),
}


@pytest.mark.parametrize(("answer", "scheme", "says"), ANSWERS.values(), ids=ANSWERS.keys())
def test_server_that_is_not_an_api_server_is_reported_without_library_jargon(
    answer, scheme, says, git, command, tmp_path
):
    git.commit({"vm.yaml": GOOD})
    with answering(answer) as address:
        file = written(tmp_path / "kubeconfig", kubeconfig(f"{scheme}://{address}"))
        ended = command("plan", "--repo", git, "--kubeconfig", file, "--request-timeout", "1s")
    plain(ended, says, address)


def test_library_jargon_check_recognizes_an_ssl_error_message():
    with pytest.raises(ssl.SSLError) as error:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata="x")
    assert any(each in str(error.value) for each in LIBRARIES)
