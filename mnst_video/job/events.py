"""What a render tells while it works."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnst_video.painting.frame import Figures
from mnst_video.plan.plan import Plan
from mnst_video.timeline.fader import Fader


@dataclass(frozen=True)
class Looking:
    """Before the plan: `looked` of `frames` frames were looked at, for cuts, styles and faces.

    A frame is looked at more than once, so there are more of them than in the clip. A training
    tells it too, of what it reads.
    """

    looked: int
    frames: int


@dataclass(frozen=True)
class StepDone:
    """Step `step`, from 1, of frame `frame` (of the whole clip) is done.

    How many a frame takes depends on what moves in it.
    """

    frame: int
    step: int


@dataclass(frozen=True)
class FrameDone:
    """Frame `frame` (of the whole clip), the `done`-th of this render, is on disk.

    worker: of a cluster, that has painted it.
    """

    frame: int
    done: int
    shot: int
    fader: Fader
    figures: Figures
    seconds: float
    worker: str | None = None


@dataclass(frozen=True)
class Workforce:
    """The workers of a cluster that paint, by name; none: the render waits for some.

    note: what a person should know of one.
    """

    workers: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Encoding:
    """All frames are there; encoding begins."""

    frames: int


@dataclass(frozen=True)
class Report:
    """A finished render: `seconds` it took, `duration` seconds of clip, frames `reused`."""

    output: Path
    frames: int
    reused: int
    duration: float
    seconds: float
    kept: Path | None


@dataclass(frozen=True)
class ShotsReport:
    """Some shots that are painted, by their numbers from 1; frames of theirs `reused`."""

    folder: Path
    shots: tuple[int, ...]
    frames: int
    reused: int
    seconds: float


Event = Looking | Plan | StepDone | FrameDone | Workforce | Encoding
Observer = Callable[[Event], None]


def nobody(_: Event) -> None:
    """The observer of a render that nobody watches."""
