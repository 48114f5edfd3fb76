"""Runs a real Prometheus with the example alert rules."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from support.served import EXAMPLES
from support.servers.real_program import free_address, running
from support.serving.raw_http import HANGS_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = EXAMPLES / "monitoring" / "rules.yaml"


@dataclass(frozen=True)
class Prometheus:
    """A client for the API of a running Prometheus."""

    address: str

    def ask(self, path: str, **query: str) -> Any:
        """Return the data of an API response of Prometheus."""
        connection = HTTPConnection(self.address, timeout=HANGS_S)
        connection.request("GET", f"/api/v1/{path}?{urlencode(query)}")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expression: str) -> list[float]:
        """Return the current values of a PromQL expression."""
        found = self.ask("query", query=expression)["result"]
        return [float(each["value"][1]) for each in found]


@contextmanager
def prometheus(program: Path, folder: Path, target: str) -> Iterator[Prometheus]:
    """Run Prometheus and scrape *target* every second until the ``with`` block ends."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {
                "job_name": "reconciler",
                "static_configs": [
                    {"targets": [target], "labels": {"namespace": "memory-reconciler"}}
                ],
            }
        ],
    }
    path = folder / "prometheus.json"
    path.write_text(json.dumps(config))
    address = free_address()
    command = (
        program,
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    )
    with running(*command, ready="Server is ready"):
        yield Prometheus(address)
