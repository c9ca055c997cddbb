"""Scoring a clip's frames in order."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
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
from mnst_video.judge.parts import NEAR, Part, PartScores, parts_of
from mnst_video.judge.stability import join, judge_flow, near_boundary, pull, warping_error
from mnst_video.judge.style import StyleScores
from mnst_video.media.frames import Frame, resize
from mnst_video.method.crossfade import Grams
from mnst_video.method.device import to_image
from mnst_video.method.losses import STYLE_LAYERS, content_loss
from mnst_video.painting.areas import Masks, aim_of
from mnst_video.painting.flow import Flow, Mask, reliability
from mnst_video.painting.frame import first_frame
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.plan.analysis import Analysis
from mnst_video.plan.setup import Setup
from mnst_video.plan.shots import Shot

# Frames between a frame and the one of the long-term error.
LONG_TERM = 12
# Seconds after which an uncovered area counts as any other, and of the windows of grain and drift.
RECENT = 1.0
# Of a still that a frame is compared with.
STILL_STEPS = 100
# The share of the area that a tile speaks for, which makes it an uncovered one.
UNCOVERED_TILE = 0.5
# The share of a tile that paint has to be on, for it to count.
PAINTED_TILE = 0.5


@dataclass(frozen=True)
class FrameScores:
    """One frame's scores; NaN where there is none, as of E at a cut.

    frame: number in the whole clip. wanted: the mix w that was asked for. rho: the mean of
    residuals, of each style layer what is missing; worst: of the worst tiles, for each of `WORDS`.
    e, e_long: warping error
    from t - 1 and t - 12, of the output and of the input. naked: at each threshold of `NAKED`;
    uncovered: the share of the area that was uncovered lately, and what of it is naked.
    parts: of a frame with masks what each region has; then wanted, mix, residuals and the rest are
    their means by area. e_boundary: E near the boundaries of a mask of γ, e_inside: elsewhere.
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
    e_boundary: float = math.nan
    e_inside: float = math.nan
    parts: tuple[PartScores, ...] = ()


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
    masks: Masks | None = None


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
        self.masks = setup.masks_of(analysis.shots, setup.frames)
        self.parts: Sequence[Part] = ()
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
        masks = None if self.masks is None else next(self.masks)
        self.past.append(_Past(content, frame, flow, trust, masks))
        calibrations = self.analysis.calibration(shot)
        self.parts = parts_of(fader, masks)
        style, distance, parts = self._style(frame, calibrations)
        views = self._view(content), self._view(frame)
        targets = self._targets(calibrations)
        naked = self._naked([tile_improvements(*views, target) for target in targets])
        e_boundary, e_inside = self._error_by_place()
        e, e_input = self._error(1)
        e_long, e_long_input = self._error(LONG_TERM)
        return FrameScores(
            frame=number,
            shot=shot.index,
            seconds=float(self.setup.clip.times.begins[number]),
            gamma=fader.gamma,
            pair=fader.number,
            wanted=sum(part.share * part.wanted for part in parts),
            mix=style.mix,
            rho=style.rho,
            residuals=style.residuals,
            worst=worst_tiles(*views, targets, self._tile_masks()),
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
            e_boundary=e_boundary,
            e_inside=e_inside,
            parts=parts if masks is not None else (),
        )

    def still(self, number: int) -> StillScores:
        """The scores of a still of the frame judged last, which has this number."""
        assert self.shot is not None
        assert self.styles is not None
        fader, calibrations = self.setup.course.fader(number), self.analysis.calibration(self.shot)
        able = self.styles[0].with_steps(STILL_STEPS)
        small = resize(self.past[-1].content, *self.setup.size)
        aim = aim_of(able, calibrations, fader, self.past[-1].masks)
        return self.score_still(
            number, first_frame(able, small, aim, faces=able.faces(small)).frame
        )

    def score_still(self, number: int, still: Frame) -> StillScores:
        """The scores of a picture of the frame judged last, which has this number."""
        assert self.shot is not None
        calibrations = self.analysis.calibration(self.shot)
        style, _, _ = self._style(still, calibrations)
        views = self._view(self.past[-1].content), self._view(still)
        worst = worst_tiles(*views, self._targets(calibrations), self._tile_masks())
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

    def _error_by_place(self) -> tuple[float, float]:
        """The warping error of the output near the boundaries of a mask of γ, and elsewhere."""
        if len(self.past) < 2:
            return math.nan, math.nan
        now, then = self.past[-1], self.past[-2]
        if now.masks is None or then.masks is None:
            return math.nan, math.nan
        height, width = now.frame.shape[:2]
        sides, earlier = (masks.resized(width, height).sides for masks in (now.masks, then.masks))
        near = near_boundary(sides, earlier, NEAR)
        if not near.any():
            return math.nan, math.nan
        at, elsewhere = (
            warping_error(now.frame, then.frame, now.flow, now.trust * where.astype(np.float32))
            for where in (near, ~near)
        )
        return at, elsewhere

    def _style(
        self, frame: Frame, calibrations: Calibrations
    ) -> tuple[StyleScores, float, tuple[PartScores, ...]]:
        """The style scores of a picture of the newest content, and its distance from that.

        Also those of its parts, by whose area they are weighed.
        """
        assert self.styles is not None
        styles = self.styles[0]
        masks = [part.mask for part in self.parts if part.mask is not None]
        bare, painted = (
            styles.looks_at(small, masks) if masks else [styles.look(small)]
            for small in (
                resize(picture, *self.setup.size) for picture in (self.past[-1].content, frame)
            )
        )
        scores: list[StyleScores] = []
        found: list[PartScores] = []
        covered = sum(part.share for part in self.parts) or 1.0
        for part, look, shown in zip(self.parts, bare, painted, strict=True):
            pair = part.fader.pair
            weights, w = calibrations[pair].weights, styles.mix(part.fader, calibrations)
            before, after = (styles.compare(seen, weights)[pair] for seen in (look, shown))
            own = StyleScores.of(before, after, w)
            scores.append(own)
            share = part.share / covered
            gamma, number = part.fader.gamma, part.fader.number
            found.append(PartScores(gamma, number, share, w, own.mix, own.residuals))
        distance = float(content_loss(painted[0].content, bare[0].content)) / before.content
        mean = StyleScores.mean(scores, [part.share for part in found])
        return mean, distance, tuple(found)

    def _targets(self, calibrations: Calibrations) -> list[Grams]:
        """What each part is painted towards, at the size in which tiles are looked at."""
        assert self.styles is not None
        styles, tile_styles = self.styles
        faders = [part.fader for part in self.parts]
        return [tile_styles.target(f.pair, styles.mix(f, calibrations)) for f in faders]

    def _tile_masks(self) -> list[Tensor]:
        """The masks of the parts at that size."""
        masks = [part.mask for part in self.parts if part.mask is not None]
        small = (cv2.resize(m, self.tile_size, interpolation=cv2.INTER_AREA) for m in masks)
        return [self.tile_styles.image(np.asarray(mask)[..., None]) for mask in small]

    def _view(self, picture: Frame) -> Mapping[str, Tensor]:
        """The features of a picture at the size in which its tiles are looked at."""
        network = self.tile_styles.network
        with torch.no_grad():
            image = to_image(resize(picture, *self.tile_size), network.device)
            features: Mapping[str, Tensor] = network(image, STYLE_LAYERS)
        return features

    def _naked(self, by_part: Sequence[NDArray[np.float64]]) -> _Naked:
        """What of the newest frame is naked: in all, in areas uncovered lately, and elsewhere.

        by_part: the improvements of tiles against the target of each part, of which a tile has that
        of the part that it is of; where no paint is, none counts.
        """
        width, height = self.tile_size
        rows, columns = by_part[0].shape
        improvements = by_part[0]
        areas = tile_areas(rows, columns, width, height)
        if masks := self._tile_masks():
            shares = np.array(
                [tile_means(m[0, 0].cpu().double().numpy(), rows, columns) for m in masks]
            )
            own = shares.argmax(axis=0)
            improvements = np.take_along_axis(np.array(by_part), own[None], axis=0)[0]
            areas = areas * (shares.sum(axis=0) >= PAINTED_TILE)
        recent = resize(self._recent(), width, height) / 255.0
        uncovered = tile_means(recent, rows, columns) >= UNCOVERED_TILE
        return _Naked(
            naked=naked_shares(improvements, areas),
            uncovered=float((areas * uncovered).sum() / max(areas.sum(), 1.0)),
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
