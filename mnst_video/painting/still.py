"""Painting single pictures: a still, begun small, and a sweep over γ."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from mnst_video.media.frames import Frame, Picture, resize
from mnst_video.method.vgg import VGG19
from mnst_video.painting.areas import Masks, aim_of
from mnst_video.painting.flow import follow
from mnst_video.painting.frame import Previous, Result, StepCallback, first_frame, next_frame
from mnst_video.painting.settings import Paint
from mnst_video.painting.styles import Styles
from mnst_video.timeline.fader import Fader

# Longer side of the size at which a still is begun: the network sees strokes of so many pixels.
COARSE_SIDE = 448
# Steps and rate of a finer size against those of the first, which has settled what is large.
FINER_STEPS, FINER_RATE = 0.4, 0.5


def paint_still(
    network: VGG19,
    paint: Paint,
    content: Frame,
    pictures: Sequence[Frame],
    fader: Fader,
    callback: StepCallback | None = None,
    masks: Masks | None = None,
) -> Result:
    """Stylize one picture, uint8 `(H, W, 3)`, RGB, at its own size.

    masks: of the same size; their split is what counts then, not the fader.

    Begun small and doubled until it is there (Gatys et al., "Controlling Perceptual Factors in
    Neural Style Transfer", CVPR 2017, section 6), so that strokes grow with the picture; with
    `coarse_to_fine` off, at full size at once.
    """
    height, width = content.shape[:2]
    result: Result | None = None
    for size, steps in still_stages(paint, width, height):
        small = resize(content, *size)
        start: Picture | None = None
        stage = replace(paint, first_steps=steps)
        if result is not None:
            larger = cv2.resize(result.pixels, size, interpolation=cv2.INTER_CUBIC)
            start = np.asarray(larger, np.float32).clip(0.0, 255.0)
            stage = replace(stage, first_rate=FINER_RATE * paint.first_rate)
        styles = Styles(network, stage, pictures, *size).in_colors_of([small])
        own = masks.resized(*size) if masks is not None else None
        aim = aim_of(styles, styles.calibrate([small]), fader, own)
        result = first_frame(styles, small, aim, callback, start, styles.faces(small))
    assert result is not None
    return result


def paint_sweep(
    network: VGG19,
    paint: Paint,
    content: Frame,
    pictures: Sequence[Frame],
    faders: Sequence[Fader],
    masks: Sequence[Masks | None] = (),
) -> Iterator[Result]:
    """One picture for each place of the crossfader, each but the first begun at the one before.

    So the look dissolves from one to the next: from the content, each would find strokes of its
    own, and they would flicker. Later ones are painted like the frames of a clip that stands still.
    masks: of each, or none.
    """
    height, width = content.shape[:2]
    styles = Styles(network, paint, pictures, width, height).in_colors_of([content])
    calibrations = styles.calibrate([content])
    faces = styles.faces(content)
    own = masks or [None] * len(faders)
    result = paint_still(network, paint, content, pictures, faders[0], masks=own[0])
    yield result
    still = follow(content, content)
    before = aim_of(styles, calibrations, faders[0], own[0])
    for fader, mask in zip(faders[1:], own[1:], strict=True):
        aim = aim_of(styles, calibrations, fader, mask, before, still)
        previous = Previous(content, result, before)
        result = next_frame(styles, content, aim, previous, motion=still, faces=faces)
        before = aim
        yield result


def still_stages(paint: Paint, width: int, height: int) -> list[tuple[tuple[int, int], int]]:
    """The sizes, (width, height), at which a still is painted in turn, and the steps at each."""
    sizes = [(width, height)]
    while paint.coarse_to_fine and max(sizes[0]) > 1.5 * COARSE_SIDE and min(sizes[0]) >= 64:
        sizes.insert(0, ((sizes[0][0] + 1) // 2, (sizes[0][1] + 1) // 2))
    finer = max(1, round(FINER_STEPS * paint.first_steps))
    return [(sizes[0], paint.first_steps), *((size, finer) for size in sizes[1:])]
