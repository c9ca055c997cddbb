"""Cuts: where a clip changes its picture at once, and the shots between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import cv2
from scenedetect import AdaptiveDetector, FrameTimecode

from mnst_video.media.frames import Frame, resize

# A flash of fewer frames than this is not taken for a shot of its own.
SHORTEST_SHOT = 4
# Frames are compared at about this width: motion and grain count less there, and it is quick.
DETECTION_WIDTH = 160


@dataclass(frozen=True)
class Shot:
    """Frames `start` to `end` of the whole clip, half open; `index` counts the clip's shots."""

    index: int
    start: int
    end: int

    @property
    def frames(self) -> range:
        """The numbers of its frames."""
        return range(self.start, self.end)


class CutDetector:
    """Finds hard cuts in frames given one by one: PySceneDetect's adaptive detector.

    It compares each change of the picture with the changes around it, so that a fast pan is none.
    """

    def __init__(self) -> None:
        self._detector = AdaptiveDetector(min_scene_len=SHORTEST_SHOT, min_content_val=12.0)
        self._count = 0
        self._cuts: list[int] = []

    def add(self, frame: Frame) -> None:
        """The next frame, uint8 `(H, W, 3)`, RGB."""
        height, width = frame.shape[:2]
        if width > DETECTION_WIDTH:
            frame = resize(frame, DETECTION_WIDTH, max(16, height * DETECTION_WIDTH // width))
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        # The detector counts in frames; the rate does not enter, any will do.
        timecode = FrameTimecode(self._count, fps=Fraction(25))
        self._cuts += [cut.frame_num for cut in self._detector.process_frame(timecode, bgr)]
        self._count += 1

    def cuts(self) -> list[int]:
        """The first frames of new shots, among the frames seen so far."""
        return sorted({cut for cut in self._cuts if 0 < cut < self._count})


def split(frames: int, cuts: Iterable[int]) -> tuple[Shot, ...]:
    """The shots of a clip of so many frames; each cut is the first frame of a shot."""
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < frames}), frames]
    return tuple(Shot(i, a, b) for i, (a, b) in enumerate(pairwise(edges)))


def shots_within(shots: Sequence[Shot], start: int, end: int) -> tuple[Shot, ...]:
    """What frames `start` to `end` (half open) hold of the shots, with the shots' own numbers."""
    inside = (Shot(s.index, max(s.start, start), min(s.end, end)) for s in shots)
    return tuple(shot for shot in inside if shot.start < shot.end)


def spread(start: int, end: int, count: int) -> set[int]:
    """At most `count` numbers spread evenly over `start` to `end`, half open."""
    count = min(count, end - start)
    return {start + (2 * i + 1) * (end - start) // (2 * count) for i in range(count)}
