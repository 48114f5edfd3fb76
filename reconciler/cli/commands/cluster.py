"""``reconciler cluster``: the embedded cluster, for trying with kubectl."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.app import wiring
from reconciler.errors import UsageError
from reconciler.model.run.outcome import ExitCode

if TYPE_CHECKING:
    from reconciler.simulator.http_server.serving import Server
    from reconciler.simulator.simulator import Simulator

_POLL_S = 0.2

World = Annotated[
    Path,
    typer.Option("--world", metavar="FILE", help="World file, such as examples/worlds/*.yaml."),
]
Target = Annotated[
    Path,
    typer.Option("--kubeconfig", metavar="FILE", help="Kubeconfig to write once it is ready."),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 for a free one.")
]
Scale = Annotated[
    float, typer.Option("--time-scale", min=0.1, help="Simulated seconds a real second.")
]


def command(world: World, kubeconfig: Target, port: Port = 0, time_scale: Scale = 1.0) -> ExitCode:
    """Run the embedded cluster until it is told to end."""
    from reconciler.app.stop import stop_on_signals

    clock = wiring.real_clock()
    with stop_on_signals() as stop, served(world, port=port, time_scale=time_scale) as server:
        write_kubeconfig(server, kubeconfig)
        print(f"{server.url} is ready; kubeconfig: {kubeconfig}", file=sys.stderr)
        while not stop.asked:
            clock.sleep(_POLL_S)
    return ExitCode.DONE


class Served:
    """A world that is being served."""

    def __init__(self, simulator: Simulator, server: Server) -> None:
        self.simulator = simulator
        self.server = server

    @property
    def url(self) -> str:
        """Where its API server answers."""
        return self.server.url


@contextmanager
def served(
    world: Path, *, port: int = 0, time_scale: float = 1.0, dated: bool = False
) -> Iterator[Served]:
    """Serve the world of a file until the end of the block.

    Args:
        world: The file.
        port: On 127.0.0.1; 0 for a free one.
        time_scale: Simulated seconds a real second.
        dated: Whether the clock starts at the time that the world names, if it names one. Only
            clients that go by this clock then understand the times of its objects.

    Raises:
        UsageError: The file describes no possible world, or the port is taken.
    """
    from reconciler.simulator.clock import SimClock
    from reconciler.simulator.simulator import Simulator
    from reconciler.simulator.worlds import worlds

    try:
        loaded = worlds.load(world)
        begins = loaded.starts_at if dated else None
        simulator = Simulator(loaded, clock=SimClock(scale=time_scale, epoch=begins))
    except worlds.WorldError as error:
        raise UsageError(str(error), hint="see examples/worlds") from error
    except OSError as error:
        raise UsageError(f"{world}: {error.strerror}", hint="see examples/worlds") from error
    try:
        server = simulator.serve(port=port)
    except OSError as error:
        raise UsageError(f"--port {port}: {error.strerror}", hint="0 takes a free one") from error
    with server:
        yield Served(simulator, server)


def write_kubeconfig(served: Served, path: Path) -> None:
    """Write a kubeconfig, which holds a token, for its owner alone.

    Raises:
        UsageError: The file cannot be written.
    """
    text = served.simulator.kubeconfig(served.url, served.server.token)
    part = path.with_name(path.name + ".part")
    try:
        # Only a whole file appears under the name that others wait for.
        part.touch(mode=0o600)
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        hint = "name a file in a folder that is there"
        raise UsageError(f"--kubeconfig {path}: {error.strerror}", hint=hint) from error
