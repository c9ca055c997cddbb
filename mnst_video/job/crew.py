"""Who paints the chunks of a render: this process, or several of this machine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Protocol

from mnst_video.job.chains import Hand
from mnst_video.job.chunk import Chunk, Painted, paint_chunk
from mnst_video.job.events import StepDone
from mnst_video.job.processes import Processes, Tell, on_device
from mnst_video.painting.brief import Brief
from mnst_video.painting.machine import load_network, memory_errors
from mnst_video.painting.settings import Machine
from mnst_video.painting.styles import Styles

OnStep = Callable[[StepDone], None]

# Frames of a chunk that is sent: some seconds of work, a second of a clip.
CHUNK = 24


@dataclass(frozen=True)
class Lost:
    """A chain is nobody's again; what was painted of it is told before.

    why: what has failed; empty where nothing has. until: the frames before this one still come;
    None: none do.
    """

    chain: int
    why: str = ""
    until: int | None = None


class Crew(Protocol):
    """Paints chunks."""

    @property
    def most(self) -> int | None:
        """Frames of a chunk; None: any number, whose content is read as it is needed."""

    def ready(self) -> Sequence[tuple[Hand, str]]:
        """Who can be given a chunk now, the quickest first, and what kind of machine they are."""

    def give(self, hand: Hand, chunk: Chunk, before: Painted | None) -> None:
        """A chunk for a hand. before: see `paint_chunk`; None too where that is what the hand was
        given last, and is still at."""

    def wait(self) -> Iterator[tuple[Hand, Painted | Lost]]:
        """What has happened, in order; it waits until something has, or until a hand is ready."""

    def name(self, hand: Hand) -> str | None:
        """The worker of a cluster that a hand is of."""


class Alone:
    """This process, which has the styles already."""

    most = None

    def __init__(self, styles: Styles, on_step: OnStep) -> None:
        self._styles, self._on_step = styles, on_step
        self._given: list[tuple[Chunk, Painted | None]] = []

    def ready(self) -> Sequence[tuple[Hand, str]]:
        return [] if self._given else [(0, "")]

    def give(self, hand: Hand, chunk: Chunk, before: Painted | None) -> None:
        self._given.append((chunk, before))

    def wait(self) -> Iterator[tuple[Hand, Painted | Lost]]:
        chunk, before = self._given.pop()
        for painted in paint_chunk(self._styles, chunk, before, self._on_step):
            yield 0, painted

    def name(self, hand: Hand) -> str | None:
        return None


class Jobs:
    """Processes of this machine, each of which has its part of it."""

    most = CHUNK

    def __init__(self, processes: Processes, on_step: OnStep) -> None:
        """processes: see `jobs`."""
        self._processes, self._on_step = processes, on_step

    def ready(self) -> Sequence[tuple[Hand, str]]:
        return [(number, "") for number in sorted(self._processes.idle)]

    def give(self, hand: Hand, chunk: Chunk, before: Painted | None) -> None:
        assert isinstance(hand, int)
        self._processes.give(hand, (chunk, before))

    def wait(self) -> Iterator[tuple[Hand, Painted | Lost]]:
        for number, message in self._processes.wait():
            if isinstance(message, StepDone):
                self._on_step(message)
            else:
                yield number, message

    def name(self, hand: Hand) -> str | None:
        return None


@dataclass
class _Painter:
    """The work of a process."""

    brief: Brief
    machine: Machine
    styles: Styles | None = None

    def __call__(self, task: tuple[Chunk, Painted | None], tell: Tell) -> None:
        with memory_errors(self.machine):
            if self.styles is None:
                self.styles = self.brief.styles(load_network(self.machine))
            for painted in paint_chunk(self.styles, *task, tell):
                tell(painted)


@contextmanager
def jobs(brief: Brief, machine: Machine, count: int, on_step: OnStep) -> Iterator[Jobs]:
    """So many processes of this machine. machine: what each has, see `processes.share`."""
    painters = [_Painter(brief, on_device(machine, job)) for job in range(count)]
    with closing(Processes(painters)) as processes:
        yield Jobs(processes, on_step)
