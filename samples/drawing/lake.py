"""The first shot: a sunset over a lake, painted on flat layers under a moving camera."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .common import (
    CUT,
    HEIGHT,
    SUPERSAMPLE,
    WIDTH,
    Array,
    Bools,
    mix,
    noise,
    pixel_grid,
    ramp,
    reduce,
    rgb,
    sample,
    slope_light,
    step,
    to_bytes,
)

UNIT = HEIGHT * SUPERSAMPLE  # texels of a layer per height of the frame
LAYER_SHAPE = (round(1.3 * UNIT), round(1.42 * UNIT * WIDTH / HEIGHT))
WATERLINE = 0.60  # of the frame's height, from the top
SUN = (0.33, 0.17)  # x from the middle, height above the water; in heights of the frame


@dataclass
class Layer:
    """A flat picture at a distance, seen by the moving camera.

    `image` is (rows, columns, 4), RGB times alpha, alpha. Its texel `anchor` (x, y) stands at
    `place` (right of the middle, above the water) at first and moves by `way` in the shot, in
    heights of the frame. `depth` is 1 for what moves as fast as the camera, more for what is far.
    """

    image: Array
    depth: float
    anchor: tuple[float, float]
    place: tuple[float, float] = (0.0, 0.0)
    way: tuple[float, float] = (0.0, 0.0)

    def transform(self, t: float) -> tuple[float, float, float]:
        """Give (k, x, y) so that pixel p of frame t shows texel k * p + (x, y)."""
        progress = t / CUT
        pan = 0.62 * (progress - 0.5) - 0.02 * np.sin(2 * np.pi * progress)
        zoom = self.depth / (self.depth - 0.09 * progress)
        k = SUPERSAMPLE / zoom
        x = self.place[0] + self.way[0] * progress - pan / self.depth
        y = -self.place[1] - self.way[1] * progress
        middle = (WIDTH - 1) / 2, WATERLINE * HEIGHT - 0.5
        return (
            k,
            self.anchor[0] - k * middle[0] - x * UNIT,
            self.anchor[1] - k * middle[1] - y * UNIT,
        )


def layer_axes() -> tuple[Array, Array]:
    """Give each texel's place in a full layer, in heights of the frame: right, and above water."""
    rows, columns = LAYER_SHAPE
    x = (np.arange(columns, dtype=np.float32) - columns / 2) / UNIT
    y = (rows * WATERLINE - np.arange(rows, dtype=np.float32)) / UNIT
    grid = np.meshgrid(x, y)
    return grid[0], grid[1]


def full_layer(picture: Array, alpha: Array, depth: float) -> Layer:
    """Make a layer that spans the view from its colours and its alpha (rows, columns)."""
    rows, columns = LAYER_SHAPE
    image = np.dstack([picture * alpha[..., None], alpha]).astype(np.float32)
    return Layer(image, depth, (columns / 2, rows * WATERLINE))


def paint_sky(rng: np.random.Generator) -> Layer:
    """Paint the evening sky: a gradient, the sun with its glow, and clouds lit from the sun."""
    x, y = layer_axes()
    picture = ramp("ffdf8e ffb968 f08f6c b7788f 6678a6 3c6199 2a4c86", np.clip(y / 0.72, 0, 1))
    distance = np.hypot(x - SUN[0], (y - SUN[1]) * 1.15)
    picture = mix(picture, rgb("ffe9a8"), 0.85 * np.exp(-distance / 0.13))
    density = noise(rng, LAYER_SHAPE, 0.4 * UNIT, 2.3, stretch=2.6)
    cover = step(0.47, 0.66, density + 0.10 * np.sin(9 * y + 1.1))
    light = slope_light(cv2.GaussianBlur(density, (0, 0), UNIT / 160), 0.9) * UNIT * 0.22
    lit = np.clip(0.45 + light + 0.35 * np.exp(-distance / 0.25), 0, 1)
    clouds = ramp("4d5687 8a6a94 d9828a ffb27a fff0c0", lit)
    picture = mix(picture, clouds, 0.92 * cover)
    picture = mix(picture, rgb("fffbe0"), 1 - step(0.062, 0.068, distance))
    return full_layer(picture, np.ones(LAYER_SHAPE, np.float32), 9.0)


def paint_range(
    rng: np.random.Generator,
    depth: float,
    ridge: tuple[float, float, float],
    codes: str,
    haze: str,
    grain: float,
) -> Layer:
    """Paint a range of mountains or hills, down to the water.

    `ridge` is its mean height, how far it varies, and the size of its features, in heights of the
    frame; `codes` its colours from shadow to light; `grain` the size of its texture, in heights.
    """
    _, y = layer_axes()
    crest = noise(rng, (1, LAYER_SHAPE[1]), ridge[2] * UNIT, 1.5)
    top = ridge[0] + ridge[1] * 4 * (crest - 0.5)
    ground = noise(rng, LAYER_SHAPE, grain * UNIT, 1.9)
    folds = 1 - np.abs(2 * ground - 1)
    light = 0.45 + slope_light(folds, -0.5) * grain * UNIT * 0.32 + 0.7 * (ground - 0.5)
    picture = ramp(codes, np.clip(light, 0, 1))
    picture = mix(picture, rgb(haze), 0.75 * np.clip(1 - y / top, 0, 1) ** 1.5)
    rough = top + 0.012 * (noise(rng, (1, LAYER_SHAPE[1]), 0.045 * UNIT, 1.2) - 0.5)
    return full_layer(picture, ((y < rough) & (y > 0)).astype(np.float32), depth)


def dab_crown(
    image: NDArray[np.uint8],
    rng: np.random.Generator,
    centre: tuple[float, float],
    radii: tuple[float, float],
    codes: str,
) -> None:
    """Dab the crown of a tree on an 8-bit RGBA image; places and radii (x, y) are in texels."""
    count = int(92000 * radii[0] * radii[1] / UNIT**2) + 30
    angle, reach = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count))
    dx, dy = np.cos(angle) * reach, np.sin(angle) * reach
    light = 0.5 + 0.3 * dx - 0.32 * dy + rng.normal(0, 0.16, count)
    order = np.argsort(light + rng.normal(0, 0.35, count))
    colours = to_bytes(ramp(codes, np.clip(light, 0, 1)))
    size = 0.016 * UNIT
    for i in order:
        place = round(centre[0] + dx[i] * radii[0]), round(centre[1] + dy[i] * radii[1])
        axes = round(size * rng.uniform(0.5, 1.1)), round(size * rng.uniform(0.3, 0.6))
        tilt = rng.uniform(-60, 60)
        cv2.ellipse(image, place, axes, tilt, 0, 360, (*colours[i].tolist(), 255), -1)


def paint_shore(rng: np.random.Generator) -> Layer:
    """Paint the far shore: a bank with poplars and round trees along the water."""
    rows, columns = LAYER_SHAPE
    image = np.zeros((rows, columns, 4), np.uint8)
    base = rows * WATERLINE
    places = np.sort(rng.uniform(0, columns, 46))
    for x in rng.permutation(places):
        poplar = rng.uniform() < 0.4
        half = UNIT * rng.uniform(0.011, 0.018) if poplar else UNIT * rng.uniform(0.022, 0.05)
        tall = UNIT * rng.uniform(0.06, 0.11) if poplar else half * rng.uniform(0.7, 1.0)
        codes = ("14291f 24452a 5d7434 c9a640", "2b2a1d 5e4423 a8672a f2b34c")[rng.integers(2)]
        dab_crown(image, rng, (x, base - tall * 0.95), (half, tall), codes)
    for x in np.arange(0, columns, 0.02 * UNIT):
        dab_crown(image, rng, (x, base), (UNIT * 0.025, UNIT * 0.012), "1c2a20 3a4a28 8a7a36")
    image[round(base) :] = 0
    return full_layer(image[..., :3] / np.float32(255), image[..., 3] / np.float32(255), 2.6)


def paint_bank(rng: np.random.Generator) -> Layer:
    """Paint the near bank: grass and flowers in the evening light, and a tree at the left."""
    rows, columns = LAYER_SHAPE
    image = np.zeros((rows, columns, 4), np.uint8)
    base = rows * WATERLINE
    trunk = np.array([[-0.80, -0.42], [-0.73, -0.2], [-0.77, 0.1], [-0.70, 0.45]])
    for (x0, y0), (x1, y1), wide in zip(trunk[:-1], trunk[1:], (0.06, 0.05, 0.04), strict=True):
        for offset in np.linspace(-0.5, 0.5, 14):
            ends = np.array([[x0 + offset * wide, y0], [x1 + offset * wide * 0.8, y1]])
            ends = ends * (UNIT, -UNIT) + (columns / 2, base) + rng.normal(0, 1, (2, 2))
            tone = np.array([0.5 + 0.4 * offset + rng.normal(0, 0.12)], np.float32)
            colour = to_bytes(ramp("1d1714 3a2a22 7a5030 e0954a", tone))[0]
            start, end = ends.round().astype(int).tolist()
            cv2.line(image, start, end, (*colour.tolist(), 255), round(UNIT / 80))
    crowns = ((-1.02, 0.46, 0.19), (-0.46, 0.40, 0.12), (-0.92, 0.27, 0.12), (-0.58, 0.26, 0.09),
              (-0.76, 0.50, 0.22), (-0.62, 0.36, 0.13), (-0.84, 0.36, 0.13))  # fmt: skip
    for x, y, size in crowns:
        radii = (size * UNIT, size * 0.72 * UNIT)
        place = (columns / 2 + x * UNIT, base - y * UNIT)
        dab_crown(image, rng, place, radii, "0f1f1c 1f3d2a 47662c a4923a f0c45e")
    rise = noise(rng, (1, columns), 0.5 * UNIT, 2.0)[0] - 0.5
    rise += 0.6 * np.exp(-(((np.arange(columns) - columns / 2) / UNIT + 0.78) ** 2) / 0.06)
    for depth in np.linspace(0, 1, round(4500 * columns / UNIT)):
        x = rng.uniform(0, columns)
        foot = base + UNIT * (0.27 + 0.28 * depth - 0.22 * max(rise[int(x)], -0.2))
        tall, lean = UNIT * rng.uniform(0.015, 0.05), rng.normal(0.008, 0.012) * UNIT
        codes = "10231f 1f4430 4a6d33 a79a3c f4d070" if rng.uniform() < 0.97 else "b8323a ff8a70"
        tone = np.array([np.clip(rng.normal(0.66 - 0.6 * depth, 0.2), 0, 1)], np.float32)
        colour = (*to_bytes(ramp(codes, tone))[0].tolist(), 255)
        tip = (round(x + lean), round(foot - tall))
        cv2.line(image, (round(x), round(foot)), tip, colour, max(1, round(UNIT / 160)))
    return full_layer(image[..., :3] / np.float32(255), image[..., 3] / np.float32(255), 1.0)


def paint_balloon(rng: np.random.Generator) -> Layer:
    """Paint a striped hot-air balloon with its basket, lit from the sun's side."""
    size = round(0.42 * UNIT)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    down = (y + 0.35) / 0.62
    skirt = step(0.15, 1.25, down)
    half = 0.62 * np.sqrt(np.clip(1 - down**2, 0, 1)) * (1 - skirt) + skirt * (0.66 - 0.5 * down)
    envelope = (np.abs(x) < half) & (down > -1) & (down < 1.05)
    across = np.clip(x / np.maximum(half, 1e-3), -1, 1)
    gore = np.floor((np.arcsin(across) / np.pi + 0.5) * 9)
    band = np.abs(down - 0.1) < 0.13
    picture = np.where((gore % 2 == 0)[..., None], rgb("d8352f"), rgb("fbe6b4"))
    picture = np.where((band & (gore % 2 == 1))[..., None], rgb("1f6f8b"), picture)
    picture = np.where((band & (gore % 2 == 0))[..., None], rgb("f2a93b"), picture)
    light = 0.62 + 0.42 * across - 0.22 * np.clip(down, -1, 1)
    light = light + 0.35 * (noise(rng, (size, size), size / 4) - 0.5)
    seam = np.abs((np.arcsin(across) / np.pi + 0.5) * 9 % 1 - 0.5) * 2
    picture = picture * (np.clip(light, 0.25, 1.15) * (1 - 0.25 * seam**6))[..., None]
    basket = (np.abs(x) < 0.1) & (y > 0.66) & (y < 0.84)
    ropes = (np.abs(np.abs(x) - 0.1 - 0.12 * (0.66 - y)) < 0.012) & (y > 0.28) & (y < 0.68)
    weave = 0.7 + 0.3 * np.sign(np.sin(x * 90) * np.sin(y * 90))
    picture = np.where(basket[..., None], rgb("8a5a2c") * weave[..., None], picture)
    picture = np.where((ropes & ~envelope)[..., None], rgb("3a2a22"), picture)
    alpha = (envelope | basket | ropes).astype(np.float32)[..., None]
    image = np.concatenate([np.clip(picture, 0, 1) * alpha, alpha], -1).astype(np.float32)
    return Layer(image, 3.2, (size / 2, size / 2), (-0.20, 0.345), (0.41, 0.02))


def paint_boat(rng: np.random.Generator) -> Layer:
    """Paint a sailing boat; its anchor is the middle of its waterline."""
    size = round(0.34 * UNIT)
    image = np.zeros((size, size, 4), np.uint8)
    shapes = (
        ([(12, 80), (90, 80), (80, 94), (22, 94)], "5b2c22"),
        ([(10, 78), (92, 78), (90, 83), (12, 83)], "d9b070"),
        ([(49, 6), (51, 6), (51, 80), (49, 80)], "3a2a22"),
        ([(53, 8), (88, 70), (70, 74), (53, 73)], "fff0cf"),
        ([(47, 14), (38, 50), (20, 74), (47, 72)], "e9a35a"),
    )
    for corners, code in shapes:
        points = (np.array(corners) * size / 100).round().astype(np.int32)
        cv2.fillPoly(image, [points], (*to_bytes(rgb(code)).tolist(), 255))
    cloth = 0.84 + 0.3 * (noise(rng, (size, size), size / 5, 1.6, stretch=0.3) - 0.3)
    image[..., :3] = to_bytes(image[..., :3] / 255 * cloth[..., None])
    picture = image.astype(np.float32) / 255
    anchor = size / 2, size * 0.93
    return Layer(picture, 1.7, anchor, (0.36, -0.115), (-0.29, 0.0))


def reflect(layer: Layer, rng: np.random.Generator, level: float = 0.0) -> Layer:
    """Make a layer's mirror image in water at height `level`; ripples widen towards the viewer."""
    flipped = layer.image[::-1]
    rows, columns = flipped.shape[:2]
    anchor = layer.anchor[0], rows - layer.anchor[1]
    place = layer.place[0], 2 * level - layer.place[1]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    below = (y - anchor[1]) / UNIT - place[1]
    down = np.maximum(below, 0)
    waves = noise(rng, (512, 512), 40, 1.8, stretch=5)
    ripple = sample(waves, x / UNIT * 256, 440 * np.sqrt(down + 0.002)) - 0.5
    shift = ripple * UNIT * (0.02 + 0.16 * down)
    image = cv2.remap(flipped, x + shift, y + shift * 0.5, cv2.INTER_LINEAR)
    shade = rgb("7f94b0") * 0.35 + 0.62 + 0.9 * (ripple * np.sqrt(down))[..., None]
    image[..., :3] *= np.clip(shade, 0, 1.2)
    image[below <= -level] = 0
    return Layer(image, layer.depth, anchor, place, (layer.way[0], -layer.way[1]))


def paint_glitter(rng: np.random.Generator, depth: float) -> Layer:
    """Paint the sun's path of sparks on the water."""
    x, y = layer_axes()
    down = np.maximum(-y, 1e-3)
    waves = noise(rng, (512, 512), 16, 1.4, stretch=4)
    sparks = sample(waves, x / (0.3 + down) * 90, 420 * np.sqrt(down))
    path = np.exp(-(((x - SUN[0]) / (0.05 + 0.4 * down)) ** 2))
    alpha = step(0.62, 0.68, sparks + 0.2 * path - 0.08) * step(0.3, 0.5, path) * (y < 0)
    return full_layer(np.tile(rgb("ffe9b0"), (*LAYER_SHAPE, 1)), alpha, depth)


class LakeShot:
    """A sunset over a lake, as layers from the farthest to the nearest."""

    def __init__(self, rng: np.random.Generator) -> None:
        sky = paint_sky(rng)
        far = paint_range(
            rng, 6.0, (0.17, 0.05, 0.5), "3b3f6e 5d5584 94708f d99a86 ffcf9a", "dca48c", 0.22
        )
        hills = paint_range(
            rng, 3.6, (0.085, 0.03, 0.8), "1f3a3f 33564a 5f7548 b39a4c f0c668", "c09a78", 0.08
        )
        shore, balloon, boat = paint_shore(rng), paint_balloon(rng), paint_boat(rng)
        self.things = balloon, boat
        water = reflect(sky, rng)
        mirrored = [reflect(layer, rng) for layer in (far, hills, shore, balloon)]
        wake = reflect(boat, rng, boat.place[1])
        self.layers = [sky, water, *mirrored, paint_glitter(rng, sky.depth), far, hills, shore]
        self.layers += [balloon, wake, boat, paint_bank(rng)]

    def picture(self, t: int) -> Array:
        """Draw frame t at the size of the clip."""
        width, height = WIDTH * SUPERSAMPLE, HEIGHT * SUPERSAMPLE
        frame = np.zeros((height, width, 3), np.float32)
        shift = 0.5 / SUPERSAMPLE - 0.5
        for i, layer in enumerate(self.layers):
            k, x, y = layer.transform(t)
            matrix = np.array(
                [[k / SUPERSAMPLE, 0, x + k * shift], [0, k / SUPERSAMPLE, y + k * shift]]
            )
            border = cv2.BORDER_REPLICATE if i == 0 else cv2.BORDER_CONSTANT
            seen = cv2.warpAffine(
                layer.image,
                matrix,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=border,
            )
            frame = frame * (1 - seen[..., 3:]) + seen[..., :3]
        return reduce(frame, WIDTH, HEIGHT, soften=0.8)

    def nearest(self, t: int, places: Array) -> NDArray[np.int64]:
        """Give the index of the layer seen at `places` (rows, columns, 2) of frame t."""
        index = np.zeros(places.shape[:2], np.int64)
        for i, layer in enumerate(self.layers):
            k, x, y = layer.transform(t)
            texels = (places * k + (x, y)).astype(np.float32)
            alpha = cv2.remap(layer.image[..., 3], texels[..., 0], texels[..., 1], cv2.INTER_LINEAR)
            index[alpha > 0.5] = i
        return index

    def subject(self, t: int) -> Array:
        """Where the balloon and the boat are (see `Shot`)."""
        index = self.nearest(t, pixel_grid(SUPERSAMPLE))
        things = [i for i, layer in enumerate(self.layers) if any(layer is x for x in self.things)]
        return reduce(np.isin(index, things).astype(np.float32), WIDTH, HEIGHT)

    def back(self, t: int, places: Array) -> tuple[Array, Bools]:
        """Follow what frame t shows back to frame t - 1 (see `Shot`)."""
        index = self.nearest(t, places)
        now = np.array([layer.transform(t) for layer in self.layers])[index]
        then = np.array([layer.transform(t - 1) for layer in self.layers])[index]
        source = (places * now[..., :1] + now[..., 1:] - then[..., 1:]) / then[..., :1]
        source = source.astype(np.float32)
        return source, self.nearest(t - 1, source) == index
