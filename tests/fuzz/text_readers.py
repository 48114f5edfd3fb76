"""Fuzz targets: short strings such as quantities, durations, versions, times and selectors."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.mutation import TEXTS, mutated_text
from fuzz.reader import Reader

from reconciler.app.clock import ServerClock, SystemClock
from reconciler.app.metrics_file import time_in_file
from reconciler.cluster.api import transport
from reconciler.cluster.api.api_errors import safe_host
from reconciler.cluster.decode import decode_values
from reconciler.cluster.decode.pages import UnreadableError
from reconciler.errors import SourceError
from reconciler.model.alerts.alert_matcher import AlertMatcher, AlertMatcherError
from reconciler.model.quantity import Duration, MemoryQuantity, QuantityError
from reconciler.model.schedule import Schedule, ScheduleError
from reconciler.model.selector import Selector, SelectorError
from reconciler.model.shard import Shard, ShardError
from reconciler.plan.behaviour.versions import parse_version
from reconciler.prometheus.alert_query import AnswerError, firing_alerts, query_of
from reconciler.report.metrics import restart_wait_lines
from reconciler.report.metrics.metric_table import LAST_SUCCESS
from reconciler.rollout.tracking import checkpoint_codec
from reconciler.schema import formats
from reconciler.serve.loop import restart_wait_keeper
from reconciler.serve.notifications import reported_codec
from reconciler.source.git import repository_url
from reconciler.source.trust.repository_places import normalized
from reconciler.source.yaml import scalars

if TYPE_CHECKING:
    from collections.abc import Callable

CRONS = ("0 22 * * 1-5", "*/15 0-6 1,15 * MON", "@daily", "0 0 L * *")
ALERTS = (
    '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"alertname":"A",'
    '"b":"c"},"value":[1,"1"]}]},"warnings":[]}'
)
REPORTED = (
    '{"causes":{"0123456789abcdef":[29890000,29890001],"1123456789abcdef":[29890000,29890001,'
    '"failure","warning","not-found","VirtualMachine","a","b",1]}}'
)
CHECKPOINT = (
    '{"soak":{"digest":"a","since":"2026-11-23T00:48:52Z"},"failures":[{"kind":'
    '"VirtualMachine","namespace":"a","name":"b","uid":"c","target":"1","reason":"d",'
    '"message":"e","at":"2026-11-23T00:48:52Z"}],"starts":[{"namespace":"a","name":"b",'
    '"uid":"c","target":"1","instance":"d","at":"2026-11-23T00:48:52Z"}],"written":'
    '{"f":{"a":{"b":["1","c"]}}}}'
)
DATES = ("Mon, 23 Nov 2026 00:48:52 GMT", "Monday, 23-Nov-26 00:48:52 GMT", "Mon Nov 23 2026")
FORMATS = tuple(
    value
    for name, value in vars(formats).items()
    if callable(value)
    and not name.startswith("_")
    and getattr(value, "__module__", "") == formats.__name__
)


def _schedule(text: str) -> None:
    Schedule.parse(text, "Europe/Berlin")


def _zone(text: str) -> None:
    Schedule.parse("0 0 * * *", text)


def _date(text: str) -> None:
    """Adjust the clock to a fuzzed Date header, and compute when a maintenance window opens."""
    date = transport._date(text)
    if date is not None:
        schedule = Schedule.parse("0 22 29 2 *", "Pacific/Kiritimati")
        clock = ServerClock(SystemClock())
        clock.adjust(date, asked_at=clock.monotonic(), server="api:6443")
        str(clock.difference())
        schedule.latest(clock.now())
        next(schedule.after(clock.now()), None)


def _metrics_file(text: str) -> None:
    content = f"{LAST_SUCCESS.full_name} {text}\n".encode(errors="surrogatepass")
    time_in_file(content, LAST_SUCCESS)
    line = f"# restart-wait 0123456789abcdef {text}\n".encode(errors="surrogatepass")
    restart_wait_lines.decoded(line)


def _formats(text: str) -> None:
    for check in FORMATS:
        with suppress(ValueError):
            check(text)


def _address(text: str) -> None:
    normalized(text, Path("/"))
    repository_url.is_remote(text)
    repository_url.shown(text)
    repository_url.cleaned(text, text)
    repository_url.without_credentials(text)
    repository_url.checked(text)


def _tagged(text: str) -> None:
    for tag in ("binary", "int", "float", "bool", "null", "str"):
        with suppress(scalars.ScalarError):
            scalars.resolve_tagged(text, f"tag:yaml.org,2002:{tag}")


def _text(
    name: str, read: Callable[[str], object], seeds: tuple[str, ...], *errors: type[Exception]
) -> Reader:
    return Reader(
        name=name, make=partial(mutated_text, seeds=seeds), read=read, errors=errors, table=TEXTS
    )


READERS = (
    _text("quantity", MemoryQuantity.parse, ("2Gi", "1.5G", "1e9", "1024"), QuantityError),
    _text("duration", Duration.parse, ("90s", "1h30m", "1.5h", "100ms"), QuantityError),
    _text("version", parse_version, ("v1.9.0", "1.9.0-rc.2", "v1.9.0-12-gabc")),
    _text(
        "time",
        decode_values.moment,
        ("2026-11-23T00:48:52Z", "2026-11-23T00:48:52.1+01:00"),
        UnreadableError,
    ),
    _text("cron", _schedule, CRONS, ScheduleError),
    _text("time zone", _zone, ("Europe/Berlin", "UTC"), ScheduleError),
    _text(
        "selector", Selector.parse, ("a=b,c!=d", "a in (b,c)", "x/y notin (z),!q"), SelectorError
    ),
    _text(
        "alert matcher",
        lambda text: query_of(AlertMatcher.parse(text)),
        ('CephHealthError{severity="critical"}', "{a=~'x|y',b!~`z`,c!=\"\\n\"}"),
        AlertMatcherError,
    ),
    _text(
        "answer of Prometheus",
        lambda text: firing_alerts(text.encode("utf-8", "surrogatepass")),
        (ALERTS,),
        AnswerError,
    ),
    _text("shard", Shard.parse, ("0/3", "12/99999"), ShardError),
    _text("checkpoint text", checkpoint_codec.decoded, (CHECKPOINT,)),
    _text("reported causes", reported_codec.decoded, (REPORTED,)),
    _text("restart waits", restart_wait_keeper.decoded, ("0123456789abcdef:29400000", "a:1")),
    _text("Date header", _date, DATES),
    _text("metrics file", _metrics_file, ("1.764e+09", "1764579600", "9e9")),
    _text("Retry-After header", transport._seconds, ("1", "30")),
    _text("server address", safe_host, ("https://u:p@host:6443/x?y", "http://[::1]:80")),
    _text(
        "plain scalar",
        scalars.resolve,
        ("0x1f", "0o17", "1_000", "1.5e3", "-.inf", "0b1"),
        scalars.ScalarError,
    ),
    _text("tagged scalar", _tagged, ("0x1f", "aGVsbG8=", "1.5")),
    _text("schema formats", _formats, ("2026-11-23T00:48:52Z", "a.b", "2Gi", "1h", *CRONS)),
    _text(
        "repository address",
        _address,
        ("https://u:p@host/x", "git@host:x/y", "ext::sh -c x", "https://[::1]/x"),
        SourceError,
    ),
)
