"""Faces: found in a frame, tracked along the flow, and drawn as a map of what is to stay."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video.media.frames import Frame, resize
from mnst_video.painting.flow import Mask

MODEL = Path(__file__).parent / "yunet" / "face_detection_yunet_2023mar.onnx"
# The longer side that faces are looked for at: of a larger picture, a close-up would be missed.
LONGEST = 640
# The shorter side that smaller pictures are filled up to: with one of 32 pixels or less, OpenCV
# reads memory that nothing was written to.
SMALLEST = 64
# How sure the detector has to be of a face, and of one that it was sure of in the frame before.
# Drawn flowers and animals came to 0.85, filmed faces were above it.
SURE, AGAIN = 0.85, 0.6
# The detector's own: the overlap from which two findings are one face, and the most of them.
OVERLAP, MOST = 0.3, 50

# The weight of a face that comes or goes changes by so much a frame, so that nothing pops.
RISE, FALL = 1 / 6, 1 / 12
# What a new finding moves a tracked face by: findings tremble by some hundredths of its width.
TRUST = 0.5
# A finding is a tracked face where its features are this near on average, in widths.
NEAR = 0.4
# The width up to which a face's features are kept as much as can be.
SMALL_FACE = 48.0
# Points a side that a face is followed by, and the pixels that they may miss on the way back.
GRID, MISS = 5, 1.0
# A face that lost more of these points than this has been covered, or the picture was cut.
LOST = 0.6


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    points: x, y in pixels of the left top and the right bottom corner of its box, the right eye,
        the left eye, the tip of the nose, the right and the left corner of the mouth; the right is
        that of the person.
    weight: how much of it is to stay, 0..1.
    """

    points: tuple[tuple[float, float], ...]
    weight: float = 1.0

    @classmethod
    def at(cls, points: NDArray[Any], weight: float = 1.0) -> "Face":
        """points: `(7, 2)`."""
        return cls(tuple((round(float(x), 2), round(float(y), 2)) for x, y in points), weight)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of its box."""
        (left, top), (right, bottom) = self.points[:2]
        return right - left, bottom - top

    def moved(self, by: NDArray[Any]) -> "Face":
        """The same elsewhere; by: x, y, or such for each point."""
        return Face.at(np.add(self.points, by), self.weight)

    def apart(self, other: "Face") -> float:
        """The mean distance of their features, in widths."""
        away = np.subtract(self.points[2:], other.points[2:])
        return float(np.hypot(*away.T).mean()) / max(self.size[0], other.size[0], 1.0)


# Those of one frame.
Faces = tuple[Face, ...]


def find_faces(frame: Frame) -> Faces:
    """The faces in a frame, uint8 `(H, W, 3)`, RGB, from some 10 pixels of width on.

    The detector is YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine
    Intelligence Research, 2023), as OpenCV has it.
    """
    return tuple(face for face, score in _found(frame) if score >= SURE)


def _found(frame: Frame) -> list[tuple[Face, float]]:
    """All that may be a face, and how sure that is, from `AGAIN` to 1."""
    height, width = frame.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.cvtColor(resize(frame, *size), cv2.COLOR_RGB2BGR)
    beyond = [max(0, SMALLEST - side) for side in reversed(size)]
    small = cv2.copyMakeBorder(small, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)
    detector = _detector()
    detector.setInputSize((small.shape[1], small.shape[0]))
    _, rows = detector.detect(small)
    if rows is None:
        return []
    points = np.asarray(rows[:, :14], np.float64).reshape(-1, 7, 2)
    points[:, 1] += points[:, 0]  # width and height of the box
    points *= (width / size[0], height / size[1])
    return [(Face.at(one), float(row[-1])) for one, row in zip(points, rows, strict=True)]


@cache
def _detector() -> cv2.FaceDetectorYN:
    model = np.frombuffer(MODEL.read_bytes(), np.uint8)  # not by its name: it may be in any script
    nothing = np.empty(0, np.uint8)
    return cv2.FaceDetectorYN.create("onnx", model, nothing, (1, 1), AGAIN, OVERLAP, MOST)


def track_faces(frames: Iterable[Frame]) -> Iterator[Faces]:
    """The faces of each frame of one shot, in order.

    A face that is found once more is drawn towards where it is found, from where the flow took it;
    one that is not goes along with the flow, and fades. A shot's first ones are there at once.
    """
    before: Frame | None = None
    tracked: Faces = ()
    for frame in frames:
        found = dict(_found(frame))
        now: list[Face] = []
        for face in tracked:
            assert before is not None
            carried = _carried(face, before, frame)
            here = carried or face  # in a flash the flow is lost, and the face is where it was
            near = min(found, key=here.apart, default=None)
            if near is not None and here.apart(near) < NEAR:
                del found[near]
                share = 1.0 if carried is None else TRUST
                drawn = here.moved(share * np.subtract(near.points, here.points))
                now.append(replace(drawn, weight=min(1.0, face.weight + RISE)))
            elif carried is not None and face.weight > FALL:
                now.append(replace(carried, weight=face.weight - FALL))
        new = [face for face, score in found.items() if score >= SURE]
        now += new if before is None else (replace(face, weight=RISE) for face in new)
        tracked, before = tuple(now), frame
        yield tracked


def _carried(face: Face, before: Frame, frame: Frame) -> Face | None:
    """A face of the frame before, along the flow; None where the flow does not find it.

    The flow is that of Lucas and Kanade in a pyramid, as OpenCV has it, at a grid of points, of
    which those count that come back to where they began (Kalal, Mikolajczyk and Matas,
    "Forward-Backward Error", ICPR 2010).
    """
    left_top, right_bottom = np.array(face.points[:2])
    steps = np.linspace(0.1, 0.9, GRID)[:, None] * (right_bottom - left_top) + left_top
    across, down = np.meshgrid(*steps.T)
    points = np.stack([across.ravel(), down.ravel()], axis=-1).astype(np.float32)
    then, now = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (before, frame))
    there, found, _ = cv2.calcOpticalFlowPyrLK(then, now, points, points.copy())
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(now, then, there, points.copy())
    missed = np.linalg.norm(back - points, axis=-1)
    sure = (found[:, 0] == 1) & (found_back[:, 0] == 1) & (missed < MISS)
    if sure.mean() < 1.0 - LOST:
        return None
    return face.moved(np.median((there - points)[sure], axis=0))


def features_map(faces: Sequence[Face], height: int, width: int) -> Mask:
    """Where eyes, brows and mouths are to stay, and how much: float32 `(H, W)`, 0..1.

    Strokes are so many pixels wide whatever a face is: a large one keeps its features by itself.
    """
    mask = np.zeros((height, width), np.float32)
    for face in faces:
        right_eye, left_eye, _, right_corner, left_corner = map(np.array, face.points[2:])
        line = left_eye - right_eye
        apart, angle = float(np.hypot(*line)), float(np.arctan2(line[1], line[0]))
        up = 0.05 * np.array((line[1], -line[0]))  # towards the brows
        smile = float(np.hypot(*(left_corner - right_corner)))
        across = max(face.size[0], 1.0)
        weight = face.weight * min(1.0, SMALL_FACE / across)
        for middle, long, high in (
            (right_eye + up, 0.75 * apart, 0.5 * apart),
            (left_eye + up, 0.75 * apart, 0.5 * apart),
            ((right_corner + left_corner) / 2, 1.4 * smile, 0.6 * apart),
        ):
            _draw(mask, middle, (long, high), angle, 0.1 * across, weight)
    return mask


def _draw(
    mask: Mask,
    middle: NDArray[np.float64],
    size: tuple[float, float],
    angle: float,
    soft: float,
    weight: float,
) -> None:
    """Draw an ellipse with a soft edge into a mask.

    size: its axes, in pixels, at the middle of the edge. soft: the width of that.
    """
    reach = max(size) / 2 + soft
    height, width = mask.shape
    left, right = (int(np.clip(middle[0] + side, 0, width)) for side in (-reach, reach + 1))
    top, bottom = (int(np.clip(middle[1] + side, 0, height)) for side in (-reach, reach + 1))
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    x, y = x - middle[0], y - middle[1]
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    # How far within, in pixels, nearly: measured along the shorter axis.
    radius = np.hypot(along / max(size[0], 1.0), across / max(size[1], 1.0)) * 2
    within = (1.0 - radius) * min(size) / 2
    shape = weight * (0.5 + within / max(soft, 1.0)).clip(0.0, 1.0)
    part = mask[top:bottom, left:right]
    np.maximum(part, shape, out=part)
