"""Painting one shot as a chain of warm starts."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import torch

from mnst_video.media.frames import Frame
from mnst_video.method.device import leaves_cores_idle
from mnst_video.painting.areas import MaskedAim, Masks, aim_of
from mnst_video.painting.faces import Faces
from mnst_video.painting.flow import Motion, follow
from mnst_video.painting.frame import Previous, Result, StepCallback, first_frame, next_frame
from mnst_video.painting.played import played_frame
from mnst_video.painting.prefetch import ahead, each
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.timeline.fader import Fader


@dataclass(frozen=True)
class Seam:
    """The first frames of a piece of a shot, painted anew from the piece before.

    Each starts from, and is held to, a mix of the frame before with the piece's own, more of that
    each time: the last one is the piece's own to the byte, and the style is repaired in each. Mixed
    pixels alone would lack most of the strokes (docs/benchmarks.md).
    own: the piece's own results of the frame before each of these; None where there is none.
    left: frames to the end of the seam, with the first of these.
    """

    own: Sequence[Frame | None]
    left: int

    def drawn(self, result: Result, number: int) -> Result:
        """The result before frame `number` of these, drawn to the piece's own."""
        if (own := self.own[number]) is None:
            return result
        before = result.frame.astype(np.float32)
        mixed = before + (own.astype(np.float32) - before) / (self.left - number)
        return replace(result, pixels=np.asarray(mixed.round(), np.float32))


def stylize_shot(
    styles: Styles,
    calibrations: Calibrations,
    frames: Iterable[Frame],
    faders: Iterable[Fader],
    previous: Previous | None = None,
    callback: StepCallback | None = None,
    faces: Sequence[Faces] = (),
    seam: Seam | None = None,
    masks: Iterable[Masks] | None = None,
) -> Generator[Result, None, None]:
    """Stylize the frames of one shot in order, each warm-started from the one before.

    frames: the content, uint8 `(H, W, 3)`, RGB, at the working size; as many as `faders`.
    previous: the frame before the first one, to go on from; None starts the shot. Only 8 bits of
        its result are used, so what is read back from a file does as well.
    faces: those of each frame, which are to stay; empty where none are.
    seam: of what the frames are, if of any.
    masks: those of each frame, whose splits are what counts then, not the faders.
    """
    warm = styles.paint.warm_start
    theirs = None if masks is None else iter(masks)
    pairs = _pairs(frames, previous.content if previous else None)
    moving: Generator[tuple[Frame, Motion | None], None, None]
    if warm and leaves_cores_idle(styles.network.device):
        # It has painted a frame before a core has found how it moves.
        moving = ahead(each(_moving, pairs, torch.get_num_threads()))
    else:
        moving = ((content, None) for content, _ in pairs)
    with closing(moving):
        for number, ((content, motion), fader) in enumerate(zip(moving, faders, strict=True)):
            here = faces[number] if faces else ()
            if seam is not None and previous is not None:
                previous = replace(previous, result=seam.drawn(previous.result, number))
            own = None if theirs is None else next(theirs)
            before = previous.aim if warm and previous is not None else None
            if own is not None and previous is not None and before is not None and motion is None:
                motion = follow(content, previous.content)
            aim = aim_of(styles, calibrations, fader, own, before, motion)
            if styles.player is not None:
                held = previous if warm else None
                result = played_frame(styles, content, aim, held, callback, motion, here)
            elif previous is None or not warm:
                result = first_frame(styles, content, aim, callback, faces=here)
            else:
                result = next_frame(styles, content, aim, previous, callback, motion, here)
            if isinstance(aim, MaskedAim):
                result = replace(result, sides=aim.sides)
            previous = Previous(content, result, aim)
            yield result


def _pairs(frames: Iterable[Frame], before: Frame | None) -> Iterator[tuple[Frame, Frame | None]]:
    """Each frame with the one before it."""
    for frame in frames:
        yield frame, before
        before = frame


def _moving(pair: tuple[Frame, Frame | None]) -> tuple[Frame, Motion | None]:
    """A frame, and how it follows from the one before."""
    frame, before = pair
    return frame, None if before is None else follow(frame, before)
