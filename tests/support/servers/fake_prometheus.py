"""``FakePrometheus``: serves the query API of Prometheus with alerts that a test sets."""

from __future__ import annotations

from typing import Any

from support.servers.fake_server import FakeServer


class FakePrometheus(FakeServer):
    """Responds to each query with the alerts that ``alerts`` has for the query string."""

    def __init__(self, **options: Any) -> None:
        super().__init__(self._result, **options)
        self.alerts: dict[str, list[dict[str, str]]] = {}
        """The labels of the firing alerts, keyed by the alert name in the query."""
        self.status, self.body = 200, None
        """The status and the body of every response; a body of None stands for the alerts."""

    @property
    def queries(self) -> list[str]:
        return [each.query["query"] for each in self.requests]

    def fire(self, name: str, **labels: str) -> None:
        self.alerts.setdefault(name, []).append({"alertname": name, **labels})

    def _result(self, received) -> tuple[int, dict[str, str], object]:
        query = received.query.get("query", "")
        found = [each for name, alerts in self.alerts.items() if name in query for each in alerts]
        result = [
            {
                "metric": {"__name__": "ALERTS", "alertstate": "firing", **each},
                "value": [1772443800, "1"],
            }
            for each in found
        ]
        data = {"resultType": "vector", "result": result}
        answer = {"status": "success", "data": data} if self.body is None else self.body
        return self.status, {}, answer
