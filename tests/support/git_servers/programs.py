"""Runs SSH and git:// servers by starting sshd or git daemon for each connection to a port."""

from __future__ import annotations

import getpass
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.git_servers.listener import Listener

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence


def _program(command: Sequence[str], on_connection: Callable[[], None] | None = None) -> Listener:
    """Return a server that starts *command* for each connection, as inetd does."""

    def serve(connection: socket.socket) -> None:
        if on_connection is not None:
            on_connection()
        with subprocess.Popen(
            command, stdin=connection, stdout=connection, stderr=subprocess.DEVNULL
        ) as process:
            process.wait()

    return Listener(serve)


@contextmanager
def git_daemon(root: Path) -> Iterator[Listener]:
    """Serve the Git repositories below *root* with the git:// protocol."""
    command = ("git", "daemon", "--inetd", "--export-all", f"--base-path={root}")
    with _program(command) as server:
        yield server


@dataclass(frozen=True, slots=True, kw_only=True)
class SshServer:
    """An SSH server, and the key files that its clients need."""

    port: int
    user: str
    folder: Path

    def url(self, path: Path, port: int | None = None) -> str:
        """Return the SSH URL of the repository *path*."""
        return f"ssh://{self.user}@127.0.0.1:{port or self.port}{path}"

    def known_hosts(self, port: int | None = None, key: str = "host") -> str:
        """Return the ``known_hosts`` line of this server with the public key in the file *key*."""
        kind, public, *_ = (self.folder / f"{key}.pub").read_text().split()
        return f"[127.0.0.1]:{port or self.port} {kind} {public}\n"

    def private_key(self, name: str = "client") -> str:
        """Return the private key with this name; the server accepts only the key ``client``."""
        return (self.folder / name).read_text()


@contextmanager
def ssh_server(
    sshd: str, folder: Path, on_connection: Callable[[], None] | None = None
) -> Iterator[SshServer]:
    """Start an SSH server with new keys that accepts the current user with the key ``client``."""
    folder.mkdir()
    for name in ("host", "other-host", "client", "stranger"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / name],
            check=True,
        )
    (folder / "authorized_keys").write_bytes((folder / "client.pub").read_bytes())
    settings = {
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "UsePAM": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "LogLevel": "QUIET",
    }
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists on it
    with _program((sshd, "-i", "-f", str(config)), on_connection) as server:
        yield SshServer(port=server.port, user=getpass.getuser(), folder=folder)
