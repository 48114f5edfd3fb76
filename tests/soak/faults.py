"""``troubles``: the faults during the soak test, which occur one after the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.serving.gate import Gate, Way

from reconciler.simulator.apiserver.request.api_faults import Effect, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.simulator.simulator import Simulator

ADMIN = "kubernetes-admin"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault with its duration in seconds; *begin* returns the function that ends the fault."""

    name: str
    lasts_s: float
    begin: Callable[[], Callable[[], None]]


def troubles(simulator: Simulator, gate: Gate, bare: Path, pid: int) -> tuple[Trouble, ...]:
    """Return all kinds of faults; *pid* is the ID of the ``serve`` process."""

    def way(which: Way) -> Callable[[], Callable[[], None]]:
        def begin() -> Callable[[], None]:
            gate.set(which)
            return lambda: gate.set(Way.OPEN)

        return begin

    def api(**what: object) -> Callable[[], Callable[[], None]]:
        def begin() -> Callable[[], None]:
            fault = Fault(user=ADMIN, **what)  # type: ignore[arg-type]
            simulator.api.faults.add(fault)
            return lambda: simulator.api.faults.remove(fault)

        return begin

    def no_repository() -> Callable[[], None]:
        away = bare.with_name("away.git")
        bare.rename(away)

        def back() -> None:
            away.rename(bare)

        return back

    def frozen() -> Callable[[], None]:
        os.kill(pid, signal.SIGSTOP)
        return lambda: os.kill(pid, signal.SIGCONT)

    return (
        Trouble("API server closes connections", 15, way(Way.CLOSED)),
        Trouble("API server answers 503", 20, api(effect=Effect.STATUS, code=503)),
        Trouble("repository is missing", 20, no_repository),
        Trouble("API server is silent", 20, way(Way.SILENT)),
        Trouble(
            "half of the requests get 429",
            20,
            api(effect=Effect.STATUS, code=429, retry_after_s=2, probability=0.5),
        ),
        Trouble("watches end after five events", 20, api(effect=Effect.DROP, events=5)),
        Trouble("watches are expired", 10, api(effect=Effect.EXPIRE, verbs=frozenset({"watch"}))),
        Trouble("patches get 409", 15, api(effect=Effect.STATUS, code=409, methods=PATCH)),
        Trouble("process is frozen", 8, frozen),
        Trouble("responses are slow", 20, api(effect=Effect.SLOW, seconds=5.0)),
    )


PATCH = frozenset({"PATCH"})
