"""What all the pictures share: the sizes, and small tools for colour, noise and light.

Pictures are float arrays (height, width, 3), RGB from 0 to 1, unless a docstring says otherwise.
"""

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 256, 144  # pixels of the clip; both even
FPS = 24
FRAMES = 72
BPM = 120
BEAT = FPS * 60 / BPM  # frames per beat
CUT = round(round(0.6 * FRAMES / BEAT) * BEAT)  # first frame of the second shot, on a beat
STYLE_WIDTH, STYLE_HEIGHT = 512, 384
SUPERSAMPLE = 2  # everything is drawn at this many times its size, then reduced
SEED = 7

Array = NDArray[Any]
Bools = NDArray[np.bool_]


def rgb(code: str) -> Array:
    """Give the colour of a hex code such as "e0a030" as an array (3,) from 0 to 1."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)], np.float32)


def mix(a: Array, b: Array, t: Array | float) -> Array:
    """Blend colours (..., 3) from `a` at t = 0 to `b` at t = 1; `t` has one axis less."""
    weight = np.asarray(t, np.float32)[..., None]
    return a * (1 - weight) + b * weight


def step(low: float | Array, high: float | Array, x: Array) -> Array:
    """Rise smoothly from 0 where x <= low to 1 where x >= high."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def ramp(codes: str, x: Array) -> Array:
    """Colour `x` (from 0 to 1, any shape) by a gradient through the given hex codes."""
    stops = np.stack([rgb(code) for code in codes.split()])
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(x, places, stops[:, i]) for i in range(3)]
    return np.stack(channels, -1).astype(np.float32)


def noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    scale: float,
    slope: float = 2.0,
    stretch: float = 1.0,
) -> Array:
    """Make periodic fractal noise (height, width) around 0.5, nearly all between 0 and 1.

    `scale` is the size in pixels of the largest features, `slope` how fast the finer ones fade,
    and `stretch` how many times longer than tall the features are.
    """
    fy = np.fft.fftfreq(shape[0])[:, None]
    fx = np.fft.rfftfreq(shape[1])[None] * stretch
    spectrum = (fy**2 + fx**2 + scale**-2.0) ** (-slope / 2)
    z = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * spectrum, s=shape)
    noise: Array = np.clip(0.5 + (z - z.mean()) / (5 * z.std()), 0, 1).astype(np.float32)
    return noise


def slope_light(height: Array, angle: float) -> Array:
    """Give how much a height map (height, width) faces a light at `angle` (radians, y down)."""
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    facing: Array = -(dx * np.cos(angle) + dy * np.sin(angle))
    return facing


def reduce(picture: Array, width: int, height: int, soften: float = 0.0) -> Array:
    """Average a supersampled picture down to the given size; `soften` is a blur in its texels."""
    if soften:
        picture = cv2.GaussianBlur(picture, (0, 0), soften)
    small: Array = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return small


def to_bytes(picture: Array) -> NDArray[np.uint8]:
    """Round a picture from 0..1 to 8 bits."""
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def sample(texture: Array, x: Array, y: Array) -> Array:
    """Look up a periodic texture (rows, columns) at pixel places of any shape, bilinearly."""
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
    rows, columns = texture.shape
    x0, x1, y0, y1 = x0 % columns, (x0 + 1) % columns, y0 % rows, (y0 + 1) % rows
    top = texture[y0, x0] * (1 - fx) + texture[y0, x1] * fx
    bottom = texture[y1, x0] * (1 - fx) + texture[y1, x1] * fx
    between: Array = top * (1 - fy) + bottom * fy
    return between


def pixel_grid(factor: int) -> Array:
    """Give the places (rows, columns, 2) of the samples of a frame, in pixels (x, y)."""
    x = (np.arange(WIDTH * factor, dtype=np.float32) + 0.5) / factor - 0.5
    y = (np.arange(HEIGHT * factor, dtype=np.float32) + 0.5) / factor - 0.5
    return np.stack(np.meshgrid(x, y), -1)


class Shot(Protocol):
    """One take of the clip; `t` counts its own frames from 0."""

    def picture(self, t: int) -> Array:
        """Draw frame t at the size of the clip."""

    def subject(self, t: int) -> Array:
        """Where frame t shows what the shot is about: (height, width), 1 where it does."""

    def back(self, t: int, places: Array) -> tuple[Array, Bools]:
        """Follow what frame t shows at `places` (..., 2) back to frame t - 1.

        Gives its places there (..., 2), and whether it could be seen there (...).
        """
