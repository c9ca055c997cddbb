"""Judging a finished clip: every frame's scores, and what they come to. docs/evaluation.md."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from pathlib import Path

import numpy as np

from mnst_video.errors import InputError
from mnst_video.job.workplace import Count, CountObserver, at_work
from mnst_video.judge.fullness import in_words
from mnst_video.judge.judge import RECENT, FrameScores, Judge, StillScores
from mnst_video.judge.style import jumps, lag
from mnst_video.media.frames import Frame
from mnst_video.media.input.animation import is_animation
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.pictures import is_sequence
from mnst_video.media.input.rate import Rate
from mnst_video.media.input.settings import InputOptions
from mnst_video.options import Options
from mnst_video.plan.analysis import analyse
from mnst_video.plan.setup import prepare
from mnst_video.plan.source import clip_of

# Fine detail, in squared levels of 255, below which a picture is flat: rounding alone makes some.
FLAT = 0.01


@dataclass(frozen=True)
class Evaluation:
    """A clip's scores. frames: those of the output, in order. size: at which style is measured.

    stills: of some of its frames painted as stills, the last one among them.
    """

    frames: tuple[FrameScores, ...]
    fps: float
    size: tuple[int, int]
    seconds: float = 0.0
    stills: tuple[StillScores, ...] = ()

    def mean(self, name: str) -> float:
        """The mean of a score over the frames that have it; NaN where none has."""
        values = [getattr(frame, name) for frame in self.frames]
        known = [value for value in values if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

    @staticmethod
    def missing(scored: Sequence[FrameScores] | Sequence[StillScores]) -> tuple[float, ...]:
        """For each of `WORDS`, what is missing of the style: the median over frames or stills."""
        rows = [in_words(one.residuals) for one in scored]
        return tuple(np.median(rows, axis=0).tolist())

    @property
    def naked(self) -> tuple[float, ...]:
        """Mean naked shares of the area, at each threshold of `NAKED`."""
        return tuple(np.mean([frame.naked for frame in self.frames], axis=0).tolist())

    def _naked_where(self, name: str, area: Callable[[FrameScores], float]) -> float:
        """The naked share of an area that changes from frame to frame, by its size."""
        pairs = [(area(f), getattr(f, name)) for f in self.frames]
        known = [(weight, value) for weight, value in pairs if not math.isnan(value)]
        total = sum(weight for weight, _ in known)
        return sum(weight * value for weight, value in known) / total if total else math.nan

    @property
    def naked_uncovered(self) -> float:
        """The naked share of all areas that were uncovered lately."""
        return self._naked_where("naked_uncovered", lambda frame: frame.uncovered)

    @property
    def naked_elsewhere(self) -> float:
        """The naked share of all others."""
        return self._naked_where("naked_elsewhere", lambda frame: 1.0 - frame.uncovered)

    @property
    def lag(self) -> float:
        """Frames by which the look follows gamma; NaN where that cannot be told.

        That of the longest run of frames of one shot and one pair of styles where it can.
        """
        for run in sorted(self._runs(), key=len, reverse=True):
            frames = lag([f.wanted for f in run], [f.mix for f in run], round(self.fps))
            if not math.isnan(frames):
                return frames
        return math.nan

    @property
    def jumps(self) -> list[tuple[int, int | None]]:
        """The frame of each jump of the mix, and how many it then takes."""
        return [
            (run[at].frame, frames)
            for run in self._runs()
            for at, frames in jumps([f.wanted for f in run], [f.mix for f in run])
        ]

    def _runs(self) -> Iterator[list[FrameScores]]:
        """Frames of one shot and one pair of styles: only there w has one meaning."""
        for _, group in groupby(self.frames, key=lambda frame: (frame.shot, frame.pair)):
            yield list(group)

    @property
    def cuts(self) -> list[int]:
        """First frames of all shots but the first one."""
        return [b.frame for a, b in pairwise(self.frames) if a.shot != b.shot]

    def _ends(self) -> Iterator[tuple[list[FrameScores], list[FrameScores]]]:
        """First and last second of each shot, or first and last half of a short one."""
        for _, group in groupby(self.frames, key=lambda frame: frame.shot):
            frames = list(group)
            window = min(max(1, round(RECENT * self.fps)), len(frames) // 2)
            if window:
                yield frames[:window], frames[-window:]

    def grain(self, name: str) -> float:
        """High frequencies at a shot's end over those at its beginning; mean over the shots.

        name: "fine" of the output, "fine_input" of the input. A shot that begins flat is left out.
        """
        ratios = []
        for first, last in self._ends():
            begun, ended = (float(np.mean([getattr(f, name) for f in p])) for p in (first, last))
            if begun > FLAT:
                ratios.append(ended / begun)
        return float(np.mean(ratios)) if ratios else math.nan

    @property
    def drift(self) -> tuple[float, ...]:
        """Change of mean and deviation of luminance and saturation over a shot, less the input's.

        The largest over the shots by size, with its sign; 0..1 is black to white.
        """
        changes = [
            np.mean([np.subtract(f.colors, f.colors_input) for f in last], axis=0)
            - np.mean([np.subtract(f.colors, f.colors_input) for f in first], axis=0)
            for first, last in self._ends()
        ]
        if not changes:
            return (math.nan,) * 4
        stacked = np.array(changes)
        largest = np.abs(stacked).argmax(axis=0)
        return tuple(float(v) for v in stacked[largest, np.arange(4)])


def evaluate(
    source: Path | str,
    output: Path | str,
    options: Options,
    *,
    flow: Path | None = None,
    stills: int = 0,
    observe: CountObserver | None = None,
) -> Evaluation:
    """Judge `output`, a finished clip, against `source`, what it was made from.

    options: those of the render; which frames, styles and gamma are taken from them.
    flow: a folder with the true flow, `flow_0001.npy` and `valid_0001.npy` for frame 1 and so on,
        as `samples/make_samples.py --flow` writes it; None estimates it.
    stills: how many of the frames are painted as stills too, for comparison.
    observe: called with the frames and stills judged and all of them.
    Raises UsageError, InputError or MachineError.
    """
    count = Count(observe)
    clip = clip_of(source, options.input)
    # Pictures have no times; WebP leaves out what is like the picture before it.
    webp = is_animation(Path(output)) and not clip.times.vfr
    fps: Rate = clip.times.fps if webp or is_sequence(Path(output)) else "vfr"
    painted = clip_of(output, InputOptions(fps=fps))
    # The output has what it shows more than once so often.
    frames_at = [n for n in range(painted.times.frames) for _ in range(painted.times.shown(n))]
    with at_work(None, options.machine):
        setup = prepare(clip, options)
        wanted = _last_of(setup.frames, stills)
        count.total = len(setup.frames) + len(wanted)
        shown = [clip.times.shown(frame) for frame in setup.frames]
        if len(frames_at) != sum(shown):
            raise InputError(
                f"{output}: has {len(frames_at)} frames, and {sum(shown)} of {source} were "
                "to be rendered; give the same --start and --end"
            )
        analysis = analyse(setup)
        size = (painted.width, painted.height)
        judge = Judge(setup, analysis, flow, size)
        contents = read_frames(clip, *size, setup.frames.start, setup.frames.stop)
        firsts = [frames_at[tick] for tick in accumulate(shown[:-1], initial=0)]
        frames = read_frames(painted, *size, only={*firsts})
        found: list[FrameScores] = []
        compared: list[StillScores] = []
        with contextlib.closing(contents), contextlib.closing(frames):
            for content, frame in zip(contents, _each(frames, firsts), strict=True):
                number = setup.frames.start + len(found)
                found.append(judge(number, content, frame))
                count.one()
                if number in wanted:
                    compared.append(judge.still(number))
                    count.one()
    rate = float(clip.times.fps)
    return Evaluation(tuple(found), rate, setup.size, count.seconds, tuple(compared))


def _last_of(frames: range, count: int) -> set[int]:
    """The last of each of at most `count` parts of some frames."""
    count = min(count, len(frames))
    return {frames[len(frames) * part // count - 1] for part in range(1, count + 1)}


def _each(frames: Iterator[Frame], numbers: Sequence[int]) -> Iterator[Frame]:
    """For each of some numbers that do not decrease its frame; `frames` has each of them once."""
    last: int | None = None
    for number in numbers:
        if number != last:
            frame, last = next(frames), number
        yield frame
