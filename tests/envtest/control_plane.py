"""Runs etcd and kube-apiserver on loopback, with a temporary certificate and token.

The flags are those of controller-runtime's envtest, with two simplifications: the key of one
self-signed certificate serves TLS and signs service accounts' tokens, and the administrator has
a static token.

Source: controller-runtime v0.24 pkg/internal/testing/controlplane (etcd.go, apiserver.go).
"""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "127.0.0.1"
START_S = 90.0
STOP_S = 20.0
_POLL_S = 0.1
_LOG_TAIL = 4000


class ControlPlaneError(Exception):
    """The control plane cannot start; the message has the cause and the end of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """The ports, paths and credentials of one control plane, before it is started."""

    assets: Path
    """The directory with the programs etcd and kube-apiserver."""
    folder: Path
    """The directory for data, credentials and logs, which only its owner can read."""
    token: str
    etcd_port: int
    peer_port: int
    port: int

    @classmethod
    def on_free_ports(cls, assets: Path, folder: Path) -> ControlPlane:
        """Return a control plane with three free ports and a new token."""
        etcd_port, peer_port, port = free_ports(3)
        return cls(
            assets=assets,
            folder=folder,
            token=secrets.token_urlsafe(24),
            etcd_port=etcd_port,
            peer_port=peer_port,
            port=port,
        )

    @property
    def etcd_url(self) -> str:
        return f"http://{HOST}:{self.etcd_port}"

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.folder / "apiserver.crt"

    @property
    def key(self) -> Path:
        return self.folder / "apiserver.key"

    @property
    def token_file(self) -> Path:
        return self.folder / "tokens.csv"

    def etcd_command(self) -> list[str]:
        return [
            str(self.assets / "etcd"),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={self.etcd_url}",
            f"--advertise-client-urls={self.etcd_url}",
            f"--listen-peer-urls=http://{HOST}:{self.peer_port}",
            "--unsafe-no-fsync=true",
        ]

    def apiserver_command(self) -> list[str]:
        return [
            str(self.assets / "kube-apiserver"),
            f"--etcd-servers={self.etcd_url}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder}",
            f"--tls-cert-file={self.certificate}",
            f"--tls-private-key-file={self.key}",
            f"--token-auth-file={self.token_file}",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={self.url}/",
            f"--service-account-key-file={self.certificate}",
            f"--service-account-signing-key-file={self.key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            # No controller creates the default service account that this plugin needs.
            "--disable-admission-plugins=ServiceAccount",
        ]

    def certificate_command(self) -> list[str]:
        return [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days=2",
            f"-subj=/CN={HOST}",
            f"-addext=subjectAltName=IP:{HOST}",
            "-addext=keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign",
            f"-keyout={self.key}",
            f"-out={self.certificate}",
        ]

    def tokens(self) -> str:
        """Return the content of the token file: token, user, uid and groups."""
        return f'{self.token},envtest-admin,envtest-admin,"system:masters"\n'

    def kubeconfig(self) -> str:
        """Return the administrator's kubeconfig as JSON, which is valid YAML."""
        name = "envtest"
        cluster = {"server": self.url, "certificate-authority": str(self.certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": self.token}}],
        }
        return json.dumps(config, indent=1)


@contextmanager
def started(plane: ControlPlane) -> Iterator[Path]:
    """Run a control plane and yield the path of its kubeconfig.

    The API server is stopped before etcd.

    Raises:
        ControlPlaneError: A program is missing, exits, or is not ready in time.
    """
    for program in ("etcd", "kube-apiserver"):
        if not (plane.assets / program).is_file():
            raise ControlPlaneError(
                f"KUBEBUILDER_ASSETS is {plane.assets}, which has no {program}"
            )
    _write_credentials(plane)
    kubeconfig = plane.folder / "kubeconfig"
    _write_private(kubeconfig, plane.kubeconfig())
    trust = ssl.create_default_context(cafile=str(plane.certificate))
    with ExitStack() as stack:
        stack.enter_context(
            running(
                plane.etcd_command(),
                plane.folder / "etcd.log",
                lambda: answers(f"{plane.etcd_url}/health"),
            )
        )
        stack.enter_context(
            running(
                plane.apiserver_command(),
                plane.folder / "kube-apiserver.log",
                lambda: answers(f"{plane.url}/readyz", plane.token, trust),
            )
        )
        yield kubeconfig


@contextmanager
def running(
    command: list[str], log: Path, ready: Callable[[], bool], start_s: float = START_S
) -> Iterator[None]:
    """Run a program until the end of the block, and write its output to the file *log*.

    Raises:
        ControlPlaneError: The program exits, or is not *ready* within *start_s* seconds.
    """
    with log.open("wb") as output:
        # In its own session, so that Ctrl-C stops pytest first, which then stops the program.
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _await(process, command[0], log, ready, start_s)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str, token: str = "", trust: ssl.SSLContext | None = None) -> bool:
    """Return whether a URL responds with status 200 to a request without a proxy."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)]
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=5) as response:
            return response.status == 200
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """Return *count* different loopback ports on which no process listens now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _write_credentials(plane: ControlPlane) -> None:
    done = subprocess.run(plane.certificate_command(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ControlPlaneError(f"openssl did not create a certificate: {done.stderr.strip()}")
    plane.key.chmod(0o600)
    _write_private(plane.token_file, plane.tokens())


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _await(
    process: subprocess.Popen[bytes],
    program: str,
    log: Path,
    ready: Callable[[], bool],
    start_s: float,
) -> None:
    deadline = time.monotonic() + start_s
    while not ready():
        if process.poll() is not None:
            raise ControlPlaneError(f"{program} ended with {process.returncode}:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise ControlPlaneError(f"{program} is not ready after {start_s} s:\n{_tail(log)}")
        time.sleep(_POLL_S)


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
