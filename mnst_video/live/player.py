"""A model that paints one frame after another as they come, held along a quick flow."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnst_video.media.frames import Frame
from mnst_video.model.file import Model
from mnst_video.model.play import paint_frame
from mnst_video.painting.aim import rest_of
from mnst_video.painting.played import HELD
from mnst_video.timeline.fader import Fader

# The longer side that motion is looked for at.
FLOW_SIDE = 256
# Frames that are painted at once.
AT_ONCE = 2
# Levels of 255 by which a place may differ from where it came from, and still be the same; up to
# the second less and less so.
ALIKE, OTHER = 8.0, 20.0
# The share of a picture that has to come from the one before; less is a cut.
LEFT = 0.3

EDGE = cv2.BORDER_REPLICATE
Small = NDArray[np.uint8]


@dataclass(frozen=True)
class Begun:
    """A frame whose painting has begun."""

    frame: Frame
    mix: Tensor
    picture: Future[Frame]


class Player:
    """Call it with a frame and the place of the crossfader, 0..1, for the painted frame.

    Of two paintings 1 is the first and 0 the second, as with γ; of more, 0 is the first and 1 the
    last. What is held is `painting.played`'s, with a flow that takes milliseconds: coarse, in one
    direction, and trusted where both frames look alike.

    A network so small gains little from threads that share a frame: `begin` some frames, as many as
    `at_once`, and `end` them in the same order.
    """

    def __init__(self, model: Model, device: torch.device, dtype: torch.dtype) -> None:
        self.network = model.network.to(device).to_play(dtype)
        self.device, self.scales = device, model.scales
        self.paintings = len(model.paintings)
        threads = torch.get_num_threads() if device.type == "cpu" else 1
        self.at_once = min(AT_ONCE, threads)
        torch.set_num_threads(max(1, threads // self.at_once))
        self._painters = ThreadPoolExecutor(self.at_once)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._before: tuple[Small, Frame, Tensor] | None = None

    def warm_up(self, size: tuple[int, int]) -> None:
        """Paint nothing in particular: the first frames of a size take many times as long.

        size: (width, height).
        """
        nothing = np.zeros((size[1], size[0], 3), np.uint8)
        for begun in [self.begin(nothing, 0.5) for _ in range(self.at_once)]:
            begun.picture.result()

    def mix(self, place: float) -> Tensor:
        """The share of each painting at a place."""
        if self.paintings == 2:
            fader = Fader(0, place)
        else:
            fader = Fader.at_position(1.0 + place * (self.paintings - 1), self.paintings)
        scale = self.scales[fader.pair]
        w = float(np.interp(fader.gamma, np.linspace(0.0, 1.0, len(scale)), scale))
        shares = torch.zeros(self.paintings)
        shares[fader.pair], shares[fader.pair + 1] = w, 1.0 - w
        return shares.to(self.device)

    def __call__(self, frame: Frame, place: float) -> Frame:
        return self.end(self.begin(frame, place))

    def begin(self, frame: Frame, place: float) -> Begun:
        """Begin to paint a frame."""
        mix = self.mix(place)
        return Begun(frame, mix, self._painters.submit(paint_frame, self.network, frame, mix))

    def end(self, begun: Begun) -> Frame:
        """A frame that was begun, after that before it."""
        frame, mix = begun.frame, begun.mix
        height, width = frame.shape[:2]
        scale = min(1.0, FLOW_SIDE / max(height, width))
        size = max(16, round(width * scale)), max(16, round(height * scale))
        small = np.asarray(cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size), np.uint8)
        picture = begun.picture.result()
        if self._before is not None and self._before[1].shape == frame.shape:
            picture = self._held(picture, small, mix)
        self._before = small, picture, mix
        return picture

    def _held(self, picture: Frame, small: Small, mix: Tensor) -> Frame:
        """A picture that keeps a part of the one before, along the flow."""
        assert self._before is not None
        small_before, painted, mix_before = self._before
        rest = rest_of(float((mix - mix_before).abs().max()))
        if rest == 0.0:
            return picture
        begin = np.zeros((*small.shape, 2), np.float32)
        flow = np.asarray(self._flow.calc(small, small_before, begin), np.float32)
        came = cv2.remap(small_before, *_places(flow), cv2.INTER_LINEAR, borderMode=EDGE)
        away = cv2.GaussianBlur(cv2.absdiff(small, came), (0, 0), 1.0).astype(np.float32)
        trust = ((OTHER - away) / (OTHER - ALIKE)).clip(0.0, 1.0)
        if float(trust.mean()) < LEFT:
            return picture
        height, width = picture.shape[:2]
        ratio = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
        large = cv2.resize(flow * ratio, (width, height), interpolation=cv2.INTER_LINEAR)
        places = _places(np.asarray(large, np.float32))
        warped = cv2.remap(painted, *places, cv2.INTER_CUBIC, borderMode=EDGE)
        held = cv2.resize(HELD * rest * trust, (width, height))
        return np.asarray(cv2.blendLinear(picture, warped, 1.0 - held, held), np.uint8)


def _places(flow: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x and y that each pixel came from."""
    height, width = flow.shape[:2]
    across, down = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return flow[..., 0] + across, flow[..., 1] + down[:, None]
