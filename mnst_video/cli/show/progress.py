"""What a person, or a program, sees on stderr while a render works."""

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from mnst_video.cli.show.durations import minutes
from mnst_video.cli.show.plan import plan_lines
from mnst_video.job.events import Encoding, Event, FrameDone, Looking, StepDone, Workforce
from mnst_video.painting.frame import Figures
from mnst_video.plan.plan import Plan

Style = Literal["auto", "plain", "json", "none"]

# Seconds between two plain lines, and between two events of looking at a clip.
PLAIN_INTERVAL, LOOKING_INTERVAL = 10.0, 1.0


class Display(Protocol):
    """Shows the events of one render; a context manager that is called with each."""

    def __call__(self, event: Event) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def make_display(style: Style, console: Console) -> Display:
    """The display of a style; `auto` is a live one on a terminal, else plain lines."""
    if style == "json":
        return _Json(console)
    if style == "none":
        return _Silent(console)
    if style == "auto" and console.is_terminal:
        return _Live(console)
    return _Plain(console)


@contextmanager
def count_display(style: Style, console: Console) -> Iterator[Callable[[int, int], None]]:
    """Shows how many of all steps, or pictures, are done: call it with both.

    `auto` is a bar on a terminal, and nothing elsewhere.
    """
    said = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal said
        if style == "json":
            line = json.dumps({"event": "count", "done": done, "total": total})
        elif style == "plain" and time.monotonic() - said >= PLAIN_INTERVAL:
            line, said = f"{done} of {total}", time.monotonic()
        else:
            return
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if style != "auto":
        yield tell
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("steps", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Silent:
    """Shows nothing; the other displays share its context."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __call__(self, event: Event) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Json(_Silent):
    """A JSON object a line."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._said = time.monotonic()

    def __call__(self, event: Event) -> None:
        about: dict[str, object]
        if isinstance(event, Looking):
            now = time.monotonic()
            if event.looked < event.frames and now - self._said < LOOKING_INTERVAL:
                return
            self._said = now
            about = {"event": "look", "done": event.looked, "total": event.frames}
        elif isinstance(event, Plan):
            about = {
                "event": "plan",
                "output": str(event.output) if event.output else None,
                "frames": event.frames,
                "first": event.shots[0].start,
                "reused": event.frames - len(event.pending),
                "shots": [[shot.start, shot.end] for shot in event.shots],
                "size": event.setup.size,
                "sigma2": event.sigma2,
                "notes": event.notes,
            }
        elif isinstance(event, FrameDone):
            about = {
                "event": "frame",
                "frame": event.frame,
                "done": event.done,
                "shot": event.shot,
                "gamma": event.fader.gamma,
                "pair": event.fader.number,
                **event.figures.to_json(),
                "seconds": round(event.seconds, 3),
                **({} if event.worker is None else {"worker": event.worker}),
            }
        elif isinstance(event, Workforce):
            about = {"event": "workers", "workers": event.workers, "note": event.note}
        elif isinstance(event, Encoding):
            about = {"event": "encode", "frames": event.frames}
        else:
            return
        self.say(json.dumps(about))


class _Pace:
    """Estimates the time left; a shot's first frame takes longer than a later one."""

    def __init__(self, plan: Plan) -> None:
        self.total, self.jobs = plan.frames, max(1, plan.busy)
        self.first_frames = {shot.start for shot in plan.shots}.intersection(plan.pending)
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.firsts_left = len(self.first_frames)

    def add(self, event: FrameDone) -> None:
        is_first = event.frame in self.first_frames
        self.seconds[is_first].append(event.seconds)
        self.firsts_left -= is_first

    def left(self, done: int) -> str:
        """The time left in words, once a later frame has been timed."""
        later, first = self.seconds[False][-20:], self.seconds[True]
        if not later:
            return "–"
        mean = sum(later) / len(later)
        mean_first = sum(first) / len(first) if first else mean
        seconds = mean * (self.total - done - self.firsts_left) + mean_first * self.firsts_left
        return minutes(seconds / self.jobs)


def _losses(figures: Figures) -> str:
    """What a frame lacks, with a comma; nothing where no optimiser looked at it."""
    if math.isnan(figures.style):
        return ""
    return f"style {figures.style:.3f}, content {figures.content:.3f}, "


def _workforce(event: Workforce) -> str:
    """Who paints, in words."""
    if event.note:
        return f"note: {event.note}"
    if not event.workers:
        return "no worker is there: waiting for one"
    names = ", ".join(event.workers[:4]) + (", …" if len(event.workers) > 4 else "")
    return f"{len(event.workers)} worker{'s' if len(event.workers) > 1 else ''}: {names}"


class _Rate:
    """Frames a second of late: what several workers come to together."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=200)

    def add(self) -> None:
        self._times.append(time.monotonic())

    @property
    def shown(self) -> str:
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return f", {(len(self._times) - 1) / span:.2g} frames a second" if span else ""


class _Plain(_Silent):
    """A line now and then, for logs."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._said = time.monotonic()

    def _due(self) -> bool:
        """Whether it is time for a line, which is then said."""
        now = time.monotonic()
        if due := now - self._said >= PLAIN_INTERVAL:
            self._said = now
        return due

    def __call__(self, event: Event) -> None:
        if isinstance(event, Looking):
            if self._due():
                self.say(f"looking at the clip: {event.looked} of {event.frames}")
        elif isinstance(event, Plan):
            for line in plan_lines(event):
                self.say(line)
            self._pace, self._course = _Pace(event), event.setup.course
            self._said, self._rate = time.monotonic(), _Rate()
        elif isinstance(event, FrameDone):
            self._pace.add(event)
            self._rate.add()
            if not self._due() and event.done < self._pace.total:
                return
            self.say(
                f"frame {event.done}/{self._pace.total}, shot {event.shot + 1}, "
                f"{self._course.shown(event.frame)}, {_losses(event.figures)}"
                f"{event.seconds:.2f} s a frame{self._rate.shown if event.worker else ''}, "
                f"{self._pace.left(event.done)} left"
            )
        elif isinstance(event, Workforce):
            self.say(_workforce(event))
        elif isinstance(event, Encoding):
            self.say(f"encoding {event.frames} frames")


class _Live(_Silent):
    """A live bar, and the present frame's state on a line below it."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        self._progress = Progress(*columns, TextColumn("{task.fields[left]}"), console=console)
        self._task = self._progress.add_task("looking at the clip", total=None, left="")
        self._step, self._frame, self._workers, self._rate = "", "", "", _Rate()
        self._state = Text(no_wrap=True, overflow="ellipsis")
        self._live = Live(Group(self._progress, self._state), console=console, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        update = self._progress.update
        if isinstance(event, Looking):
            update(self._task, total=event.frames, completed=event.looked)
        elif isinstance(event, Plan):
            for line in plan_lines(event):
                self.say(line)
            self._pace, self._course = _Pace(event), event.setup.course
            done = self._pace.total - len(event.pending)
            update(self._task, description="frames", total=self._pace.total, completed=done)
        elif isinstance(event, StepDone):
            self._step = f"frame {event.frame}, step {event.step}"
        elif isinstance(event, FrameDone):
            self._pace.add(event)
            figures = event.figures
            self._frame = (
                f"shot {event.shot + 1}, {self._course.shown(event.frame)}, {_losses(figures)}"
                f"{event.seconds:.1f} s a frame"
            )
            left = f"{self._pace.left(event.done)} left"
            update(self._task, completed=event.done, left=left)
            if event.worker is not None:
                self._rate.add()
                self._step = f"{self._workers}{self._rate.shown}"
        elif isinstance(event, Workforce):
            if event.note:
                self.say(_workforce(event))
            else:
                self._step = _workforce(event)
                self._workers = self._step.partition(":")[0]
        else:
            self._step = self._frame = ""
            update(self._task, description="encoding", left="")
        self._state.plain = "  ".join(filter(None, (self._step, self._frame)))
