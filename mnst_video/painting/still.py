"""Painting single pictures: a still, begun small, and a sweep over γ."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np

from mnst_video.media.frames import Frame, resize, working_size
from mnst_video.method.vgg import VGG19
from mnst_video.options import Options
from mnst_video.painting.flow import Picture
from mnst_video.painting.machine import load_network
from mnst_video.painting.palette import Palette
from mnst_video.painting.styles import Previous, Result, StepCallback, Stylist
from mnst_video.timeline.fader import Fader

# Longer side of the size at which a still is begun: the network sees strokes of so many pixels.
COARSE_SIDE = 448
# Steps and rate of a finer size against those of the first, which has settled what is large.
FINER_STEPS, FINER_RATE = 0.4, 0.5


def stylize_image(
    content: Frame,
    style1: Frame,
    style2: Frame,
    gamma: float = 0.5,
    options: Options | None = None,
) -> Frame:
    """Stylize one picture with two styles: gamma = 1 is style 1 alone, 0 is style 2 alone.

    Pictures are uint8 `(H, W, 3)`, RGB; style images may have any size. The result has the
    content's size, or `options.max_side` on its longer side where the content is larger.
    Raises ValueError for gamma outside 0..1, MachineError without weights, DivergedError where
    the loss does not stay finite.
    """
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"gamma must be between 0 and 1, not {gamma}")
    options = options or Options()
    height, width = content.shape[:2]
    width, height = working_size(width, height, options.max_side or max(width, height))
    content = resize(content, width, height)
    network = load_network(options)
    return paint_still(network, options, content, (style1, style2), Fader(0, gamma)).frame


def paint_still(
    network: VGG19,
    options: Options,
    content: Frame,
    styles: Sequence[Frame],
    fader: Fader,
    callback: StepCallback | None = None,
) -> Result:
    """Stylize one picture, uint8 `(H, W, 3)`, RGB, at its own size.

    Begun small and doubled until it is there (Gatys et al., "Controlling Perceptual Factors in
    Neural Style Transfer", CVPR 2017, section 6), so that strokes grow with the picture; with
    `coarse_to_fine` off, at full size at once.
    """
    height, width = content.shape[:2]
    result: Result | None = None
    for size, steps in still_stages(options, width, height):
        small = resize(content, *size)
        start: Picture | None = None
        change: dict[str, float] = {"first_steps": steps}
        if result is not None:
            larger = cv2.resize(result.pixels, size, interpolation=cv2.INTER_CUBIC)
            start = np.asarray(larger, np.float32).clip(0.0, 255.0)
            change["first_rate"] = FINER_RATE * options.first_rate
        stylist = Stylist(network, options.model_copy(update=change), styles, *size)
        stylist = stylist.in_colors(Palette.of([small]) if options.colors == "keep" else None)
        result = stylist.first_frame(small, fader, stylist.calibrate([small]), callback, start)
    assert result is not None
    return result


def paint_sweep(
    network: VGG19,
    options: Options,
    content: Frame,
    styles: Sequence[Frame],
    faders: Sequence[Fader],
) -> Iterator[Result]:
    """One picture for each place of the crossfader, each but the first begun at the one before.

    So the look dissolves from one to the next: from the content, each would find strokes of its
    own, and they would flicker. Later ones are painted like the frames of a clip that stands still.
    """
    height, width = content.shape[:2]
    stylist = Stylist(network, options, styles, width, height)
    stylist = stylist.in_colors(Palette.of([content]) if options.colors == "keep" else None)
    calibrations = stylist.calibrate([content])
    result = paint_still(network, options, content, styles, faders[0])
    yield result
    for before, fader in pairwise(faders):
        previous = Previous(content, result, before)
        result = stylist.next_frame(content, fader, calibrations, previous)
        yield result


def still_stages(options: Options, width: int, height: int) -> list[tuple[tuple[int, int], int]]:
    """The sizes, (width, height), at which a still is painted in turn, and the steps at each."""
    sizes = [(width, height)]
    while options.coarse_to_fine and max(sizes[0]) > 1.5 * COARSE_SIDE and min(sizes[0]) >= 64:
        sizes.insert(0, ((sizes[0][0] + 1) // 2, (sizes[0][1] + 1) // 2))
    finer = max(1, round(FINER_STEPS * options.first_steps))
    return [(sizes[0], options.first_steps), *((size, finer) for size in sizes[1:])]
