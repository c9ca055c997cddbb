"""Scoring a clip's frames in order."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnst_video.errors import UsageError
from mnst_video.judge.fullness import worst_tiles
from mnst_video.judge.grain import colors, high_frequencies
from mnst_video.judge.naked import (
    TILE,
    TILES_WIDTH,
    naked_shares,
    tile_areas,
    tile_improvements,
    tile_means,
)
from mnst_video.judge.stability import join, judge_flow, pull, warping_error
from mnst_video.judge.style import StyleScores
from mnst_video.media.frames import Frame, resize
from mnst_video.method.device import to_image
from mnst_video.method.losses import STYLE_LAYERS, content_loss
from mnst_video.painting.aim import Aim
from mnst_video.painting.flow import Flow, Mask, reliability
from mnst_video.painting.frame import first_frame
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.plan.analysis import Analysis
from mnst_video.plan.setup import Setup
from mnst_video.plan.shots import Shot
from mnst_video.timeline.fader import Fader

# Frames between a frame and the one of the long-term error.
LONG_TERM = 12
# Seconds after which an uncovered area counts as any other, and of the windows of grain and drift.
RECENT = 1.0
# Of a still that a frame is compared with.
STILL_STEPS = 100
# The share of the area that a tile speaks for, which makes it an uncovered one.
UNCOVERED_TILE = 0.5


@dataclass(frozen=True)
class FrameScores:
    """One frame's scores; NaN where there is none, as of E at a cut.

    frame: number in the whole clip. wanted: the mix w that was asked for. rho: the mean of
    residuals, of each style layer what is missing; worst: of the worst tiles, for each of `WORDS`.
    e, e_long: warping error
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
    residuals: tuple[float, ...]
    worst: tuple[float, ...]
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
class StillScores:
    """A still of a frame of the clip, with many steps: what the frame could be.

    As in `FrameScores`.
    """

    frame: int
    mix: float
    residuals: tuple[float, ...]
    worst: tuple[float, ...]


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
        tiles = replace(setup.options.paint, losses="relative")
        width, height = size
        self.tile_size = TILES_WIDTH, max(TILE, round(TILES_WIDTH * height / width))
        self.tile_styles = Styles(setup.network, tiles, setup.pictures, *self.tile_size)
        self.past: deque[_Past] = deque(maxlen=LONG_TERM + 1)
        self.shot: Shot | None = None
        # Frames since each pixel's place was uncovered, along the flow.
        self.age: Mask | None = None
        self.styles: tuple[Styles, Styles] | None = None

    def __call__(self, number: int, content: Frame, frame: Frame) -> FrameScores:
        shot = next(s for s in self.analysis.shots if s.start <= number < s.end)
        if shot != self.shot:
            self.shot, self.age = shot, None
            self.past.clear()
            palette = self.analysis.palette(shot)
            self.styles = (
                self.setup.styles.in_colors(palette),
                self.tile_styles.in_colors(palette),
            )
        assert self.styles is not None
        fader = self.setup.course.fader(number)
        flow, trust = self._flow(number, content)
        self.past.append(_Past(content, frame, flow, trust))
        calibrations = self.analysis.calibration(shot)
        styles, tile_styles = self.styles
        wanted = styles.mix(fader, calibrations)
        target = tile_styles.target(fader.pair, wanted)
        style, distance = self._style(frame, fader, calibrations)
        views = self._view(content), self._view(frame)
        naked = self._naked(tile_improvements(*views, target))
        e, e_input = self._error(1)
        e_long, e_long_input = self._error(LONG_TERM)
        return FrameScores(
            frame=number,
            shot=shot.index,
            seconds=float(self.setup.clip.times.begins[number]),
            gamma=fader.gamma,
            pair=fader.number,
            wanted=wanted,
            mix=style.mix,
            rho=style.rho,
            residuals=style.residuals,
            worst=worst_tiles(*views, target),
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

    def still(self, number: int) -> StillScores:
        """The scores of a still of the frame judged last, which has this number."""
        assert self.shot is not None
        assert self.styles is not None
        fader, calibrations = self.setup.course.fader(number), self.analysis.calibration(self.shot)
        able = self.styles[0].with_steps(STILL_STEPS)
        small = resize(self.past[-1].content, *self.setup.size)
        aim = Aim.at(able, calibrations, fader)
        return self.score_still(
            number, first_frame(able, small, aim, faces=able.faces(small)).frame
        )

    def score_still(self, number: int, still: Frame) -> StillScores:
        """The scores of a picture of the frame judged last, which has this number."""
        assert self.shot is not None
        assert self.styles is not None
        styles, tile_styles = self.styles
        fader, calibrations = self.setup.course.fader(number), self.analysis.calibration(self.shot)
        style, _ = self._style(still, fader, calibrations)
        target = tile_styles.target(fader.pair, styles.mix(fader, calibrations))
        worst = worst_tiles(self._view(self.past[-1].content), self._view(still), target)
        return StillScores(number, style.mix, style.residuals, worst)

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

    def _style(
        self, frame: Frame, fader: Fader, calibrations: Calibrations
    ) -> tuple[StyleScores, float]:
        """The style scores of a picture of the newest content, and its distance from that."""
        assert self.styles is not None
        styles, weights = self.styles[0], calibrations[fader.pair].weights
        bare, painted = (
            styles.look(resize(picture, *self.setup.size))
            for picture in (self.past[-1].content, frame)
        )
        before, after = (styles.compare(look, weights)[fader.pair] for look in (bare, painted))
        distance = float(content_loss(painted.content, bare.content)) / before.content
        return StyleScores.of(before, after, styles.mix(fader, calibrations)), distance

    def _view(self, picture: Frame) -> Mapping[str, Tensor]:
        """The features of a picture at the size in which its tiles are looked at."""
        network = self.tile_styles.network
        with torch.no_grad():
            image = to_image(resize(picture, *self.tile_size), network.device)
            features: Mapping[str, Tensor] = network(image, STYLE_LAYERS)
        return features

    def _naked(self, improvements: NDArray[np.float64]) -> _Naked:
        """What of the newest frame is naked: in all, in areas uncovered lately, and elsewhere."""
        width, height = self.tile_size
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
        limit = RECENT * float(self.setup.clip.times.fps)
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
