"""Hand-written fakes of the cluster interfaces that a rollout uses, for unit tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

from support.builders import NOW, make_live

from reconciler.cluster.write.events import ClusterRecorder
from reconciler.model.run.progress import Progress
from reconciler.model.run.write_result import Written
from reconciler.prometheus.no_prometheus import NoPrometheus
from reconciler.rollout.run_context import RunContext
from reconciler.rollout.tracking.close_object import ObjectCloser


class FakeClock:
    """A fake clock that only a test advances."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self):
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class FakeLease:
    """A fake lease that is always held; its annotations are stored in memory."""

    def __init__(self) -> None:
        self.is_held = True
        self.kept: dict[str, str] = {}
        self.writes = 0

    def held(self) -> bool:
        return self.is_held

    def valid_s(self) -> float:
        return 10.0

    def annotations(self):
        return dict(self.kept)

    def annotate(self, annotations) -> bool:
        self.writes += 1
        for key, value in annotations.items():
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value
        return True

    def annotate_later(self, annotations) -> None:
        self.annotate(annotations)

    def abandon(self) -> None:
        self.is_held = False


class FakeRecorder:
    """Stores the Kubernetes Events that a rollout records."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def record(self, ref, _uid, *, reason, message, warning=False) -> None:
        assert message
        assert warning == (reason in {"WriteRefused", "MemoryNotReached"})
        self.events.append((reason, ref.name))


class FakeWriter:
    """A fake writer that returns the given responses in order, and then accepts every write."""

    def __init__(self, answers=()) -> None:
        self.answers = list(answers)
        self.sent = []

    def write_each(self, actions, *, timeout_s):
        for action in actions:
            assert timeout_s() > 0
            self.sent.append(action)
            yield action, self.answers.pop(0) if self.answers else Written(status=200)


class FakeInformer:
    """Returns the same snapshot each time; waiting for a new one advances the clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.live = make_live()
        self._clock = clock

    def read(self):
        return replace(self.live, observed_at=self._clock.now())

    def wait(self, timeout_s: float):
        self._clock.sleep(max(timeout_s, 0.5))
        return self.read()

    def capacity(self) -> None:
        return None

    def refresh_capacity(self, _wait_s: float = 0.0) -> None:
        return None


@dataclass
class FakePorts:
    """All fake interfaces of a rollout; ``context`` passes them to the code under test."""

    clock: FakeClock = field(default_factory=FakeClock)
    config_lease: FakeLease = field(default_factory=FakeLease)
    memory_lease: FakeLease = field(default_factory=FakeLease)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    writer: FakeWriter = field(default_factory=FakeWriter)
    progress: list[Progress] = field(default_factory=list)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.informer = FakeInformer(self.clock)
        self.context = RunContext(
            informer=self.informer,
            writer=self.writer,
            config_lease=self.config_lease,
            memory_lease=self.memory_lease,
            clock=self.clock,
            recorder=self.recorder,
            listener=self.progress.append,
            alerts=NoPrometheus(self.clock),
            stopping=lambda: "a signal ended the run" if self.stopping else "",
        )
        self.closer = ObjectCloser(self.context)


class DirectRecorder(ClusterRecorder):
    """Sends each Kubernetes Event and waits for the response, without a queue."""

    def record(self, ref, uid, *, reason, message, warning=False) -> None:
        self.send(self.event(ref, uid, reason=reason, message=message, warning=warning))
