"""Runs ``serve`` for a long time with changes and faults: ``python -m soak.run --minutes 30``.

A simulated cluster of 2,000 VMs and a repository change all the time; connections, responses, the
repository and the process fail, one after the other. The program ends with an error if a plan
misses a change, or if memory, files, threads or requests grow.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.fleet import GIT_ENVIRONMENT
from soak.changes import Changes
from soak.clients import SECRET, Clients
from soak.faults import Trouble, troubles
from soak.fleet import SoakFleet
from soak.report import report, verdict
from soak.resources import Sample, sample
from support.serving import serve_program
from support.serving.gate import Gate

from reconciler.simulator.clock import SimClock
from reconciler.simulator.simulator import Simulator
from reconciler.simulator.worlds import worlds

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_S = 5.0
CLUSTER_S, GIT_S = 0.6, 0.6
"""The mean time between two changes in the cluster and in Git, in seconds."""
QUIET_S = 40.0
"""The time between two faults, in seconds."""
SETTLE_S = 300.0
"""The longest wait for the last changes to be planned, in seconds, without the failures below."""
FAILURE_KEPT_S = 3_600.0
"""How long serve does not write a value again that another client overwrote, in simulated seconds.

Source: .github/docs/rollout.md. The last changes can only be applied after this time.
"""
HOOKED = 0.7
"""The fraction of pushes that cause webhook requests; polls find the other pushes."""
BURST = 30
INTERVAL_S = 10


class Soak:
    """The running parts of the soak test, and its measurements."""

    def __init__(self, options: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
        self.options, self.folder = options, folder
        self.chance = random.Random(options.seed)
        self.fleet = SoakFleet(n_vms=options.vms, seed=options.seed)
        world = worlds.parse(self.fleet.world())
        self.simulator = Simulator(world, clock=SimClock(scale=options.scale))
        server = stack.enter_context(self.simulator.serve())
        port = int(server.url.rpartition(":")[2])
        self.gate = stack.enter_context(Gate(port))
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(self.simulator.kubeconfig(self.gate.url, server.token))
        self.bare, work = folder / "fleet.git", folder / "work"
        self.fleet.commit(folder / "first")
        for source, target, *more in ((folder / "first", self.bare, "--bare"), (self.bare, work)):
            command = ["git", "clone", "--quiet", *more, str(source), str(target)]
            subprocess.run(command, env=GIT_ENVIRONMENT, check=True)
        plans = folder / "plans.jsonl"
        self.changes = Changes(
            fleet=self.fleet,
            simulator=self.simulator,
            work=work,
            plans=plans,
            chance=self.chance,
        )
        self.log = stack.enter_context((folder / "serve.log").open("w"))
        self.process = self._started(kubeconfig, plans, stack)
        self.clients: Clients | None = None
        self.samples: list[Sample] = []
        self.requests: Counter[str] = Counter()
        self.trouble: tuple[Trouble, Callable[[], None], float] | None = None
        self.troubled: Counter[str] = Counter()
        self.started = time.monotonic()

    def _started(self, kubeconfig: Path, plans: Path, stack: ExitStack) -> subprocess.Popen[bytes]:
        secrets = self.folder / "hooks"
        secrets.mkdir(mode=0o700)
        (secrets / "generic").write_text(SECRET)
        (secrets / "generic").chmod(0o600)
        self.ports = free_ports(2)
        arguments = ["--repo", f"file://{self.bare}", "--revision", "main"]
        arguments += ["--cache-dir", str(self.folder / "cache"), "--kubeconfig", str(kubeconfig)]
        arguments += ["--interval", f"{INTERVAL_S}s", "--jitter", "1s"]
        if self.options.http:
            arguments += ["--listen", f"127.0.0.1:{self.ports[0]}"]
            arguments += ["--hooks-listen", f"127.0.0.1:{self.ports[1]}"]
            arguments += ["--hook-secrets", str(secrets)]
        process = subprocess.Popen(
            [sys.executable, serve_program.__file__, "{}", str(plans), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            env={**GIT_ENVIRONMENT, "MALLOC_ARENA_MAX": "2"},  # as in the Dockerfile
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        return process

    @property
    def minute(self) -> float:
        return (time.monotonic() - self.started) / 60

    def run(self) -> None:
        """Wait for the first plan, make changes until the time is up, and wait for the last."""
        self._wait(lambda: self.changes.n_plans > 0)
        if self.options.http:
            self.clients = Clients(*self.ports)
        self.started = time.monotonic()
        due = dict.fromkeys(("sample", "git", "cluster", "trouble"), time.monotonic())
        due["trouble"] += QUIET_S
        kinds = troubles(self.simulator, self.gate, self.bare, self.process.pid)
        while self.minute < self.options.minutes:
            now = time.monotonic()
            self.changes.read_plans()
            self._check()
            if now >= due["sample"]:
                due["sample"] = now + SAMPLE_S
                self._sample()
            if self.trouble and now >= self.trouble[2]:
                self._end_trouble()
                due["trouble"] = time.monotonic() + QUIET_S
            if not self.trouble and now >= due["trouble"]:
                self._begin(kinds[sum(self.troubled.values()) % len(kinds)])
            if now >= due["git"]:
                due["git"] = now + self.chance.expovariate(1 / GIT_S)
                self._push()
            if now >= due["cluster"]:
                due["cluster"] = now + self.chance.expovariate(1 / CLUSTER_S)
                self.changes.change_cluster(disturbed=self.disturbed)
            time.sleep(0.05)
        self._end_trouble()
        self._wait(self._is_finished)
        if self.clients:
            self.clients.end()

    def _is_finished(self) -> bool:
        self.changes.find_corrected()
        return not self.changes.unseen and not self.changes.different()

    @property
    def disturbed(self) -> bool:
        return self.trouble is not None

    def _begin(self, trouble: Trouble) -> None:
        say(f"{self.minute:5.1f} min: {trouble.name} for {trouble.lasts_s:.0f} s")
        self.troubled[trouble.name] += 1
        self.trouble = trouble, trouble.begin(), time.monotonic() + trouble.lasts_s

    def _end_trouble(self) -> None:
        if self.trouble:
            self.trouble[1]()
            self.trouble = None

    def _push(self) -> None:
        if not self.bare.exists():
            return
        commit = self.changes.change_git(disturbed=self.disturbed)
        if self.clients and self.chance.random() < HOOKED:
            self.clients.push(commit, self.chance.choice((1, 1, 2, BURST)))

    def _sample(self) -> None:
        log = self.simulator.request_log
        taken, log[:] = list(log), []
        ours = [each for each in taken if each.user_agent.startswith("reconciler/")]
        found = Counter(each.method for each in ours)
        found["plans"] = self.changes.n_plans - self.requests["plans"]
        self.requests.update(found)
        self.samples.append(sample(self.process.pid, self.minute, found))

    def _check(self) -> None:
        if self.process.poll() is not None:
            text = (self.folder / "serve.log").read_text()[-3000:]
            raise SystemExit(f"serve ended with exit code {self.process.returncode}:\n{text}")

    def _wait(self, done: Callable[[], bool]) -> None:
        until = time.monotonic() + SETTLE_S + FAILURE_KEPT_S / self.options.scale
        while time.monotonic() < until:
            self.changes.read_plans()
            self._check()
            if done():
                return
            time.sleep(0.5)


def free_ports(count: int) -> tuple[int, ...]:
    """Return network ports on which no process listens now."""
    import socket  # noqa: PLC0415 - only here

    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return tuple(each.getsockname()[1] for each in found)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the soak test, print its measurements, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--vms", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=10.0, help="simulated seconds a second")
    parser.add_argument("--no-http", dest="http", action="store_false")
    parser.add_argument("--folder", type=Path, help="keep the files of the soak here")
    parser.add_argument("--results", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        soak = Soak(options, folder, stack)
        gc.collect()
        gc.freeze()
        soak.run()
        text = report(soak)
        problems = verdict(soak)
        (folder / "samples.json").write_text(
            json.dumps(
                [[s.minute, s.memory_mb, s.files, s.threads, s.cpu_s] for s in soak.samples]
            )
        )
    say(text)
    if options.results:
        options.results.write_text(text)
    for each in problems:
        say(f"PROBLEM: {each}")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
