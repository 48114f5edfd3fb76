"""``AlertReader``: queries Prometheus for the selected alerts that are firing."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from reconciler import __version__
from reconciler.errors import UsageError
from reconciler.prometheus.alert_query import AnswerError, error_of, firing_alerts, query_of
from reconciler.web.connection_pool import connection_pool
from reconciler.web.exchange import ExchangeError, HttpRequest, exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reconciler.model.alerts.alert_matcher import AlertMatcher
    from reconciler.ports import Clock
    from reconciler.prometheus.mounted_access import PrometheusAccess
    from reconciler.web.connection_pool import Pool

_CONNECT_S, _READ_S = 3.0, 5.0
_MOST_S = 5.0
_MOST_BYTES = 4 * 1024 * 1024
_HINTS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the files in the --prometheus-credentials directory",
    HTTPStatus.FORBIDDEN: "give the credentials permission to query Prometheus",
    HTTPStatus.NOT_FOUND: "check the path of --prometheus-url; reconciler appends /api/v1/query",
}


class AlertsUnreadableError(Exception):
    """The firing alerts cannot be read from Prometheus; the message explains why."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NoPrometheusUrlError(AlertsUnreadableError):
    """Neither an option nor a file in the credentials directory sets the URL of Prometheus."""


class AlertSource(Protocol):
    """Reads the firing alerts; implemented by ``AlertReader``."""

    def firing(self, matchers: Iterable[AlertMatcher]) -> tuple[str, ...]:
        """Return the firing alerts that the matchers select.

        Raises:
            AlertsUnreadableError: The alerts cannot be read.
        """
        ...


class AlertReader:
    """Reads the firing alerts from Prometheus, with one query for each alert matcher.

    Args:
        access: Reads the current URL and credentials of Prometheus; called before each poll.
        clock: Measures the time.
    """

    def __init__(self, access: Callable[[], PrometheusAccess | None], clock: Clock) -> None:
        self._access, self._clock = access, clock

    def firing(self, matchers: Iterable[AlertMatcher]) -> tuple[str, ...]:
        """Return the firing alerts that the matchers select, without duplicates.

        Raises:
            AlertsUnreadableError: The alerts cannot be read.
        """
        try:
            access = self._access()
            if access is None:
                raise NoPrometheusUrlError(
                    "the URL of Prometheus is not set",
                    hint="add the file `url` to the --prometheus-credentials directory",
                )
            pool = connection_pool(
                access.url,
                ca=access.ca,
                environ=os.environ,
                server="Prometheus",
                connect_s=_CONNECT_S,
                read_s=_READ_S,
            )
        except UsageError as error:
            raise AlertsUnreadableError(str(error), hint=error.hint) from error
        with pool:
            found = [self._one(pool, access, each) for each in matchers]
        return tuple(dict.fromkeys(alert for each in found for alert in each))

    def _one(self, pool: Pool, access: PrometheusAccess, matcher: AlertMatcher) -> tuple[str, ...]:
        query = {"query": query_of(matcher), "timeout": f"{_MOST_S:.0f}s", "limit": "100"}
        request = HttpRequest(
            method="GET",
            url=f"{access.url}/api/v1/query?{urlencode(query)}",
            headers={
                "Accept": "application/json",
                "User-Agent": f"kubevirt-memory-reconciler/{__version__}",
                **access.headers,
            },
        )
        try:
            answer = exchange(
                pool, request, clock=self._clock, most_s=_MOST_S, most_bytes=_MOST_BYTES
            )
        except ExchangeError as error:
            raise AlertsUnreadableError(
                f"cannot query Prometheus at {access.url}: {error}",
                hint="check --prometheus-url, the network and the certificates",
            ) from error
        if answer.status != HTTPStatus.OK:
            why = error_of(answer.body) or "the response contains no error message"
            raise AlertsUnreadableError(
                f"Prometheus at {access.url} returned status {answer.status}: {why}",
                hint=_HINTS.get(answer.status, ""),
            )
        try:
            return firing_alerts(answer.body)
        except AnswerError as error:
            raise AlertsUnreadableError(
                f"cannot query Prometheus at {access.url}: {error}",
                hint="check that --prometheus-url is the URL of a Prometheus server",
            ) from error
