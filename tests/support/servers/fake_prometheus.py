"""``FakePrometheus``: a server with the query API of Prometheus, and alerts of a test."""

from __future__ import annotations

from typing import Any

from support.servers.fake_server import FakeServer


class FakePrometheus(FakeServer):
    """Answers each query with the alerts of its ``alerts``, by the query's text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(self._result, **options)
        self.alerts: dict[str, list[dict[str, str]]] = {}
        """The labels of the firing alerts, by the name of the alert in the query."""
        self.status, self.body = 200, None
        """The status of every answer, and its body; None for the alerts."""

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
