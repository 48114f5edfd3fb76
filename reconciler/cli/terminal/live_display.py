"""``LineDisplay`` and ``LiveDisplay``: show a run as lines or as one progress bar per VM."""

from __future__ import annotations

from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from reconciler.cli.option_values import TextFormat
from reconciler.escaping import printable
from reconciler.model.run.progress import Progress, Step
from reconciler.report.json_text import compact
from reconciler.report.json_values import identity, timestamp
from reconciler.report.wording import duration, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from rich.console import Console, RenderableType
    from rich.progress import TaskID

    from reconciler.cli.terminal.waiting import Waiting
    from reconciler.model.references import ObjectRef

REMIND_AFTER = timedelta(minutes=1)
"""The time without output after which the display prints what the run is waiting for."""
_WIDE = 100
"""The minimum terminal width, in columns, for progress bars of full length."""
_FIGURES = 14
"""The width of the percentage, time and spaces next to a progress bar, in columns."""
_ENDS = frozenset({Step.DONE, Step.FAILED, Step.SKIPPED})
_STYLES = {Step.DONE: "green", Step.FAILED: "red", Step.SKIPPED: "yellow", Step.WAVE: "bold"}
_LEVELS = {Step.FAILED: "error", Step.SKIPPED: "warning"}


class LineDisplay:
    """Prints each state change and, after a minute without output, what the run waits for."""

    def __init__(
        self, stream: IO[str], waiting: Waiting, log_format: TextFormat = TextFormat.TEXT
    ) -> None:
        self._stream, self._waiting = stream, waiting
        self._written_at: datetime | None = None
        self._line = _as_json if log_format is TextFormat.JSON else _as_text
        self._last: dict[ObjectRef | None, tuple[Step, str, str]] = {}

    def __call__(self, progress: Progress) -> None:
        """Print a line if the state of an object has changed.

        Otherwise, after a minute without output, print what the run is waiting for.
        """
        # The state of the VM precedes the colon, and the phase of the migration follows the colon.
        news = progress.step, progress.reason, progress.message.partition(": ")[0]
        same = progress.step is Step.PHASE and self._last.get(progress.ref) == news
        changed = not same and progress.step is not Step.WAITING
        self._waiting(progress, news=changed)
        if changed:
            self._last[progress.ref] = news
            self._write(progress)
            return
        quiet = self._written_at is None or progress.at - self._written_at >= REMIND_AFTER
        if quiet and (said := self._waiting.sentence()):
            self._write(Progress(at=progress.at, step=Step.WAITING, message=said))

    def _write(self, progress: Progress) -> None:
        self._written_at = progress.at
        self._stream.write(self._line(progress) + "\n")
        self._stream.flush()


class LiveDisplay:
    """Shows a progress bar for each change in progress, and a line for each completed change.

    This display is for terminals only. Use it in a ``with`` block, which restores the terminal at
    the end.
    """

    def __init__(self, console: Console, waiting: Waiting) -> None:
        self._waiting = waiting
        # Names and messages come from the cluster and must not be read as markup.
        self._bars = _Bars(
            TextColumn("{task.fields[name]}", markup=False, table_column=_whole()),
            BarColumn(bar_width=_bar_width(console)),
            TextColumn("{task.percentage:>3.0f}%", markup=False, table_column=_whole()),
            TextColumn("{task.fields[elapsed]}", markup=False, style="dim"),
            # Only the message shrinks on a narrow terminal.
            TextColumn(
                "{task.fields[phase]}",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
            transient=True,
            expand=True,
            auto_refresh=False,  # a thread of rich could end without a report
        )
        self._bars.summary = waiting.sentence
        self._tasks: dict[ObjectRef, tuple[TaskID, datetime]] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    @property
    def in_flight(self) -> int:
        """The number of progress bars, one for each change in progress."""
        return len(self._tasks)

    def __call__(self, progress: Progress) -> None:
        """Update the progress bar of a VM, or print a line for any other step of the run."""
        self._waiting(progress, news=progress.step not in (Step.PHASE, Step.WAITING))
        if progress.step is Step.WAITING:  # once a second, at the end of each round
            self._bars.refresh()
            return
        if progress.ref is None or progress.step in _ENDS:
            self._say(progress)
            self._remove(progress.ref)
        elif not progress.ref.is_vm:
            self._say(progress)
        else:
            self._move(progress.ref, progress)

    def _move(self, ref: ObjectRef, progress: Progress) -> None:
        if ref not in self._tasks:
            task = self._bars.add_task(
                "", total=1.0, name=printable(name_of(ref)), elapsed="0s", phase=""
            )
            self._tasks[ref] = task, progress.at
        task, started = self._tasks[ref]
        reached = next(each.completed for each in self._bars.tasks if each.id == task)
        self._bars.update(
            task,
            # An estimate can decrease, but a bar that moves backwards would confuse users.
            completed=max(reached, min(progress.fraction or 0.0, 1.0)),
            elapsed=duration(round((progress.at - started).total_seconds())),
            phase=printable(progress.message),
        )

    def _remove(self, ref: ObjectRef | None) -> None:
        if ref is not None and (known := self._tasks.pop(ref, None)):
            self._bars.remove_task(known[0])

    def _say(self, progress: Progress) -> None:
        style = _STYLES.get(progress.step, "")
        self._bars.console.print(Text(_as_text(progress), style=style), soft_wrap=True)


class _Bars(Bars):
    """Progress bars with a line below them that says what the run is waiting for."""

    summary: Callable[[], str] = str

    def get_renderables(self) -> Iterable[RenderableType]:
        names = [each.fields["name"] for each in self.tasks]
        if all(
            len(each) <= self.console.width - _bar_width(self.console) - _FIGURES for each in names
        ):
            yield from super().get_renderables()
        else:  # each name on a line of its own, above its bar
            columns = self.columns
            self.columns = columns[1:]
            rows = [self.make_tasks_table([each]) for each in self.tasks]
            self.columns = columns
            for name, row in zip(names, rows, strict=True):
                yield Text(name)
                yield row
        if said := self.summary():
            yield Text(said, style="dim")


def _bar_width(console: Console) -> int:
    return 24 if console.width >= _WIDE else 10


def _whole() -> Column:
    """Return a progress bar column whose text is never truncated."""
    return Column(no_wrap=True, overflow="ignore")


def _as_text(progress: Progress) -> str:
    what = f"{name_of(progress.ref)}: " if progress.ref else ""
    why = f" ({progress.reason})" if progress.reason else ""
    line = f"{progress.step:<9} {what}{progress.message}{why}"
    return f"{progress.at:%H:%M:%S} {printable(line)}"


def _as_json(progress: Progress) -> str:
    line: dict[str, Any] = {
        "level": _LEVELS.get(progress.step, "info"),
        "ts": timestamp(progress.at),
        "msg": progress.message,
        "step": str(progress.step),
    }
    if progress.ref is not None:
        line |= identity(progress.ref)
    if progress.reason:
        line["reason"] = progress.reason
    if progress.fraction is not None:
        line["fraction"] = round(progress.fraction, 3)
    return compact(line)
