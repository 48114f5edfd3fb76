"""``ServeRig``: runs the loop of `serve` in one process with a simulated cluster and clock."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from support.simulated import Rig, simulator

from reconciler import __version__
from reconciler.app.apply_options import ApplyOptions
from reconciler.app.execution.runner import Runner
from reconciler.app.input_options import SourceOptions
from reconciler.app.stop import Stop
from reconciler.errors import SourceError
from reconciler.model.desired.config import Config
from reconciler.model.desired.desired_state import Reading
from reconciler.model.revision.commit_in_force import CommitInForce
from reconciler.model.service.view import Role, ServiceView, SourceView
from reconciler.plan.plan_policy import plan_policy
from reconciler.prometheus.no_prometheus import NoPrometheus
from reconciler.serve.git.git_state import GitState, after_failure, after_read
from reconciler.serve.leadership import LeaderState
from reconciler.serve.loop.engine import Engine
from reconciler.serve.loop.loop import Loop
from reconciler.serve.loop.loop_parts import LoopParts
from reconciler.serve.view_store import ViewStore
from reconciler.source.readers import StreamReader


class FakeGit:
    """A fake Git branch whose newest commit a test replaces."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self.state = GitState()
        self.config = Config()
        self.answers = True
        """Whether a requested poll ends immediately, without a newer commit."""
        self.wakes = 0

    def wake(self) -> int:
        """Request a poll; unless ``answers`` is set, ``commit`` or ``fail`` ends the poll."""
        self.wakes += 1
        number = self.state.polls + 1
        if self.answers:
            self.state = replace(self.state, polls=number)
        return number

    def commit(self, name: str, text: str, *, history=None, **config) -> None:
        """Make *text* the newest commit; *config* replaces values of the configuration file."""
        self.config = replace(self.config, **config)
        state = StreamReader([("desired.yaml", text.encode())]).read().state
        found = CommitInForce(revision="main", newest=name, commit=name)
        desired = replace(state, revision=name, in_force=found)
        reading = Reading(config=self.config, state=desired, history=history)
        self.state = after_read(self.state, reading, self._clock.now())

    def fail(self) -> None:
        """Make the next poll of the Git repository fail."""
        error = SourceError("the host is unreachable")
        self.state = after_failure(self.state, error, self._clock.now())


class FakeLeader:
    """A fake leader election that a test controls."""

    def __init__(self) -> None:
        self.state = LeaderState(role=Role.LEADER, leader="test")
        self.leading, self.term = True, 1
        self.namespace = ""

    def begin(self, namespace: str) -> None:
        self.namespace = namespace

    def withdraw(self) -> None:
        self.namespace = ""

    def leads(self) -> bool:
        return self.leading


class FakePrinter:
    """Stores the progress steps of all rollouts; calls *act* at each step."""

    trace_log = None

    def __init__(self) -> None:
        self.steps = []
        self.act = lambda _progress: None

    def show_plan(self, plan) -> None:
        pass

    @contextmanager
    def progress(self, _plan, _ends_at):
        def listener(progress) -> None:
            self.steps.append(progress)
            self.act(progress)

        yield listener


class ServeRig:
    """The loop of ``serve`` with all its parts."""

    def __init__(
        self,
        world: str = "hotplug",
        *,
        deadline_s: float = 600.0,
        leads_to_observe: bool = False,
        **changes,
    ) -> None:
        self.leads_to_observe = leads_to_observe
        self.rig = Rig(simulator(world, **changes))
        self.clock, self.sim = self.rig.clock, self.rig.sim
        self.git, self.leader, self.printer = FakeGit(self.clock), FakeLeader(), FakePrinter()
        self.stop = Stop()
        self.reports, self.late = [], []
        now = self.clock.now()
        view = ServiceView(
            instance="test",
            version=__version__,
            started_at=now,
            at=now,
            history_since=now,
            source=SourceView(address="https://git.example.com/vms.git", revision="main"),
        )
        self.store = ViewStore(view, self.clock)
        alerts = NoPrometheus(self.clock)
        self.runner = Runner(
            options=ApplyOptions(source=SourceOptions(), deadline_s=deadline_s, unattended=True),
            client=self.rig.client,
            informer=self.rig.informer,
            clock=self.clock,
            printer=self.printer,
            stop=self.stop,
            instance="test",
            alerts=alerts,
        )
        self.loop = Loop(self.parts())

    def parts(self) -> LoopParts:
        return LoopParts(
            git=self.git,
            leader=self.leader,
            engine=Engine(self.rig.informer, self.clock, partial(plan_policy), self.runner.alerts),
            runner=self.runner,
            store=self.store,
            clock=self.clock,
            leads_to_observe=self.leads_to_observe,
            ended=self.reports.append,
            late=self.late.append,
        )

    def restart(self) -> None:
        """Replace the ``serve`` loop, as a restarted process without memory would."""
        self.rig.informer.restart()
        self.loop = Loop(self.parts())

    @property
    def view(self) -> ServiceView:
        return self.store.read()[1]

    def turns(self, seconds: float) -> int:
        """Run the loop for a time, at least once per second; return how many rollouts started."""
        before, until = len(self.reports), self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            left_s = self.loop.turn()
            if left_s > 0:
                self.clock.sleep(min(left_s, 1.0))
        return len(self.reports) - before

    def guest(self, name: str = "vm") -> str:
        """Return the current guest memory of a VM in the namespace default."""
        return self.rig.vmi("default", name)["status"]["memory"]["guestCurrent"]
