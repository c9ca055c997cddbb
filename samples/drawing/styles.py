"""The four style pictures."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from .common import (
    STYLE_HEIGHT,
    STYLE_WIDTH,
    SUPERSAMPLE,
    Array,
    mix,
    noise,
    ramp,
    rgb,
    slope_light,
    step,
    to_bytes,
)


def style_grid() -> tuple[Array, Array]:
    """Give the supersampled places of a style picture, in heights: x around the middle, y down."""
    rows, columns = STYLE_HEIGHT * SUPERSAMPLE, STYLE_WIDTH * SUPERSAMPLE
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    return (x - columns / 2) / rows, y / rows


def follow(angle: Array, starts: Array, steps: int, pace: float) -> Array:
    """Walk from texels `starts` (n, 2) along the field `angle` (rows, columns): (n, steps, 2)."""
    paths = [starts]
    limit = np.array(angle.shape[::-1]) - 1
    for _ in range(steps - 1):
        x, y = np.clip(paths[-1], 0, limit).astype(int).T
        way = np.stack([np.cos(angle[y, x]), np.sin(angle[y, x])], -1)
        paths.append(paths[-1] + pace * way)
    return np.stack(paths, 1)


def oil_strokes(
    rng: np.random.Generator,
    canvas: NDArray[np.uint8],
    relief: NDArray[np.uint8],
    colours: Array,
    angle: Array,
    size: tuple[float, float],
) -> None:
    """Cover a canvas (rows, columns, 3) with bristly strokes along `angle`, coloured by `colours`.

    `size` is the width and the length of a stroke in texels; `relief` (rows, columns) gets the
    thickness of the paint.
    """
    rows, columns = angle.shape
    wide, long = size
    count = round(2.2 * rows * columns / (wide * long))
    starts = rng.uniform(0, 1, (count, 2)) * (columns, rows)
    paths = follow(angle, starts, 9, long / 9)
    x, y = np.clip(paths[:, 4], 0, (columns - 1, rows - 1)).astype(int).T
    paint = colours[y, x] * rng.normal(1, 0.10, (count, 1)) + rng.normal(0, 0.025, (count, 3))
    ahead = np.gradient(paths, axis=1)
    across = np.stack([-ahead[..., 1], ahead[..., 0]], -1)
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    bristles = max(4, round(wide / 3.2))
    for i in range(count):
        for offset in rng.permutation(np.linspace(-0.5, 0.5, bristles)):
            trim = rng.integers(0, 2, 2)
            line = (paths[i] + across[i] * offset * wide)[trim[0] : 9 - trim[1]]
            points = [(line * 8).round().astype(np.int32)]
            tone = to_bytes(paint[i] * rng.normal(1, 0.13)).tolist()
            thick = max(2, round(1.5 * wide / bristles))
            cv2.polylines(canvas, points, False, tone, thick, cv2.LINE_AA, 3)
            bump = float(rng.uniform(70, 255) * (1 - 0.9 * abs(offset)))
            cv2.polylines(relief, points, False, bump, thick, cv2.LINE_AA, 3)


def smear(texture: Array, angle: Array, reach: float) -> Array:
    """Drag a texture (rows, columns) along the field `angle` by `reach` texels; the mean is 0."""
    total = texture.copy()
    grid: Array = np.indices(texture.shape, np.float32)
    for pace in (4, -4):
        places = grid[::-1]
        for _ in range(round(reach / 4)):
            turn: Array = cv2.remap(angle, places[0], places[1], cv2.INTER_NEAREST)
            places = places + pace * np.stack([np.cos(turn), np.sin(turn)])
            total += cv2.remap(
                texture, places[0], places[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
    even: Array = (total - total.mean()) / total.std()
    return even


def make_swirls(rng: np.random.Generator) -> Array:
    """Paint whirls of thick oil in blue and gold, with streams of paint between them."""
    x, y = style_grid()
    whirls = ((-0.34, 0.34, 0.26, 1), (0.33, 0.26, 0.19, -1), (0.10, 0.66, 0.17, 1),
              (-0.02, 0.10, 0.09, -1), (0.56, 0.60, 0.13, 1), (-0.58, 0.76, 0.12, -1))  # fmt: skip
    flow = np.stack([0.45 + 0 * x, 0.35 * np.sin(5 * x + 3 * y)], -1)
    flow[..., 1] += 1.5 * (noise(rng, x.shape, 300, 2.6) - 0.5)
    rings, near, heart = (np.zeros_like(x) for _ in range(3))
    for cx, cy, size, spin in whirls:
        dx, dy = x - cx, y - cy
        radius = np.hypot(dx, dy)
        pull = 2.6 * np.exp(-((radius / size) ** 2)) / (radius + 0.02)
        around = np.stack([-dy * spin + 0.12 * dx, dx * spin + 0.12 * dy], -1)
        flow += around * pull[..., None]
        here = np.exp(-((radius / size) ** 4))
        wave = np.cos(4.4 * np.pi * radius / size - spin * np.arctan2(dy, dx))
        rings += here * (0.5 + 0.5 * wave)
        near += here
        heart = np.maximum(heart, 1 - step(0.24 * size, 0.42 * size, radius))
    angle = np.arctan2(flow[..., 1], flow[..., 0]).astype(np.float32)
    streams = smear(noise(rng, x.shape, 34, 1.5), angle, 110)
    tone = (0.38 + 0.20 * streams) * (1 - 0.7 * near) + 0.7 * near * (0.2 + 0.65 * rings)
    colours = ramp("0a1230 142a66 1f4f9e 3a86c0 8cc4cf dfe8cf", np.clip(tone, 0, 1))
    gold = np.maximum(heart, np.maximum(step(0.62, 0.72, rings), 0.9 * step(1.45, 1.7, streams)))
    light = np.clip(0.42 + 0.15 * streams + 0.3 * heart, 0, 1)
    colours = mix(colours, ramp("a85a10 e39a1c f6c63a fff0a8", light), gold)
    canvas, relief = to_bytes(colours * 0.6), np.zeros(x.shape, np.uint8)
    for brush in ((34.0, 130.0), (22.0, 90.0), (13.0, 60.0)):
        oil_strokes(rng, canvas, relief, colours, angle, brush)
    ridges = slope_light(cv2.GaussianBlur(relief / np.float32(255), (0, 0), 0.9), -2.2)
    return np.clip(canvas / np.float32(255) * (1 + 4.5 * ridges[..., None]), 0, 1)


def dry_stroke(
    rng: np.random.Generator, ink: Array, path: Array, widths: Array, dryness: float
) -> None:
    """Draw a brush stroke on `ink` (rows, columns), which breaks into bristles where it runs dry.

    `path` (n, 2) is in texels; `widths` (n,) is the width along it; `dryness` goes from 0 to 1.
    """
    length = int(np.linalg.norm(np.diff(path, axis=0), axis=1).sum() * 1.3) + 2
    along = np.linspace(0, 1, length)
    knots = np.linspace(0, 1, len(path))
    x, y, wide = (np.interp(along, knots, v) for v in (path[:, 0], path[:, 1], widths))
    dx, dy = np.gradient(x), np.gradient(y)
    speed = np.hypot(dx, dy) + 1e-6
    across = np.linspace(-0.5, 0.5, int(max(widths) * 1.4) + 3)
    px = x[:, None] - (dy / speed * wide)[:, None] * across
    py = y[:, None] + (dx / speed * wide)[:, None] * across
    streaks = noise(rng, (len(across), length), 60, 1.3, stretch=14).T
    wet = 1.15 - dryness * (0.25 + 0.9 * along[:, None]) - 0.5 * (np.abs(across) * 2) ** 6
    load = step(0.0, 0.16, wet - 1.1 * streaks) * (0.72 + 0.28 * streaks)
    rows, columns = ink.shape
    inside = (px >= 0) & (px < columns) & (py >= 0) & (py < rows)
    spots = (py[inside].astype(int), px[inside].astype(int))
    np.maximum.at(ink, spots, load[inside].astype(np.float32))


def curve(points: Sequence[tuple[float, float]]) -> Array:
    """Give a smooth path (60, 2) in texels through a few points given in heights of a picture."""
    corners = np.array(points) * (STYLE_HEIGHT * SUPERSAMPLE)
    places = np.linspace(0, 1, len(corners))
    fits = [np.polynomial.Polynomial.fit(places, c, min(3, len(corners) - 1)) for c in corners.T]
    return np.stack([fit(np.linspace(0, 1, 60)) for fit in fits], -1)


def ink_mountains(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Wash ridges behind one another, each fading into mist.

    Gives the ink, and how much of what lies behind shows through, as maps (rows, columns).
    """
    _, y = style_grid()
    ink, open_sky = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    for i, base in enumerate((0.26, 0.40, 0.54, 0.70, 0.86)):
        crest = noise(rng, (1, shape[1]), 260, 1.7)[0] - 0.5
        feather = noise(rng, shape, 30, 1.6) - 0.5
        below = y - base + 0.55 * crest + 0.02 * feather
        body = step(0, 0.012 + 0.01 * (i % 2), below)
        grain = noise(rng, shape, 70, 1.5)
        wash = (0.30 + 0.13 * i) * np.exp(-np.maximum(below, 0) / (0.07 + 0.012 * i))
        edge = 0.25 * np.exp(-(((below - 0.012) / 0.006) ** 2))
        folds = step(0.54, 0.66, noise(rng, shape, 40, 1.5, stretch=0.35) - 0.5 * below)
        wash = (wash + edge) * (0.5 + grain) + 0.5 * folds * body * np.exp(-below / 0.09)
        ink = ink * (1 - 0.85 * body) + body * wash
        open_sky *= 1 - 0.8 * body
    return ink, open_sky


def ink_bamboo(rng: np.random.Generator, ink: Array) -> None:
    """Brush bamboo canes and leaves onto an ink map (rows, columns), dry and fast."""
    canes = ((-0.50, -0.42, 40), (0.46, 0.55, 32), (0.60, 0.52, 18))
    for foot, head, wide in canes:
        joints = np.linspace(1.05, -0.05, 7)
        for low, high in pairwise(joints):
            x0, x1 = (foot + (head - foot) * (1 - v) for v in (low, high))
            path = curve([(x0 + 2 / 3, low - 0.008), ((x0 + x1) / 2 + 0.67, (low + high) / 2),
                          (x1 + 2 / 3, high + 0.008)])  # fmt: skip
            widths = wide * (1 + 0.25 * np.abs(np.linspace(-1, 1, 60)) ** 5)
            dry_stroke(rng, ink, path, widths, rng.uniform(0.6, 0.95))
            if rng.uniform() < 0.7:
                ink_leaves(rng, ink, (x1 + 2 / 3, high), -np.sign(foot))


def ink_leaves(
    rng: np.random.Generator, ink: Array, joint: tuple[float, float], side: float
) -> None:
    """Brush a spray of leaves from a joint (x, y in heights) mostly towards `side`."""
    for _ in range(rng.integers(3, 6)):
        angle = rng.normal(0.5, 0.55)
        long = rng.uniform(0.10, 0.24)
        way = np.array([np.cos(angle) * side, np.sin(angle)])
        start = np.array(joint) + way * 0.02
        middle, end = start + way * long / 2 + (0, -0.012), start + way * long + (0, 0.02)
        widths = rng.uniform(16, 28) * np.sin(np.linspace(0.12, 1, 60) ** 0.7 * np.pi) + 1.5
        path = curve([tuple(start), tuple(middle), tuple(end)])
        dry_stroke(rng, ink, path, widths, rng.uniform(0.3, 0.95))


def make_ink(rng: np.random.Generator) -> Array:
    """Paint misty mountains and bamboo in ink on warm paper, with a vermilion sun and a seal."""
    x, y = style_grid()
    fibres = noise(rng, x.shape, 30, 1.3, stretch=4) + noise(rng, x.shape, 30, 1.3, stretch=0.25)
    paper = ramp("e2c896 f8e9c8 fffaea", np.clip(fibres - 0.5, 0, 1))
    radius = np.hypot(x - 0.12, y - 0.22) + 0.012 * (noise(rng, x.shape, 40, 1.6) - 0.5)
    sun = (1 - step(0.112, 0.122, radius)) * (0.55 + 0.7 * noise(rng, x.shape, 60, 1.4))
    sun += 0.35 * np.exp(-(((radius - 0.114) / 0.006) ** 2))
    ink, open_sky = ink_mountains(rng, x.shape)
    strokes = np.zeros_like(ink)
    ink_bamboo(rng, strokes)
    for _ in range(260):
        spot = (rng.uniform(0, 1, 2) * x.shape[::-1]).astype(int).tolist()
        cv2.circle(strokes, spot, int(rng.exponential(2.2)) + 1, float(rng.uniform(0.4, 1)), -1)
    strokes = cv2.GaussianBlur(strokes, (0, 0), 1.0)
    bleed = cv2.GaussianBlur(strokes, (0, 0), 9) * 0.16
    ink = np.clip(ink * (1 - 0.6 * strokes) + bleed + 1.25 * strokes, 0, 1.6)
    sun = np.clip(sun * open_sky, 0, 1)
    picture = paper * np.exp(-sun[..., None] * np.array([0.22, 1.75, 2.1]))
    picture = picture * np.exp(-ink[..., None] * np.array([2.0, 1.95, 1.8]))
    seal = np.maximum(np.abs(x - 0.33), np.abs(y - 0.90)) < 0.045
    carved = (np.sin((x - 0.33) * 210) * np.sin((y - 0.90) * 150) > 0.15) | (fibres > 1.22)
    return np.where((seal & ~carved)[..., None], rgb("c23a20"), picture).astype(np.float32)


def spray_line(rng: np.random.Generator, wall: Array, path: Array, wide: float, code: str) -> None:
    """Spray a line along `path` (n, 2 texels) on `wall`: a dense core, soft dusty edges, drips."""
    core: Array = np.zeros(wall.shape[:2], np.uint8)
    points = [(path * 8).round().astype(np.int32)]
    cv2.polylines(core, points, False, 255, round(wide), cv2.LINE_AA, 3)
    for x, y in path[rng.integers(0, len(path), 3)]:
        end = round(x), round(y + rng.uniform(1.5, 6) * wide)
        cv2.line(core, (round(x), round(y)), end, 255, max(3, round(wide / 6)), cv2.LINE_AA)
    paint = cv2.GaussianBlur(core / np.float32(255), (0, 0), wide / 9)
    cloud = cv2.GaussianBlur(core / np.float32(255), (0, 0), 8 + wide * 0.9)
    coarse = rng.uniform(0, 1, (core.shape[0] // 2, core.shape[1] // 2)).astype(np.float32)
    grit: Array = cv2.resize(coarse, core.shape[::-1])
    dust = step(-0.05, 0.05, 1.25 * cloud - grit - 0.06)
    cover = np.clip(0.97 * paint**0.8 + 0.85 * dust + 0.25 * cloud, 0, 1)
    shade = (0.82 + 0.3 * noise(rng, (core.shape[0], core.shape[1]), 60, 1.4))[..., None]
    wall[:] = mix(wall, np.clip(rgb(code) * shade, 0, 1), cover)


def scribble(rng: np.random.Generator, kind: int) -> Array:
    """Make a hand's path (240, 2) in texels: loops, a zigzag, a spiral or a sweeping arc."""
    s = np.linspace(0, 1, 240)
    size = rng.uniform(0.16, 0.34)
    if kind == 0:
        shape = np.stack([2.4 * s - 1.2 + 0.35 * np.sin(26 * s), 0.5 * np.cos(26 * s)], -1)
    elif kind == 1:
        zigzag = np.abs((s * 5) % 2 - 1) * 2 - 1
        shape = np.stack([2.2 * s - 1.1 + 0.1 * zigzag, 0.7 * zigzag], -1)
    elif kind == 2:
        shape = (s * np.stack([np.cos(17 * s), np.sin(17 * s)])).T
    else:
        shape = np.stack([np.cos(3.5 * s), np.sin(4.6 * s)], -1)
    turn = rng.uniform(-0.6, 0.6)
    turned = shape @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    place = rng.uniform((0.08, 0.1), (1.25, 0.9))
    points: Array = (turned * size + place) * (STYLE_HEIGHT * SUPERSAMPLE)
    return points


def make_spray(rng: np.random.Generator) -> Array:
    """Spray neon scribbles, drips and dots over one another on a concrete wall."""
    x, _ = style_grid()
    rough = noise(rng, x.shape, 50, 1.4)
    light = slope_light(rough, -2.2) * 3
    wall = ramp("5d5f63 8b8d90 b4b3b0 cfcbc4", np.clip(rough * 1.2 - 0.1 + light, 0, 1))
    codes = ("12121a", "ff2f92", "19e3e6", "ff7a12", "55f03a", "f7f23a", "7b2cff")
    for wide, count in ((64, 7), (34, 13), (17, 22), (9, 14)):
        for i in range(count):
            code = codes[(i * 4 + rng.integers(0, 3)) % len(codes)]
            spray_line(rng, wall, scribble(rng, int(rng.integers(0, 4))), wide, code)
    for _ in range(420):
        spot = (rng.uniform(0, 1, 2) * x.shape[::-1]).astype(int).tolist()
        colour = rgb(codes[rng.integers(0, len(codes))]).tolist()
        cv2.circle(wall, spot, int(rng.exponential(3.0)) + 1, colour, -1, cv2.LINE_AA)
    return np.clip(wall * (1 + 0.7 * light[..., None]), 0, 1)


def mosaic_plan() -> tuple[NDArray[np.int64], Array]:
    """Draw what the mosaic shows: a part number and a distance from the part's edge per texel."""
    x, y = style_grid()
    bow = y - 0.60 - 0.10 * np.sin(2.6 * x + 0.4)
    body = (np.hypot(x + 0.10, bow - 0.42) < 0.60) & (np.hypot(x + 0.10, bow + 0.42) < 0.60)
    tail = (x > 0.26) & (x < 0.52) & (np.abs(bow) < 0.75 * (x - 0.22)) & (np.abs(bow) > x - 0.42)
    head = body & (x < -0.27 + 1.2 * bow**2)
    sun = np.hypot(x - 0.40, y - 0.245) < 0.17
    frame = (np.abs(x) > 2 / 3 - 0.05) | (np.abs(y - 0.5) > 0.45)
    waves = np.floor((y + 0.035 * np.sin(8 * x) + 0.02 * np.sin(17 * x)) / 0.115).astype(int)
    parts = 10 + waves
    for part, where in ((1, sun), (2, tail), (3, body), (4, head), (5, frame)):
        parts = np.where(where, part, parts)
    edges = (cv2.Laplacian(parts.astype(np.float32), cv2.CV_32F) == 0).astype(np.uint8)
    return parts, cv2.distanceTransform(edges, cv2.DIST_L2, 5) / np.float32(y.shape[0])


def lay_tiles(
    rng: np.random.Generator, angle: Array, size: float
) -> tuple[NDArray[np.int64], Array, Array]:
    """Settle square tiles of about `size` texels along `angle` (rows, columns), by Lloyd's method.

    Gives each texel's tile, how deep it is inside that tile (texels), and the centres (n, 2).
    """
    rows, columns = angle.shape
    count = round(rows * columns / size**2)
    centres = rng.uniform(0, 1, (count, 2)) * (columns, rows)
    y, x = np.mgrid[0:rows, 0:columns]
    reach = round(1.7 * size)
    for _ in range(14):
        owner = np.zeros(angle.shape, np.int64)
        first, second = np.full((2, *angle.shape), 1e6, np.float32)
        for i, (cx, cy) in enumerate(centres):
            left, top = max(0, int(cx) - reach), max(0, int(cy) - reach)
            box = np.s_[top : int(cy) + reach, left : int(cx) + reach]
            dx, dy = x[box] - cx, y[box] - cy
            turn = angle[min(rows - 1, int(cy)), min(columns - 1, int(cx))]
            c, s = np.cos(turn), np.sin(turn)
            distance = np.maximum(np.abs(c * dx + s * dy), np.abs(c * dy - s * dx))
            closer = distance < first[box]
            second[box] = np.where(closer, first[box], np.minimum(second[box], distance))
            first[box] = np.where(closer, distance, first[box])
            owner[box][closer] = i
        area = np.maximum(np.bincount(owner.ravel(), minlength=count), 1)
        sums = [np.bincount(owner.ravel(), v.ravel(), count) for v in (x, y)]
        centres = np.stack(sums, -1) / area[:, None]
    return owner, second - first, centres


def make_mosaic(rng: np.random.Generator) -> Array:
    """Lay a fish under a sun in terracotta, teal, ochre and cream tiles with dark grout."""
    parts, depth = mosaic_plan()
    smooth = cv2.GaussianBlur(depth, (0, 0), 9)
    gradient = cv2.Sobel(smooth, cv2.CV_32F, 0, 1), cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
    owner, inside, centres = lay_tiles(rng, np.arctan2(*gradient), 22.0)
    x, y = np.clip(centres, 0, np.array(parts.shape[::-1]) - 1).astype(int).T
    part, ring = parts[y, x], np.floor(depth[y, x] * STYLE_HEIGHT * SUPERSAMPLE / 22).astype(int)
    choices = {
        1: ("e8b23a", "f6e3b0", "c9562c"),
        2: ("a83a20", "e8a23a", "c9562c"),
        3: ("c24a26", "e8a23a", "f3dfb4", "d9682e"),
        4: ("8c2d1c", "d9682e", "f3dfb4"),
        5: ("f3e6c8", "8c3a22"),
    }
    sea = (("0f4f55", "1c7a78"), ("2f9a90", "16646a"), ("7fc4b0", "2f9a90"), ("0d3c48", "1c7a78"))
    colours = np.zeros((len(centres), 3), np.float32)
    for i in range(len(centres)):
        codes = choices.get(int(part[i])) or sea[int(part[i]) % len(sea)]
        colours[i] = rgb(codes[ring[i] % len(codes)])
    colours *= rng.normal(1, 0.11, (len(centres), 1)) + rng.normal(0, 0.03, (len(centres), 3))
    eye = np.hypot(x - 0.225 * parts.shape[1], y - 0.525 * parts.shape[0])
    colours[eye < 48] = rgb("f3dfb4")
    colours[eye < 22] = rgb("14181c")
    grain = noise(rng, parts.shape, 14, 1.3)
    tile = step(2.5, 5.0, inside + 1.5 * (grain - 0.5))
    bevel = slope_light(np.minimum(inside, 9).astype(np.float32), -2.2) * 0.35
    tilt = rng.normal(0, 0.06, len(centres))[owner]
    glazed = colours[owner] * (0.75 + 0.5 * grain + bevel + tilt)[..., None]
    grout = ramp("1a1512 3a3028", grain)
    return np.clip(mix(grout, glazed, tile), 0, 1)


STYLES = {"swirls": make_swirls, "ink": make_ink, "spray": make_spray, "mosaic": make_mosaic}
