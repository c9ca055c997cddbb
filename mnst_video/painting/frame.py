"""Painting one frame: a first one from its content, a later one from the result before."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from torch import Tensor

from mnst_video.media.frames import Frame, Picture
from mnst_video.method.device import to_picture
from mnst_video.method.losses import Look, Losses, Objective, temporal_loss
from mnst_video.method.optimize import Hold, minimize
from mnst_video.method.regions import Levels, at_layer, by_layer
from mnst_video.painting.aim import Aim
from mnst_video.painting.faces import Faces, features_map
from mnst_video.painting.flow import Mask, Motion, follow, warp
from mnst_video.painting.settings import Paint
from mnst_video.painting.styles import Styles

# The change from which on a frame takes all its steps: where the target moves, a loss that does not
# fall is no sign of rest.
SETTLING_FADE = 0.005

# What keeps eyes and mouths: their lines, which the content layer, of block 4, has no more. With
# block 2 they are a photograph's; with more weight at block 4 they are smudged.
LINES_LAYER, LINES_WEIGHT = "block3_conv1", 0.8

# Called after each step with its number, the losses before it and the image after it.
StepCallback = Callable[[int, Losses, Tensor], None]


@dataclass(frozen=True)
class Figures:
    """The steps that a frame took, and its losses: content and style before the last step.

    content: relative to the energy of the content features; 0 is the content itself.
    style: relative to that of the bare content against the same target; 0 is the target. Both are
        NaN where no optimiser took a step.
    temporal: mean over all pixels of reliability times the squared difference from the warped
        previous result, with pixels in 0..1, at the end; 0 for the first frame of a shot.
    """

    steps: int
    content: float
    style: float
    temporal: float

    def to_json(self) -> dict[str, float | None]:
        """Numbers as JSON has them, which knows no NaN."""
        values = {field.name: getattr(self, field.name) for field in fields(Figures)}
        return {name: None if math.isnan(value) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "Figures":
        """The inverse of `to_json`; what else is there does not matter."""
        saved = {name: math.nan if value is None else value for name, value in saved.items()}
        return Figures(saved["steps"], saved["content"], saved["style"], saved["temporal"])


@dataclass(frozen=True)
class Result(Figures):
    """A stylized frame. pixels: float32 `(H, W, 3)`, RGB, 0..255.

    sides: what its paint is of, where it has masks, see `areas.MaskedAim`.
    """

    pixels: Picture
    sides: Levels | None = None

    @classmethod
    def of(
        cls, image: Tensor, losses: Losses, steps: int, aim: Aim, temporal: float = 0.0
    ) -> "Result":
        """From what an optimisation ends with."""
        return cls(
            steps=steps,
            content=float(losses.content) / aim.energy,
            style=float(losses.style) / aim.bare,
            temporal=temporal,
            pixels=to_picture(image),
        )

    @classmethod
    def again(cls, pixels: Picture, figures: Figures) -> "Result":
        """From what is kept of it."""
        return cls(figures.steps, figures.content, figures.style, figures.temporal, pixels)

    @property
    def figures(self) -> Figures:
        """What is known of it beside its pixels."""
        return Figures(self.steps, self.content, self.style, self.temporal)

    @property
    def frame(self) -> Frame:
        """The pixels rounded to 8 bits."""
        return np.asarray(self.pixels.round(), np.uint8)


@dataclass(frozen=True)
class Previous:
    """The frame before: its content, its result, of which 8 bits are used, and its aim."""

    content: Frame
    result: Result
    aim: Aim


def first_frame(
    styles: Styles,
    content: Frame,
    aim: Aim,
    callback: StepCallback | None = None,
    start: Picture | None = None,
    faces: Faces = (),
) -> Result:
    """A still, or a shot's first frame: a full run that starts from the content, or `start`.

    faces: of the content, which are to stay.
    """
    paint, image = styles.paint, styles.image(content)

    def rate(step: int, _: Losses) -> float:
        return paint.first_rate * math.pow(paint.rate_decay, step / 100)

    done = minimize(
        image if start is None else styles.image(start),
        objective(styles, image, aim, faces),
        aim.steps(),
        rate,
        levels=paint.pyramid_levels,
        pixel_rate=paint.pixel_rate,
        momentum=paint.momentum,
        callback=callback,
    )
    return Result.of(*done, aim)


def next_frame(
    styles: Styles,
    content: Frame,
    aim: Aim,
    previous: Previous,
    callback: StepCallback | None = None,
    motion: Motion | None = None,
    faces: Faces = (),
    start: Picture | None = None,
) -> Result:
    """A later frame: a few steps that start from the previous result along the flow.

    Where the flow cannot be trusted, the start is the content in the colours of the previous
    result: bare content there would stay bare, as the Grams are already satisfied elsewhere.
    Paint is fresh there, and all of it while gamma moves; all else is held to the warp.
    A frame that is the one before once more keeps its result, at no step.
    motion: how the content follows from that before; None finds it.
    faces: of the content, which are to stay.
    start: begin there instead.
    """
    if repeats(content, aim, previous):
        return replace(previous.result, steps=0)
    paint, painted = styles.paint, previous.result.frame
    backward, reliable = motion or follow(content, previous.content)
    reliable = aim.carried(reliable)
    warped = warp(painted.astype(np.float32), backward).clip(0.0, 255.0)
    warped, fill = aim.begun(content, previous.content, painted, warped, previous.aim)
    if start is None:
        start = (fill + reliable[..., None] * (warped - fill)).astype(np.float32)
    trusted = styles.image(reliable[..., None])
    moved, steps = aim.moved(previous.aim), aim.steps(previous.aim, 1.0 - float(reliable.mean()))
    rest = aim.rest(previous.aim)
    rests = trusted * (rest if isinstance(rest, float) else styles.image(rest[..., None]))
    hold = Hold(styles.image(warped), paint.temporal_weight * rests)
    image, losses, taken = minimize(
        styles.image(start),
        objective(styles, styles.image(content), aim.led(previous.aim), faces, aim.fresh(reliable)),
        steps,
        later_rate(paint, aim, rests, steps),
        levels=paint.pyramid_levels,
        pixel_rate=paint.pixel_rate,
        hold=hold,
        momentum=paint.momentum,
        settled=paint.settled * max(0.0, 1.0 - moved / SETTLING_FADE),
        callback=callback,
    )
    temporal = float(temporal_loss(image, hold.warped, trusted)) / 255.0**2
    return Result.of(image, losses, taken, aim, temporal)


def repeats(content: Frame, aim: Aim, previous: Previous) -> bool:
    """Whether a frame is the one before once more."""
    return aim.same(previous.aim) and np.array_equal(content, previous.content)


def later_rate(
    paint: Paint, aim: Aim, rests: Tensor, steps: int
) -> Callable[[int, Losses], Tensor]:
    """The learning rate of a later frame. rests: a mask `(1, 1, H, W)`, 0..1, of settled paint."""

    def rate(step: int, losses: Losses) -> Tensor:
        # Fresh paint dries over the steps; settled paint moves as far as style is missing.
        fresh = paint.fresh_rate * (1.0 - step / steps)
        # At most that of bare content: where the content is a style, nearly nothing is bare.
        missing = min(1.0, float(losses.style) / aim.bare)
        settled = paint.rate * math.sqrt(missing)
        return settled * rests + max(settled, fresh) * (1.0 - rests)

    return rate


def objective(
    styles: Styles,
    content: Tensor,
    aim: Aim,
    faces: Faces = (),
    uncovered: Mask | None = None,
) -> Objective:
    """What a frame is painted for. content: `(1, 3, H, W)`, RGB, 0..255.

    faces: of the content, which are to stay.
    uncovered: a mask `(H, W)`, 0..1, of an area with a style loss of its own.
    """
    paint = styles.paint
    look = Look.at(styles.network, content, paint.content_layer, style_layers=())
    if paint.uncovered_weight == 0.0:
        uncovered = None
    areas = aim.areas(uncovered)
    whole = Objective(
        network=styles.network,
        content_layer=paint.content_layer,
        content=look.content,
        target=aim.target,
        gram_divisor=styles.divisor,
        layer_weights=aim.layer_weights,
        content_weight=aim.content_weight,
        style_weight=aim.style_weight * aim.covered,
        kept=_kept(styles, content, faces, aim.hold),
        areas=areas,
    )
    if uncovered is None or areas:
        return whole
    mask = styles.image(uncovered[..., None])
    weight = paint.uncovered_weight * aim.style_weight * float(mask.mean())
    return replace(whole, uncovered=by_layer(mask), uncovered_weight=weight)


def _kept(
    styles: Styles, image: Tensor, faces: Faces, hold: Levels | None
) -> dict[str, tuple[Tensor, Tensor]]:
    """What keeps faces, and what is to be held like them: `Objective.kept`.

    It is relative to the energy of the picture's features. hold: uint8 `(H, W)`.
    """
    held = None if hold is None or not hold.any() else hold / np.float32(255.0)
    if not faces and held is None:
        return {}
    there = features_map(faces, *image.shape[2:]) if faces else held
    assert there is not None
    mask = styles.image((there if held is None else np.maximum(there, held))[..., None])
    lines = Look.at(styles.network, image, LINES_LAYER, style_layers=()).content
    weight = LINES_WEIGHT / lines.float().square().mean()
    return {LINES_LAYER: (lines, weight * at_layer(mask, LINES_LAYER))}
