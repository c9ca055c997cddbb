"""The colours of pictures, as a mean and a covariance, and how one picture takes another's."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mnst_video.media.frames import Frame, Picture

Array = NDArray[np.float64]
# Variance, in squared pixel values, that a colour is taken to have at least: a grey picture has
# none in some directions, and noise there would be blown up to coloured specks.
LEAST_VARIANCE = 36.0


@dataclass(frozen=True)
class Palette:
    """mean: of r, g, b, 0..255. covariance: 3 x 3, as rows, in squared pixel values."""

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, frames: Iterable[NDArray[np.uint8]]) -> "Palette":
        """The palette of pictures together, each uint8 `(H, W, 3)`, RGB; at least one."""
        count, total, squares = 0, np.zeros(3), np.zeros((3, 3))
        for frame in frames:
            pixels = frame.reshape(-1, 3).astype(np.float64)
            count += len(pixels)
            total += pixels.sum(axis=0)
            squares += pixels.T @ pixels
        if count == 0:
            raise ValueError("a palette needs at least one picture")
        mean = total / count
        covariance = squares / count - np.outer(mean, mean)
        return cls(tuple(mean.tolist()), tuple(tuple(row) for row in covariance.tolist()))

    def mixed(self, other: "Palette", share: float) -> "Palette":
        """The palette of pictures of which a share, 0..1, has this one, and the rest another."""
        means, rest = (np.array(self.mean), np.array(other.mean)), 1.0 - share
        between = share * rest * np.outer(means[0] - means[1], means[0] - means[1])
        within = share * np.array(self.covariance) + rest * np.array(other.covariance)
        mean = share * means[0] + rest * means[1]
        return Palette(tuple(mean.tolist()), tuple(map(tuple, (within + between).tolist())))

    def paint(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`picture`, uint8 `(H, W, 3)`, RGB, in the colours of this palette.

        The linear map of Gatys et al., "Preserving Color in Neural Artistic Style Transfer" (2016),
        section 4, which gives a picture this mean and covariance; of all such maps the one that
        moves colours least (Pitié and Kokaram, "The Linear Monge-Kantorovitch Linear Colour
        Mapping for Example-Based Colour Transfer", CVMP 2007, section 3.3).
        """
        own = Palette.of([picture])
        # What the picture does not have it cannot be given.
        spread = _root(np.array(own.covariance) + LEAST_VARIANCE * np.eye(3))
        back = np.linalg.inv(spread)
        matrix = back @ _root(spread @ np.array(self.covariance) @ spread) @ back
        pixels = (picture.reshape(-1, 3) - np.array(own.mean)) @ matrix.T + np.array(self.mean)
        return np.asarray(pixels.round().clip(0, 255), np.uint8).reshape(picture.shape)


def _root(matrix: Array) -> Array:
    """The square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    root: Array = (vectors * np.sqrt(values.clip(0.0))) @ vectors.T
    return root


def match_colors(frame: Frame, content: Frame, result: Frame) -> Picture:
    """`frame` in the colours that took `content` to `result`: float32 `(H, W, 3)`, 0..255.

    The colours are mapped by the affine map that fits the two pictures best in least squares.
    """
    (matched,) = match_parts(frame, content, result, [None])
    return matched


def match_parts(
    frame: Frame, content: Frame, result: Frame, weights: Iterable[Picture | None]
) -> list[Picture]:
    """The same by the colours of parts of the pictures.

    weights: of each part, `(H, W)`, 0..1, how much each place counts; None, or 0 everywhere: all
    alike.
    """
    before, after, given = _homogeneous(content), _homogeneous(result)[:, :3], _homogeneous(frame)
    pictures = []
    for part in weights:
        counted, total = before, float(len(before))
        if part is not None and part.any():
            shares = torch.from_numpy(part.reshape(-1, 1)).double()
            counted, total = before * shares, float(shares.sum())
        # The small diagonal makes the map unique where a picture has too few colours.
        normal = counted.T @ before + 1e-3 * total * torch.eye(4, dtype=torch.float64)
        colors = torch.linalg.solve(normal, counted.T @ after)
        matched = (given @ colors).clamp(0.0, 255.0)
        pictures.append(np.asarray(matched.reshape(frame.shape).float().numpy(), np.float32))
    return pictures


def _homogeneous(frame: Frame) -> Tensor:
    """All pixels of a picture as float64 rows (r, g, b, 255)."""
    pixels = torch.from_numpy(frame.reshape(-1, 3).copy()).double()
    return F.pad(pixels, (0, 1), value=255.0)
