"""Painting one shot as a chain of warm starts."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing

import torch

from mnst_video.media.frames import Frame
from mnst_video.method.device import leaves_cores_idle
from mnst_video.painting.aim import Aim
from mnst_video.painting.faces import Faces
from mnst_video.painting.flow import Motion, follow
from mnst_video.painting.frame import Previous, Result, StepCallback, first_frame, next_frame
from mnst_video.painting.played import played_frame
from mnst_video.painting.prefetch import ahead, each
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.timeline.fader import Fader


def stylize_shot(
    styles: Styles,
    calibrations: Calibrations,
    frames: Iterable[Frame],
    faders: Iterable[Fader],
    previous: Previous | None = None,
    callback: StepCallback | None = None,
    faces: Sequence[Faces] = (),
) -> Generator[Result, None, None]:
    """Stylize the frames of one shot in order, each warm-started from the one before.

    frames: the content, uint8 `(H, W, 3)`, RGB, at the working size; as many as `faders`.
    previous: the frame before the first one, to go on from; None starts the shot. Only 8 bits of
        its result are used, so what is read back from a file does as well.
    faces: those of each frame, which are to stay; empty where none are.
    """
    warm = styles.paint.warm_start
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
            aim = Aim.at(styles, calibrations, fader)
            if styles.player is not None:
                held = previous if warm else None
                result = played_frame(styles, content, aim, held, callback, motion, here)
            elif previous is None or not warm:
                result = first_frame(styles, content, aim, callback, faces=here)
            else:
                result = next_frame(styles, content, aim, previous, callback, motion, here)
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
