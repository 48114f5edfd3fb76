"""``Authority``: creates TLS certificates and their authority for tests, with openssl."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority, and a certificate for this host: ``tls.crt`` and ``tls.key``."""

    folder: Path

    @classmethod
    def create(cls, openssl: str, folder: Path) -> Authority:
        """Create the certificate authority and the server certificate in *folder*."""
        folder.mkdir()

        def run(*arguments: str) -> None:
            subprocess.run([openssl, *arguments], cwd=folder, capture_output=True, check=True)

        run("req", "-x509", *_NEW_KEY, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Test")
        run("req", *_NEW_KEY, "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=localhost")
        (folder / "names").write_text(_NAMES)
        run(
            *("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key"),
            *("-CAcreateserial", "-extfile", "names", "-out", "tls.crt"),
        )
        return cls(folder)

    @property
    def certificate(self) -> Path:
        """The path of the certificate of the authority."""
        return self.folder / "ca.crt"

    def context(self, *, asks_client: bool = False) -> ssl.SSLContext:
        """Return the TLS settings of a server, which can require client certificates."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "tls.crt", self.folder / "tls.key")
        if asks_client:
            context.load_verify_locations(self.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context
