"""``reconciler cluster``: serves a simulated cluster for experiments with kubectl."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler import input_files
from reconciler.app import output_files
from reconciler.app.wiring import clock_wiring
from reconciler.errors import UsageError
from reconciler.escaping import printable
from reconciler.model.run.outcome import ExitCode

if TYPE_CHECKING:
    from reconciler.simulator.http_server.server import Server
    from reconciler.simulator.simulator import Simulator

_POLL_S = 0.2

World = Annotated[
    Path,
    typer.Option(
        "--world",
        metavar="FILE",
        help="Scenario file that describes the simulated cluster; see examples/worlds.",
    ),
]
Target = Annotated[
    Path,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="Kubeconfig file that the command writes when the server is ready.",
    ),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 selects a free port.")
]
Scale = Annotated[
    float, typer.Option("--time-scale", min=0.1, help="Simulated seconds per real second.")
]


def command(world: World, kubeconfig: Target, port: Port = 0, time_scale: Scale = 1.0) -> ExitCode:
    """Serve a simulated cluster for kubectl until Ctrl-C or SIGTERM."""
    from reconciler.app.stop import stop_on_signals

    clock = clock_wiring.real_clock()
    with stop_on_signals() as stop, served(world, port=port, time_scale=time_scale) as running:
        write_kubeconfig(running, kubeconfig)
        print(
            printable(
                f"the simulated API server {running.server.url} is ready; kubeconfig: {kubeconfig}"
            ),
            file=sys.stderr,
        )
        while not stop.requested:
            clock.sleep(_POLL_S)
    return ExitCode.DONE


class Served:
    """A simulated cluster that is running, and the HTTP server for its API."""

    def __init__(self, simulator: Simulator, server: Server) -> None:
        self.simulator, self.server = simulator, server


@contextmanager
def served(
    world: Path, *, port: int = 0, time_scale: float = 1.0, dated: bool = False
) -> Iterator[Served]:
    """Within the block, serve the simulated cluster that a YAML file describes.

    Args:
        world: The YAML file.
        port: The port on 127.0.0.1; 0 selects a free port.
        time_scale: Simulated seconds per real second.
        dated: Whether the clock starts at the time that the YAML file sets, if any. The times in
            objects are then correct only for a client that uses the same clock.

    Raises:
        UsageError: The file does not describe a valid simulated cluster, or the port is in use.
    """
    from reconciler.simulator.clock import SimClock
    from reconciler.simulator.simulator import Simulator
    from reconciler.simulator.worlds import worlds

    try:
        loaded = worlds.loads(input_files.read(world), str(world))
        epoch = loaded.starts_at if dated else None
        simulator = Simulator(loaded, clock=SimClock(scale=time_scale, epoch=epoch))
    except worlds.WorldError as error:
        raise UsageError(str(error), hint="see the scenario files in examples/worlds") from error
    except OSError as error:
        raise UsageError(
            f"the scenario file {world} cannot be read: {error.strerror}",
            hint="see the scenario files in examples/worlds",
        ) from error
    try:
        server = simulator.serve(port=port)
    except OSError as error:
        raise UsageError(
            f"cannot listen on --port {port}: {error.strerror}",
            hint="set --port 0 to use a free port",
        ) from error
    with server:
        yield Served(simulator, server)


def write_kubeconfig(served: Served, path: Path) -> None:
    """Write a kubeconfig file with mode 0600, because the file contains a token.

    Raises:
        UsageError: The file cannot be written.
    """
    # Other programs wait for this file, so it gets its name only once it is complete.
    text = served.simulator.kubeconfig(served.server.url, served.server.token)
    output_files.write(path, (text,), "--kubeconfig")
