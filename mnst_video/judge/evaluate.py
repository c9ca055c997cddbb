"""Judging a finished clip: every frame's scores, and what they come to. docs/evaluation.md."""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from pathlib import Path

import numpy as np

from mnst_video.errors import InputError, UsageError
from mnst_video.judge.stability import (
    TILE,
    TILES_WIDTH,
    StyleScores,
    colors,
    high_frequencies,
    join,
    judge_flow,
    jumps,
    lag,
    naked_shares,
    pull,
    tile_areas,
    tile_improvements,
    tile_means,
    warping_error,
)
from mnst_video.media.images import Frame, resize
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.pictures import is_sequence, probe_sequence
from mnst_video.media.input.probe import probe
from mnst_video.method.crossfade import Grams
from mnst_video.method.losses import content_loss
from mnst_video.options import Options
from mnst_video.painting.flow import Flow, Mask, reliability
from mnst_video.painting.frame import Stylist
from mnst_video.plan.setup import Analysis, Setup, analyse, clip_of, memory_errors, prepare
from mnst_video.plan.shots import Shot
from mnst_video.timeline.keys import Fader

# Frames between a frame and the one of the long-term error.
LONG_TERM = 12
# Seconds after which an uncovered area counts as any other, and of the windows of grain and drift.
RECENT = 1.0
# The share of the area that a tile speaks for, which makes it an uncovered one.
UNCOVERED_TILE = 0.5
# Fine detail, in squared levels of 255, below which a picture is flat: rounding alone makes some.
FLAT = 0.01


@dataclass(frozen=True)
class FrameScores:
    """One frame's scores; NaN where there is none, as of E at a cut.

    frame: number in the whole clip. wanted: the mix w that was asked for. e, e_long: warping error
    from t - 1 and t - 12, of the output and of the input. naked: at each threshold of `NAKED`;
    uncovered: the share of the area that was uncovered lately, and what of it is naked.
    fine: mean squares of the high frequencies. colors: means and deviations of luminance and
    saturation. content: squared feature distance over the content's energy.
    """

    frame: int
    shot: int
    seconds: float
    gamma: float
    pair: int
    wanted: float
    mix: float
    rho: float
    ri1: float
    ri2: float
    content: float
    e: float
    e_input: float
    e_long: float
    e_long_input: float
    naked: tuple[float, ...]
    uncovered: float
    naked_uncovered: float
    naked_elsewhere: float
    fine: float
    fine_input: float
    colors: tuple[float, ...]
    colors_input: tuple[float, ...]


@dataclass(frozen=True)
class Evaluation:
    """A clip's scores. frames: those of the output, in order. size: at which style is measured."""

    frames: tuple[FrameScores, ...]
    fps: float
    size: tuple[int, int]
    seconds: float = 0.0

    def mean(self, name: str) -> float:
        """The mean of a score over the frames that have it; NaN where none has."""
        values = [getattr(frame, name) for frame in self.frames]
        known = [value for value in values if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

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
    observe: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Judge `output`, a finished clip, against `source`, what it was made from.

    options: those of the render; which frames, styles and gamma are taken from them.
    flow: a folder with the true flow, `flow_0001.npy` and `valid_0001.npy` for frame 1 and so on,
        as `samples/make_samples.py --flow` writes it; None estimates it.
    observe: called with the frames judged and all frames.
    Raises UsageError, InputError or MachineError.
    """
    begun = time.monotonic()
    # The output has what it shows more than once so often.
    info = clip_of(source, options)
    if is_sequence(Path(output)):
        painted = probe_sequence(Path(output), rate=info.fps)
    else:
        painted = probe(output, rate="vfr")
    with memory_errors(options):
        setup = prepare(info, options)
        count = len(setup.frames)
        shown = [info.shown(frame) for frame in setup.frames]
        if painted.frames != sum(shown):
            raise InputError(
                f"{output}: has {painted.frames} frames, and {sum(shown)} of {source} were to be "
                f"rendered; give the same --start and --end"
            )
        analysis = analyse(setup)
        size = (painted.width, painted.height)
        judge = Judge(setup, analysis, flow, size)
        contents = read_frames(info, *size, setup.frames.start, setup.frames.stop)
        firsts = {0, *accumulate(shown)}
        frames = read_frames(painted, *size, only=firsts)
        found: list[FrameScores] = []
        with contextlib.closing(contents), contextlib.closing(frames):
            for content, frame in zip(contents, frames, strict=True):
                found.append(judge(setup.frames.start + len(found), content, frame))
                if observe is not None:
                    observe(len(found), count)
    seconds = time.monotonic() - begun
    return Evaluation(tuple(found), float(info.fps), setup.size, seconds)


@dataclass(frozen=True)
class _Past:
    """A frame of the shot: content, output, and the backward flow with where to trust it."""

    content: Frame
    frame: Frame
    flow: Flow
    trust: Mask


@dataclass(frozen=True)
class _Naked:
    naked: tuple[float, ...]
    uncovered: float
    naked_uncovered: float
    naked_elsewhere: float


class Judge:
    """Scores frames in order; keeps what the long-term error and the uncovered areas need."""

    def __init__(
        self, setup: Setup, analysis: Analysis, flow: Path | None, size: tuple[int, int]
    ) -> None:
        self.setup, self.analysis, self.folder = setup, analysis, flow
        tiles = setup.options.model_copy(update={"losses": "relative"})
        width, height = size
        self.tile_size = TILES_WIDTH, max(TILE, round(TILES_WIDTH * height / width))
        self.tile_stylist = Stylist(setup.network, tiles, setup.styles, *self.tile_size)
        self.past: deque[_Past] = deque(maxlen=LONG_TERM + 1)
        self.shot: Shot | None = None
        # Frames since each pixel's place was uncovered, along the flow.
        self.age: Mask | None = None
        self.stylists: tuple[Stylist, Stylist] | None = None

    def __call__(self, number: int, content: Frame, frame: Frame) -> FrameScores:
        shot = next(s for s in self.analysis.shots if s.start <= number < s.end)
        if shot != self.shot:
            self.shot, self.age = shot, None
            self.past.clear()
            palette = self.analysis.palette(shot)
            self.stylists = (
                self.setup.stylist.in_colors(palette),
                self.tile_stylist.in_colors(palette),
            )
        assert self.stylists is not None
        fader = self.setup.score.fader(number)
        flow, trust = self._flow(number, content)
        self.past.append(_Past(content, frame, flow, trust))
        calibrations = self.analysis.calibration(shot)
        stylist, tile_stylist = self.stylists
        wanted = stylist.mix(fader, calibrations)
        style, distance = self._style(stylist, fader, wanted)
        naked = self._naked(tile_stylist.target(fader.pair, wanted))
        e, e_input = self._error(1)
        e_long, e_long_input = self._error(LONG_TERM)
        return FrameScores(
            frame=number,
            shot=shot.index,
            seconds=float(self.setup.info.times[number]),
            gamma=fader.gamma,
            pair=fader.pair + 1,
            wanted=wanted,
            mix=style.mix,
            rho=style.rho,
            ri1=style.ri1,
            ri2=style.ri2,
            content=distance,
            e=e,
            e_input=e_input,
            e_long=e_long,
            e_long_input=e_long_input,
            naked=naked.naked,
            uncovered=naked.uncovered,
            naked_uncovered=naked.naked_uncovered,
            naked_elsewhere=naked.naked_elsewhere,
            fine=high_frequencies(frame),
            fine_input=high_frequencies(content),
            colors=colors(frame),
            colors_input=colors(content),
        )

    def _flow(self, number: int, content: Frame) -> tuple[Flow, Mask]:
        """Backward flow and where to trust it: nowhere at the first frame of a shot."""
        if not self.past:
            height, width = content.shape[:2]
            return np.zeros((height, width, 2), np.float32), np.zeros((height, width), np.float32)
        before = self.past[-1].content
        if self.folder is not None:
            return _true_flow(self.folder, number, content.shape[:2])
        backward, forward = judge_flow(content, before), judge_flow(before, content)
        return backward, reliability(backward, forward)

    def _error(self, back: int) -> tuple[float, float]:
        """The warping error from `back` frames ago, of the output and of the input."""
        past = list(self.past)[::-1]
        if len(past) <= back:
            return math.nan, math.nan
        flow, trust = past[0].flow, past[0].trust
        for step in past[1:back]:
            flow, trust = join(flow, trust, step.flow, step.trust)
        now, then = past[0], past[back]
        return (
            warping_error(now.frame, then.frame, flow, trust),
            warping_error(now.content, then.content, flow, trust),
        )

    def _style(self, stylist: Stylist, fader: Fader, wanted: float) -> tuple[StyleScores, float]:
        """The style scores of the newest frame, and its distance from the content."""
        content, frame = (
            stylist.look(resize(picture, *self.setup.size))
            for picture in (self.past[-1].content, self.past[-1].frame)
        )
        before, after = (stylist.compare([look])[fader.pair] for look in (content, frame))
        distance = float(content_loss(frame.content, content.content)) / before.content
        return StyleScores.of(before, after, wanted), distance

    def _naked(self, target: Grams) -> _Naked:
        """What of the newest frame is naked: in all, in areas uncovered lately, and elsewhere."""
        width, height = self.tile_size
        content, frame = (
            resize(picture, width, height)
            for picture in (self.past[-1].content, self.past[-1].frame)
        )
        improvements = tile_improvements(self.setup.network, content, frame, target)
        rows, columns = improvements.shape
        areas = tile_areas(rows, columns, width, height)
        recent = resize(self._recent(), width, height) / 255.0
        uncovered = tile_means(recent, rows, columns) >= UNCOVERED_TILE
        return _Naked(
            naked=naked_shares(improvements, areas),
            uncovered=float((areas * uncovered).sum() / areas.sum()),
            naked_uncovered=naked_shares(improvements, areas, uncovered)[1],
            naked_elsewhere=naked_shares(improvements, areas, ~uncovered)[1],
        )

    def _recent(self) -> Frame:
        """Where the newest frame shows what was uncovered within the last second: 255 or 0."""
        newest = self.past[-1]
        limit = RECENT * float(self.setup.info.fps)
        if self.age is None:
            # A shot's first frame is painted from the content: nothing in it counts.
            self.age = np.full(newest.content.shape[:2], limit, np.float32)
        else:
            # Not beyond the limit: sampling between pixels would let an old neighbour wear it away.
            age = np.minimum(pull(self.age, newest.flow) + 1.0, limit)
            self.age = np.where(newest.trust > 0.5, age, 0.0).astype(np.float32)
        return np.where(self.age < limit, 255, 0).astype(np.uint8)


def _true_flow(folder: Path, number: int, shape: tuple[int, ...]) -> tuple[Flow, Mask]:
    """The true flow of a frame and where it holds. Raises UsageError where there is none."""
    paths = [folder / f"{name}_{number:04d}.npy" for name in ("flow", "valid")]
    try:
        flow, valid = (np.load(path, allow_pickle=False) for path in paths)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"--flow {folder}: no flow of frame {number} ({error})") from None
    if flow.shape != (*shape, 2) or valid.shape != shape:
        raise UsageError(f"--flow {folder}: of another size than the output")
    return flow.astype(np.float32), valid.astype(np.float32)
