"""Painting a frame with a trained network, held along the flow, and polished where it is asked."""

import math
from dataclasses import replace

import numpy as np

from mnst_video.media.frames import Frame
from mnst_video.model.play import paint_with
from mnst_video.painting.aim import Aim
from mnst_video.painting.faces import Faces
from mnst_video.painting.flow import Motion, follow, warp
from mnst_video.painting.frame import (
    Previous,
    Result,
    StepCallback,
    first_frame,
    next_frame,
    repeats,
)
from mnst_video.painting.styles import Styles

# The share of the warped previous result where the flow can be trusted and the mix rests: what a
# network does differently from frame to frame is evened out.
HELD = 0.6


def played_frame(
    styles: Styles,
    content: Frame,
    aim: Aim,
    previous: Previous | None = None,
    callback: StepCallback | None = None,
    motion: Motion | None = None,
    faces: Faces = (),
) -> Result:
    """A frame by the network of the styles; see `next_frame` for what is given.

    As many steps of the optimiser go on from there as the styles have; at 0 none do.
    """
    assert styles.player is not None
    if previous is not None and repeats(content, aim, previous):
        return replace(previous.result, steps=0)
    player = styles.player
    picture = aim.blended(
        lambda part: paint_with(player, content, styles.shares(part.fader.pair, part.w))
    )
    temporal = 0.0
    if previous is not None:
        motion = motion or follow(content, previous.content)
        backward, trust = motion[0], aim.carried(motion[1])
        warped = warp(previous.result.frame.astype(np.float32), backward).clip(0.0, 255.0)
        held = (HELD * aim.rest(previous.aim) * trust)[..., None]
        picture = (picture + held * (warped - picture)).astype(np.float32)
        temporal = float((trust[..., None] * ((picture - warped) / 255.0) ** 2).mean())
    if styles.paint.steps == 0:
        return Result(0, math.nan, math.nan, temporal, picture)
    if previous is None:
        return first_frame(styles, content, aim, callback, picture, faces)
    return next_frame(styles, content, aim, previous, callback, motion, faces, picture)
